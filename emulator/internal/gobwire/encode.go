// Package gobwire reads and writes the part of encoding/gob's wire format that
// net/rpc needs for the messages of go1.x functions: structs of numbers,
// strings, bytes, structs and slices of them. encoding/gob itself prepares for
// every Go type before main begins, which takes a fifth of the time in which the
// emulator starts a runtime.
package gobwire

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Identifiers of types that need no definition, and the first that does. (gob)
const (
	typeBool   = 1
	typeInt    = 2
	typeUint   = 3
	typeBytes  = 5
	typeString = 6
	firstOwn   = 64
)

// Struct is a value to encode. Structs of one name have the same fields.
type Struct struct {
	Name   string
	Fields []Field
}

// Field is a part of a Struct: an int64, uint64, string, []byte or Struct.
type Field struct {
	Name  string
	Value any
}

// Encoder writes the messages of one connection.
type Encoder struct{ defined map[string]int }

// NewEncoder returns an Encoder that has sent nothing yet.
func NewEncoder() *Encoder { return &Encoder{map[string]int{}} }

// Append adds a value to a buffer, after the definitions that the other side
// does not know yet.
func (e *Encoder) Append(buffer []byte, s Struct) []byte {
	buffer, id := e.define(buffer, s)
	return appendMessage(buffer, id, appendStruct(nil, s))
}

// define makes sure that the type of a value is known, and returns its id.
func (e *Encoder) define(buffer []byte, s Struct) ([]byte, int) {
	if id, known := e.defined[s.Name]; known {
		return buffer, id
	}
	fields := appendUint(nil, uint64(len(s.Fields)))
	for _, field := range s.Fields {
		var id int
		buffer, id = e.typeOf(buffer, field.Value)
		fields = appendStruct(fields, Struct{Fields: []Field{{"Name", field.Name}, {"Id", int64(id)}}})
	}
	id := firstOwn + len(e.defined)
	e.defined[s.Name] = id
	// wireType{StructT: structType{CommonType{Name, Id}, Field}}: what stands
	// before a field is its distance from the one before.
	definition := appendStruct([]byte{3, 1}, Struct{Fields: []Field{{"Name", s.Name}, {"Id", int64(id)}}})
	if len(s.Fields) > 0 {
		definition = append(append(definition, 1), fields...)
	}
	return appendMessage(buffer, -id, append(definition, 0, 0)), id
}

func (e *Encoder) typeOf(buffer []byte, value any) ([]byte, int) {
	switch value := value.(type) {
	case int64:
		return buffer, typeInt
	case uint64:
		return buffer, typeUint
	case string:
		return buffer, typeString
	case []byte:
		return buffer, typeBytes
	case Struct:
		return e.define(buffer, value)
	}
	panic(fmt.Sprintf("gobwire: no type for %T", value))
}

func appendMessage(buffer []byte, id int, content []byte) []byte {
	head := appendInt(nil, int64(id))
	buffer = appendUint(buffer, uint64(len(head)+len(content)))
	return append(append(buffer, head...), content...)
}

func appendStruct(b []byte, s Struct) []byte {
	for _, field := range s.Fields {
		b = append(b, 1) // the next field: none is left out
		switch value := field.Value.(type) {
		case int64:
			b = appendInt(b, value)
		case uint64:
			b = appendUint(b, value)
		case string:
			b = append(appendUint(b, uint64(len(value))), value...)
		case []byte:
			b = append(appendUint(b, uint64(len(value))), value...)
		case Struct:
			b = appendStruct(b, value)
		}
	}
	return append(b, 0)
}

// appendUint writes a small number as one byte, others as the negated count of
// their bytes and these.
func appendUint(b []byte, n uint64) []byte {
	if n < 128 {
		return append(b, byte(n))
	}
	size := (bits.Len64(n) + 7) / 8
	b = append(b, byte(-size))
	return append(b, binary.BigEndian.AppendUint64(nil, n)[8-size:]...)
}

// appendInt has the sign in the lowest bit.
func appendInt(b []byte, n int64) []byte {
	return appendUint(b, uint64(n<<1^n>>63))
}
