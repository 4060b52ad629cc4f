package jsonvalid

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

var texts = []string{
	``, ` `, `{}`, `[]`, ` {"a" : [1, -2.5e+10, 0, true, false, null, "x"] , "b":{} } `, `"\u00e9\n\"\\\/"`,
	`{`, `}`, `{"a"}`, `{"a":}`, `{,}`, `{"a":1,}`, `[1,]`, `[,1]`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `tru`, `truex`,
	`"`, `"\`, `"\u12`, `"\x"`, "\"\x01\"", "\"12345678\x1f\"", "\"1234567\n\"", `"123456789012345678"`, `"1234567\"`,
	`1 2`, "\x00", `"é日本語"`, `nul`, `{"a":1 "b":2}`, `{1:2}`, `[1 2]`, `"a`, "[\"\u007f\"]",
	"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"abcdefg\xe6\x97\"", "\"\xe6\x97\\n\xa5\"",
	"\"\xe6\x97", "\"\ufffd, \U0010ffff\"", `{"1234567é":"éé","日本語":["語"]}`, `"\ud800"`, "\xef\xbb\xbf{}", "\xff\xfe{\x00}\x00", "[\xc2\xa0]",
	strings.Repeat("[", 10000) + strings.Repeat("]", 10000), strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
}

// standard is what the standard library says.
func standard(text []byte) bool { return json.Valid(text) && utf8.Valid(text) }

func TestValidAgreesWithTheStandardLibrary(t *testing.T) {
	for _, text := range texts {
		if got, want := Valid([]byte(text)), standard([]byte(text)); got != want {
			t.Errorf("Valid(%.60q) = %v, want %v", text, got, want)
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := Valid(text), standard(text); got != want {
			t.Errorf("Valid(%q) = %v, want %v", text, got, want)
		}
	})
}

// The time for an event of each size and kind; a scan may cost no more than the
// reading of it.
func BenchmarkValid(b *testing.B) {
	for name, unit := range map[string]string{
		"ascii":    "x",
		"objects":  `","name":"value","count":12345,"list":["a","bc","def"],"x":"`,
		"japanese": "日本語の文字列",
		"mixed":    "Grüße aus München, ",
	} {
		for _, size := range []int{100 << 10, 5 << 20} {
			text := []byte(`{"a":"` + strings.Repeat(unit, size/len(unit)) + `"}`)
			b.Run(fmt.Sprintf("%s-%dK", name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					if !Valid(text) {
						b.Fatal("not valid")
					}
				}
			})
		}
	}
}
