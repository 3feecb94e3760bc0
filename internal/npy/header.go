package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// maxHeader bounds the header's text. Versions 2 and 3 can say up to 4 GiB, but
// only record types, which are refused, need more than a few hundred bytes.
const maxHeader = 1 << 16

// maxDims is NumPy's own limit.
const maxDims = 64

// readHeader returns the header and the offset of the data.
func readHeader(r io.ReaderAt, size int64) (Header, int64, error) {
	var fixed [12]byte
	n := int(min(size, int64(len(fixed))))
	if _, err := r.ReadAt(fixed[:n], 0); err != nil && err != io.EOF {
		return Header{}, 0, err
	}
	if n < 10 || string(fixed[:6]) != magic {
		return Header{}, 0, fmt.Errorf("no NumPy magic: %w", ErrFormat)
	}
	major, minor := fixed[6], fixed[7]
	var start, length int64
	switch {
	case major == 1 && minor == 0:
		start, length = 10, int64(binary.LittleEndian.Uint16(fixed[8:]))
	case (major == 2 || major == 3) && minor == 0 && n == 12:
		start, length = 12, int64(binary.LittleEndian.Uint32(fixed[8:]))
	default:
		return Header{}, 0, fmt.Errorf("version %d.%d: %w", major, minor, ErrFormat)
	}
	if length > maxHeader {
		return Header{}, 0, fmt.Errorf("header of %d bytes, limit %d: %w", length, maxHeader, ErrHeader)
	}
	if length > size-start {
		return Header{}, 0, fmt.Errorf("header of %d bytes in a file of %d: %w", length, size, ErrSize)
	}
	text := make([]byte, length)
	if n, err := r.ReadAt(text, start); n < len(text) {
		return Header{}, 0, fmt.Errorf("header: %w", err)
	}
	h, err := parseHeader(string(text))
	return h, start + length, err
}

// parseHeader reads the Python dict literal
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
func parseHeader(text string) (Header, error) {
	p := &parser{text: text}
	var h Header
	seen := map[string]bool{}
	p.expect('{')
	for p.err == nil && !p.accept('}') {
		key := p.quoted()
		if seen[key] {
			p.fail("key %q appears twice", key)
		}
		seen[key] = true
		p.expect(':')
		switch key {
		case "descr":
			h.Descr = p.descr()
		case "fortran_order":
			h.Fortran = p.boolean()
		case "shape":
			h.Shape = p.tuple()
		default:
			p.fail("unknown key %q", key)
		}
		if !p.accept(',') {
			p.expect('}')
			break
		}
	}
	if p.skip(); p.err == nil && p.pos < len(text) {
		p.fail("text after the closing brace")
	}
	if p.err == nil && len(seen) != 3 {
		p.fail("descr, fortran_order and shape must be there")
	}
	return h, p.err
}

// parser walks a Python literal; after the first failure it returns zero values.
type parser struct {
	text string
	pos  int
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("header byte %d: %s: %w", p.pos, fmt.Sprintf(format, args...), ErrHeader)
	}
}

// skip steps over white space.
func (p *parser) skip() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\n' || p.text[p.pos] == '\t' || p.text[p.pos] == '\r') {
		p.pos++
	}
}

// accept steps over c if it comes next.
func (p *parser) accept(c byte) bool {
	p.skip()
	if p.err != nil || p.pos == len(p.text) || p.text[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

func (p *parser) expect(c byte) {
	if !p.accept(c) {
		p.fail("%q expected", c)
	}
}

// word returns the letters and digits that come next.
func (p *parser) word() string {
	p.skip()
	start := p.pos
	for p.pos < len(p.text) && (p.text[p.pos] >= '0' && p.text[p.pos] <= '9' || p.text[p.pos]|0x20 >= 'a' && p.text[p.pos]|0x20 <= 'z') {
		p.pos++
	}
	return p.text[start:p.pos]
}

// quoted reads a string without escapes.
func (p *parser) quoted() string {
	p.skip()
	if p.err != nil || p.pos == len(p.text) || p.text[p.pos] != '\'' && p.text[p.pos] != '"' {
		p.fail("string expected")
		return ""
	}
	quote, start := p.text[p.pos], p.pos+1
	for end := start; end < len(p.text) && p.text[end] != '\\'; end++ {
		if p.text[end] == quote {
			p.pos = end + 1
			return p.text[start:end]
		}
	}
	p.fail("unfinished string")
	return ""
}

func (p *parser) descr() string {
	if p.accept('[') && p.err == nil {
		p.err = fmt.Errorf("header byte %d: a record type: %w", p.pos, ErrDType)
	}
	return p.quoted()
}

func (p *parser) boolean() bool {
	switch p.word() {
	case "True":
		return true
	case "False":
		return false
	}
	p.fail("True or False expected")
	return false
}

// tuple reads (), (n,) or (n, m, …); Python 2 wrote long numbers with an L.
func (p *parser) tuple() []int {
	shape := []int{}
	p.expect('(')
	comma := true
	for p.err == nil && !p.accept(')') {
		if !comma {
			p.fail("comma expected")
		}
		word := p.word()
		if n := len(word); n > 1 && word[n-1] == 'L' {
			word = word[:n-1]
		}
		d, err := strconv.ParseUint(word, 10, strconv.IntSize-1)
		if err != nil {
			p.fail("dimension %q", word)
		}
		if len(shape) == maxDims {
			p.fail("more than %d dimensions", maxDims)
		}
		shape = append(shape, int(d))
		comma = p.accept(',')
	}
	if len(shape) == 1 && !comma { // (3) is a number in Python
		p.fail("a shape of one dimension needs its comma")
	}
	return shape
}

// elementType maps NumPy's type string. "<V2" is how NumPy saves the bfloat16 of
// ml_dtypes; its 8-bit floats are not told apart and therefore refused.
func elementType(descr string) (t dtype.Type, bigEndian bool, err error) {
	types := map[string]dtype.Type{
		"f8": dtype.F64, "f4": dtype.F32, "f2": dtype.F16, "V2": dtype.BF16,
		"i8": dtype.I64, "i4": dtype.I32, "i2": dtype.I16, "i1": dtype.I8,
		"u8": dtype.U64, "u4": dtype.U32, "u2": dtype.U16, "u1": dtype.U8, "b1": dtype.Bool,
	}
	if descr == "?" {
		return dtype.Bool, false, nil
	}
	if len(descr) == 3 {
		if t, ok := types[descr[1:]]; ok {
			switch order := descr[0]; {
			case order == '<', order == '|' && (t.Size() == 1 || t == dtype.BF16):
				return t, false, nil
			case order == '>':
				return t, true, nil
			}
		}
	}
	return "", false, fmt.Errorf("descr %q: %w", descr, ErrDType)
}
