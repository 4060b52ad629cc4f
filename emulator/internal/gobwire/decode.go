package gobwire

import (
	"bufio"
	"errors"
	"io"
)

// maxMessage is more than any answer that Lambda would take, and maxDepth more
// than its types are nested.
const (
	maxMessage = 64 << 20
	maxDepth   = 20
)

var errFormat = errors.New("this is not gob, or not of a function")

// Value is a decoded struct: int64, uint64, bool, string, []byte, Value or []any
// by the names of its fields. Fields that have their zero value are absent.
type Value map[string]any

// Decoder reads the messages of one connection.
type Decoder struct {
	from  *bufio.Reader
	types map[int64]definition
}

// definition is a type: a slice of elements, or a struct.
type definition struct {
	element int64
	fields  []field
}

type field struct {
	name string
	kind int64
}

// The types that definitions themselves are made of. (gob)
const (
	wireType = 16 + iota
	_
	commonType
	sliceType
	structType
	fieldType
	fieldTypes
)

// NewDecoder reads from a connection.
func NewDecoder(from io.Reader) *Decoder {
	return &Decoder{bufio.NewReader(from), map[int64]definition{
		wireType:   {fields: []field{{"ArrayT", 0}, {"SliceT", sliceType}, {"StructT", structType}}},
		commonType: {fields: []field{{"Name", typeString}, {"Id", typeInt}}},
		sliceType:  {fields: []field{{"CommonType", commonType}, {"Elem", typeInt}}},
		structType: {fields: []field{{"CommonType", commonType}, {"Field", fieldTypes}}},
		fieldType:  {fields: []field{{"Name", typeString}, {"Id", typeInt}}},
		fieldTypes: {element: fieldType},
	}}
}

// Next returns the next value, which is a struct.
func (d *Decoder) Next() (Value, error) {
	for {
		message, err := d.message()
		if err != nil {
			return nil, err
		}
		r := reader{types: d.types, rest: message}
		id := r.int()
		kind := id
		if id < 0 {
			kind = wireType
		}
		value, ok := r.value(kind, 0).(Value)
		if r.failed || !ok || len(r.rest) > 0 || id < 0 && -id < firstOwn {
			return nil, errFormat
		}
		if id > 0 {
			return value, nil
		}
		d.define(-id, value)
	}
}

func (d *Decoder) message() ([]byte, error) {
	head := make([]byte, 1, 9)
	if _, err := io.ReadFull(d.from, head); err != nil {
		return nil, err
	}
	if more := -int8(head[0]); more > 0 && more <= 8 {
		head = head[:1+more]
		if _, err := io.ReadFull(d.from, head[1:]); err != nil {
			return nil, err
		}
	}
	r := reader{rest: head}
	size := r.uint()
	if r.failed || size > maxMessage {
		return nil, errFormat
	}
	message, err := io.ReadAll(io.LimitReader(d.from, int64(size)))
	if err == nil && uint64(len(message)) < size {
		err = io.ErrUnexpectedEOF
	}
	return message, err
}

// define notes a type. One of a kind that no function's message has stays
// unknown.
func (d *Decoder) define(id int64, wire Value) {
	if slice, ok := wire["SliceT"].(Value); ok {
		element, _ := slice["Elem"].(int64)
		d.types[id] = definition{element: element}
	}
	if structure, ok := wire["StructT"].(Value); ok {
		var fields []field
		list, _ := structure["Field"].([]any)
		for _, entry := range list {
			name, _ := entry.(Value)["Name"].(string)
			kind, _ := entry.(Value)["Id"].(int64)
			fields = append(fields, field{name, kind})
		}
		d.types[id] = definition{fields: fields}
	}
}

// reader takes values from a message.
type reader struct {
	types  map[int64]definition
	rest   []byte
	failed bool
}

func (r *reader) value(kind int64, depth int) any {
	switch kind {
	case typeBool:
		return r.uint() != 0
	case typeInt:
		return r.int()
	case typeUint:
		return r.uint()
	case typeBytes:
		return r.take(r.uint())
	case typeString:
		return string(r.take(r.uint()))
	}
	t, known := r.types[kind]
	switch {
	case !known || depth > maxDepth:
		r.failed = true
		return nil
	case t.element != 0:
		return r.slice(t.element, depth)
	}
	return r.structure(t.fields, depth)
}

func (r *reader) slice(element int64, depth int) []any {
	var list []any
	for count := r.uint(); count > 0 && !r.failed; count-- {
		list = append(list, r.value(element, depth+1))
	}
	return list
}

// structure reads fields, each after its distance from the one before.
func (r *reader) structure(fields []field, depth int) Value {
	value, at := Value{}, uint64(0)
	for !r.failed {
		step := r.uint()
		if step == 0 {
			break
		}
		if at += step; at > uint64(len(fields)) || at < step {
			r.failed = true
			break
		}
		value[fields[at-1].name] = r.value(fields[at-1].kind, depth+1)
	}
	return value
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.failed = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) uint() (n uint64) {
	first := r.take(1)
	switch {
	case r.failed:
		return 0
	case first[0] < 128:
		return uint64(first[0])
	}
	size := -int8(first[0])
	if size < 1 || size > 8 { // -128 stays negative
		r.failed = true
		return 0
	}
	for _, b := range r.take(uint64(size)) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *reader) int() int64 {
	n := r.uint()
	return int64(n>>1) ^ -int64(n&1)
}
