package eventstream

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"testing"
)

// parse is a reader of its own, strict about every length and checksum.
func parse(b []byte) (headers []Header, payload, rest []byte, err error) {
	if len(b) < 16 {
		return nil, nil, nil, errors.New("short")
	}
	total, size := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if uint64(total) > uint64(len(b)) || uint64(size)+16 > uint64(total) {
		return nil, nil, nil, errors.New("lengths")
	}
	if crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]) {
		return nil, nil, nil, errors.New("prelude checksum")
	}
	if crc32.ChecksumIEEE(b[:total-4]) != binary.BigEndian.Uint32(b[total-4:]) {
		return nil, nil, nil, errors.New("message checksum")
	}
	h := b[12 : 12+size]
	for len(h) > 0 {
		n := int(h[0])
		name := string(h[1 : 1+n])
		if h[1+n] != 7 {
			return nil, nil, nil, errors.New("header type")
		}
		length := int(binary.BigEndian.Uint16(h[2+n:]))
		headers = append(headers, Header{name, string(h[4+n : 4+n+length])})
		h = h[4+n+length:]
	}
	return headers, b[12+size : total-4], b[total:], nil
}

// The bytes of a message from the test vectors of AWS's SDKs: payload
// {'foo':'bar'}, no headers.
func TestAppendGivesTheKnownBytes(t *testing.T) {
	want := "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936"
	if got := hex.EncodeToString(Append(nil, nil, []byte(`{'foo':'bar'}`))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAppendKeepsWhatIsInTheBuffer(t *testing.T) {
	b := AppendEvent([]byte("before"), "PayloadChunk", "application/octet-stream", []byte("one"))
	b = AppendEvent(b, "InvokeComplete", "application/json", nil)
	_, payload, rest, err := parse(b[len("before"):])
	if err != nil || string(payload) != "one" {
		t.Fatalf("first message: %q, %v", payload, err)
	}
	headers, payload, rest, err := parse(rest)
	if err != nil || len(payload) != 0 || len(rest) != 0 || headers[0] != (Header{":event-type", "InvokeComplete"}) {
		t.Fatalf("second message: %v %q %q %v", headers, payload, rest, err)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add(":event-type", "PayloadChunk", []byte("payload"))
	f.Add("", "", []byte(nil))
	f.Fuzz(func(t *testing.T, name, value string, payload []byte) {
		if len(name) > 255 || len(value) > 65535 {
			t.Skip()
		}
		headers, got, rest, err := parse(Append(nil, []Header{{name, value}}, payload))
		if err != nil || !bytes.Equal(got, payload) || len(rest) != 0 {
			t.Fatalf("payload %q, rest %q, %v", got, rest, err)
		}
		if len(headers) != 1 || headers[0] != (Header{name, value}) {
			t.Fatalf("headers %v", headers)
		}
	})
}
