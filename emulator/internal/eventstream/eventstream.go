// Package eventstream writes application/vnd.amazon.eventstream, the framing of
// streamed responses: a prelude with two lengths and its checksum, headers, the
// payload, and a checksum over all of it.
package eventstream

import (
	"encoding/binary"
	"hash/crc32"
)

// ContentType is the media type of a stream.
const ContentType = "application/vnd.amazon.eventstream"

const (
	preludeSize  = 12
	checksumSize = 4
	typeString   = 7 // of a header's value
)

// Header is a header of a message. Name and value are at most 255 and 65535
// bytes long.
type Header struct{ Name, Value string }

// Append adds one message to buffer.
func Append(buffer []byte, headers []Header, payload []byte) []byte {
	start := len(buffer)
	buffer = append(buffer, make([]byte, preludeSize)...)
	for _, h := range headers {
		buffer = append(buffer, byte(len(h.Name)))
		buffer = append(buffer, h.Name...)
		buffer = append(buffer, typeString)
		buffer = binary.BigEndian.AppendUint16(buffer, uint16(len(h.Value)))
		buffer = append(buffer, h.Value...)
	}
	headersSize := len(buffer) - start - preludeSize
	buffer = append(buffer, payload...)
	message := buffer[start:]
	binary.BigEndian.PutUint32(message[0:], uint32(len(message)+checksumSize))
	binary.BigEndian.PutUint32(message[4:], uint32(headersSize))
	binary.BigEndian.PutUint32(message[8:], crc32.ChecksumIEEE(message[:8]))
	return binary.BigEndian.AppendUint32(buffer, crc32.ChecksumIEEE(message))
}

// AppendEvent adds an event of a service to buffer.
func AppendEvent(buffer []byte, event, contentType string, payload []byte) []byte {
	return Append(buffer, []Header{
		{":event-type", event},
		{":content-type", contentType},
		{":message-type", "event"},
	}, payload)
}
