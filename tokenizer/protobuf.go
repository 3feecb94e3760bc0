package tokenizer

import (
	"encoding/binary"
	"fmt"
	"math"
)

// protobufField is a field of a message in protocol buffers' wire format.
type protobufField struct {
	number int
	value  uint64 // of a varint or a fixed number
	bytes  []byte // of a string, bytes or a message: part of the data
}

func (f protobufField) float32() float32 { return math.Float32frombits(uint32(f.value)) }

// int32 is a number that may be negative: those take all 64 bits.
func (f protobufField) int32() int { return int(int32(f.value)) }

// readProtobuf calls each for the fields of a message, in order. Groups, which nobody has written for long, are an error.
func readProtobuf(what string, data []byte, each func(protobufField) error) error {
	malformed := func(at int) error {
		return fmt.Errorf("%w: %s: not a message, or cut short, at byte %d", ErrFormat, what, at)
	}
	for pos := 0; pos < len(data); {
		start := pos
		key, n := binary.Uvarint(data[pos:])
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29-1 {
			return malformed(start)
		}
		pos += n
		f := protobufField{number: int(key >> 3)}
		size := 0
		switch key & 7 {
		case 0:
			if f.value, size = binary.Uvarint(data[pos:]); size <= 0 {
				return malformed(start)
			}
		case 1:
			if size = 8; len(data)-pos < size {
				return malformed(start)
			}
			f.value = binary.LittleEndian.Uint64(data[pos:])
		case 2:
			length, n := binary.Uvarint(data[pos:])
			if n <= 0 || length > uint64(len(data)-pos-n) {
				return malformed(start)
			}
			f.bytes, size = data[pos+n:pos+n+int(length)], n+int(length)
		case 5:
			if size = 4; len(data)-pos < size {
				return malformed(start)
			}
			f.value = uint64(binary.LittleEndian.Uint32(data[pos:]))
		default:
			return malformed(start)
		}
		pos += size
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}
