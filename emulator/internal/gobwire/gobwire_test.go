package gobwire

import (
	"bytes"
	"encoding/gob"
	"errors"
	"io"
	"math"
	"reflect"
	"testing"
)

type inner struct {
	Path string
	Line int32
}

type outer struct {
	Text   string
	Bytes  []byte
	Signed int64
	Number uint64
	Flag   bool
	Inner  inner
	Far    *inner
	List   []*inner
}

func TestGobReadsWhatIsWritten(t *testing.T) {
	encoder, wire := NewEncoder(), []byte(nil)
	numbers := []int64{0, 1, -1, 63, 64, -64, -65, 127, 128, 255, 256, 1 << 40, math.MaxInt64, math.MinInt64}
	for _, n := range numbers {
		wire = encoder.Append(wire, Struct{"outer", []Field{
			{"Text", "text"}, {"Bytes", []byte{1, 2}}, {"Signed", n}, {"Number", uint64(n)},
			{"Inner", Struct{"inner", []Field{{"Path", "p"}, {"Line", int64(7)}}}},
		}})
	}
	wire = encoder.Append(wire, Struct{Name: "empty"})
	decoder := gob.NewDecoder(bytes.NewReader(wire))
	for _, n := range numbers {
		var got outer
		want := outer{Text: "text", Bytes: []byte{1, 2}, Signed: n, Number: uint64(n), Inner: inner{"p", 7}}
		if err := decoder.Decode(&got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if err := decoder.Decode(&struct{}{}); err != nil {
		t.Error(err)
	}
}

func TestWhatGobWritesIsRead(t *testing.T) {
	var wire bytes.Buffer
	encoder := gob.NewEncoder(&wire)
	for _, value := range []any{
		outer{Text: "text", Bytes: []byte{1, 2}, Signed: math.MinInt64, Number: math.MaxUint64, Flag: true,
			Inner: inner{"p", -7}, Far: &inner{Path: "far"}, List: []*inner{{"a", 1}, {Line: 2}}},
		outer{}, struct{}{},
	} {
		if err := encoder.Encode(value); err != nil {
			t.Fatal(err)
		}
	}
	decoder := NewDecoder(&wire)
	for _, want := range []Value{
		{
			"Text": "text", "Bytes": []byte{1, 2}, "Signed": int64(math.MinInt64), "Number": uint64(math.MaxUint64), "Flag": true,
			"Inner": Value{"Path": "p", "Line": int64(-7)}, "Far": Value{"Path": "far"},
			"List": []any{Value{"Path": "a", "Line": int64(1)}, Value{"Line": int64(2)}},
		},
		{"Inner": Value{}}, {},
	} {
		if got, err := decoder.Next(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %#v, %v", got, err)
		}
	}
	if _, err := decoder.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// FuzzNext reads bytes: whatever they are, it comes to an end.
func FuzzNext(f *testing.F) {
	var wire bytes.Buffer
	_ = gob.NewEncoder(&wire).Encode(outer{Text: "text", Far: &inner{}, List: []*inner{{"a", 1}}})
	f.Add(wire.Bytes())
	f.Add([]byte{0xf8, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, sent []byte) {
		decoder := NewDecoder(bytes.NewReader(sent))
		for {
			if _, err := decoder.Next(); err != nil {
				return
			}
		}
	})
}
