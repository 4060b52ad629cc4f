package jsontext

import (
	"encoding/json"
	"strings"
	"testing"
)

var texts = []string{
	``, ` `, `{}`, `[]`, ` {"a" : [1, -2.5e+10, 0, true, false, null, "x"] , "b":{} } `, `"\u00e9\n\"\\\/"`,
	`{`, `}`, `{"a"}`, `{"a":}`, `{,}`, `{"a":1,}`, `[1,]`, `[,1]`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `tru`, `truex`,
	`"`, `"\`, `"\u12`, `"\x"`, "\"\x01\"", "\"12345678\x1f\"", "\"1234567\n\"", `"123456789012345678"`, `"1234567\"`,
	`1 2`, "\x00", `"é日本語"`, "\"\xff\"", `nul`, `{"a":1 "b":2}`, `{1:2}`, `[1 2]`, `"a`, "[\"\u007f\"]",
	strings.Repeat("[", 10000) + strings.Repeat("]", 10000), strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
}

func TestValidAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range texts {
		if got, want := Valid([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("Valid(%.60q) = %v, want %v", text, got, want)
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := Valid(text), json.Valid(text); got != want {
			t.Errorf("Valid(%q) = %v, want %v", text, got, want)
		}
	})
}

func BenchmarkValid(b *testing.B) {
	text := []byte(`{"large":"` + strings.Repeat("x", 1<<20) + `"}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if !Valid(text) {
			b.Fatal("not valid")
		}
	}
}
