// Package jsonvalid tells whether a text is JSON in UTF-8, as Lambda wants events.
// The standard library does so too, at a speed at which an event of a megabyte
// would cost more than its two trips over the loopback.
package jsonvalid

import (
	"encoding/binary"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may nest, as in encoding/json.
const maxDepth = 10000

// Valid tells whether text is one JSON value and all of it is UTF-8, which
// json.Valid does not ask for. Beyond ASCII there are strings only.
func Valid(text []byte) bool {
	s := scanner{text: text}
	s.space()
	if !s.value(0) {
		return false
	}
	s.space()
	return s.at == len(text)
}

// scanner reads a text from front to back. Its methods that return a bool tell
// whether they found, and passed, what they are named after.
type scanner struct {
	text []byte
	at   int
}

// peek returns the next byte, 0 at the end: no JSON token begins with that.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) one(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) space() {
	for {
		switch s.peek() {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) value(depth int) bool {
	switch s.peek() {
	case '"':
		return s.string()
	case '{':
		return depth < maxDepth && s.object(depth+1)
	case '[':
		return depth < maxDepth && s.array(depth+1)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(w string) bool {
	if len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

func (s *scanner) object(depth int) bool {
	s.at++
	s.space()
	if s.one('}') {
		return true
	}
	for {
		if s.peek() != '"' || !s.string() {
			return false
		}
		s.space()
		if !s.one(':') {
			return false
		}
		if more, ok := s.element(depth, '}'); !more {
			return ok
		}
	}
}

func (s *scanner) array(depth int) bool {
	s.at++
	s.space()
	if s.one(']') {
		return true
	}
	for {
		if more, ok := s.element(depth, ']'); !more {
			return ok
		}
	}
}

// element reads a value and the comma or the closing bracket after it.
func (s *scanner) element(depth int, end byte) (more, ok bool) {
	s.space()
	if !s.value(depth) {
		return false, false
	}
	s.space()
	if s.one(',') {
		s.space()
		return true, true
	}
	return false, s.one(end)
}

func (s *scanner) number() bool {
	s.one('-')
	if !s.one('0') && !s.digits() {
		return false
	}
	if s.one('.') && !s.digits() {
		return false
	}
	if s.one('e') || s.one('E') {
		if !s.one('+') {
			s.one('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.at
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.at++
	}
	return s.at > from
}

func (s *scanner) string() bool {
	s.at++
	for {
		if !s.plain() {
			return false
		}
		switch c := s.peek(); {
		case c == '"':
			s.at++
			return true
		case c != '\\' || !s.escape(): // a control character, the end, or a bad escape
			return false
		}
	}
}

// plain passes the part of a string that means itself, eight bytes at a time. It
// tells whether that is UTF-8: what ends it is ASCII, and so in no character's
// middle.
func (s *scanner) plain() bool {
	from, seen := s.at, uint64(0)
	for len(s.text)-s.at >= 8 {
		word := binary.LittleEndian.Uint64(s.text[s.at:])
		if special(word) {
			break
		}
		seen |= word
		s.at += 8
	}
	for s.at < len(s.text) {
		c := s.text[s.at]
		if c < 0x20 || c == '"' || c == '\\' {
			break
		}
		seen |= uint64(c)
		s.at++
	}
	return seen&tops == 0 || utf8.Valid(s.text[from:s.at])
}

// Each byte of a word: its lowest bit, its top bit.
const ones, tops = 0x0101010101010101, 0x8080808080808080

// special tells whether one of eight bytes is a quote, a backslash or below
// 0x20. Subtracting from each byte sets its top bit if it borrows.
func special(word uint64) bool {
	quote, slash := word^ones*'"', word^ones*'\\'
	return ((quote-ones)&^quote|(slash-ones)&^slash|(word-ones*0x20)&^word)&tops != 0
}

func (s *scanner) escape() bool {
	s.at++
	c := s.peek()
	s.at++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		return s.hex() && s.hex() && s.hex() && s.hex()
	}
	return false
}

func (s *scanner) hex() bool {
	c := s.peek()
	s.at++
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
