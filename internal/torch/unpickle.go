package torch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// The opcodes of protocols 2 to 5 that torch.save can come by; see Python's
// pickletools. Anything else is refused.
const (
	opMark         = '('
	opStop         = '.'
	opPop          = '0'
	opPopMark      = '1'
	opNone         = 'N'
	opTrue         = 0x88
	opFalse        = 0x89
	opInt4         = 'J'
	opInt1         = 'K'
	opInt2         = 'M'
	opLong1        = 0x8a
	opLong4        = 0x8b
	opFloat        = 'G'
	opUnicode      = 'X'
	opShortUnicode = 0x8c
	opUnicode8     = 0x8d
	opString       = 'T' // str of Python 2
	opShortString  = 'U'
	opBytes        = 'B'
	opShortBytes   = 'C'
	opBytes8       = 0x8e
	opByteArray8   = 0x96
	opEmptyTuple   = ')'
	opTuple        = 't'
	opTuple1       = 0x85
	opTuple2       = 0x86
	opTuple3       = 0x87
	opEmptyList    = ']'
	opAppend       = 'a'
	opAppends      = 'e'
	opEmptySet     = 0x8f
	opAddItems     = 0x90
	opFrozenSet    = 0x91
	opEmptyDict    = '}'
	opSetItem      = 's'
	opSetItems     = 'u'
	opGlobal       = 'c'
	opStackGlobal  = 0x93
	opReduce       = 'R'
	opBuild        = 'b'
	opPersistentID = 'Q'
	opPut1         = 'q'
	opPut4         = 'r'
	opMemoize      = 0x94
	opGet1         = 'h'
	opGet4         = 'j'
	opProto        = 0x80
	opFrame        = 0x95
	opInst         = 'i' // refused, but it names a class
)

// Limits of the machine.
const (
	newestProto = 5
	maxObjects  = 1 << 22 // pushed or remembered; a tensor needs about 20
	maxStack    = 1 << 20
	maxGlobal   = 256 // bytes of a module's or an object's name
)

// The values that the machine builds beside nil, bool, int64, float64, string,
// global, *storage and *view.
type (
	tuple []any
	list  struct{ items []any }  // also a set
	dict  struct{ pairs []pair } // in the order of insertion
	pair  struct{ key, value any }
	// opaque is a value without tensors whose content does not matter: bytes, a
	// long integer, a dtype or device.
	opaque struct{}
)

// unpickler is the pickle machine. After the first failure it does nothing more.
type unpickler struct {
	text    []byte
	pos     int
	stack   []any
	marks   []int // heights of the stack
	memo    map[uint32]any
	objects int
	storage func(key string, typ dtype.Type, n int64) (*storage, error)
	err     error
}

// unpickle runs a pickle and returns what it builds. Memory stays below some 100
// bytes for each byte of text.
func unpickle(text []byte, find func(key string, typ dtype.Type, n int64) (*storage, error)) (any, error) {
	u := &unpickler{text: text, memo: map[uint32]any{}, storage: find}
	for {
		op := u.byte()
		if u.err != nil {
			return nil, u.err
		}
		if op == opStop {
			break
		}
		u.step(op)
	}
	root := u.pop()
	if len(u.stack) > 0 || len(u.marks) > 0 || u.pos < len(text) {
		u.fail("values left at the end")
	}
	return root, u.err
}

func (u *unpickler) step(op byte) {
	switch op {
	case opProto:
		if v := u.byte(); v > newestProto {
			u.fail("protocol %d", v)
		}
	case opFrame:
		u.count(u.take(8))
	case opMark:
		u.object()
		u.marks = append(u.marks, len(u.stack))
	case opPop:
		if len(u.marks) > 0 && u.marks[len(u.marks)-1] == len(u.stack) {
			u.popMark()
		} else {
			u.pop()
		}
	case opPopMark:
		u.popMark()
	case opNone:
		u.push(nil)
	case opTrue, opFalse:
		u.push(op == opTrue)
	case opInt1:
		u.push(int64(u.byte()))
	case opInt2:
		u.push(int64(uint16(little(u.take(2)))))
	case opInt4:
		u.push(int64(int32(little(u.take(4)))))
	case opLong1:
		u.long(u.take(int(u.byte())))
	case opLong4:
		u.long(u.take(u.count(u.take(4))))
	case opFloat:
		if b := u.take(8); b != nil {
			u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
	case opShortUnicode, opShortString:
		u.push(string(u.take(int(u.byte()))))
	case opUnicode, opString:
		u.push(string(u.take(u.count(u.take(4)))))
	case opUnicode8:
		u.push(string(u.take(u.count(u.take(8)))))
	case opShortBytes:
		u.take(int(u.byte()))
		u.push(opaque{})
	case opBytes:
		u.take(u.count(u.take(4)))
		u.push(opaque{})
	case opBytes8, opByteArray8:
		u.take(u.count(u.take(8)))
		u.push(opaque{})
	default:
		u.stepContainer(op)
	}
}

func (u *unpickler) stepContainer(op byte) {
	switch op {
	case opEmptyTuple:
		u.push(tuple(nil))
	case opTuple1, opTuple2, opTuple3:
		u.push(tuple(u.popN(int(op - opTuple1 + 1))))
	case opTuple:
		u.push(tuple(u.popMark()))
	case opEmptyList, opEmptySet:
		u.push(&list{})
	case opFrozenSet:
		u.push(&list{u.popMark()})
	case opAppend:
		u.extend(u.popN(1))
	case opAppends, opAddItems:
		u.extend(u.popMark())
	case opEmptyDict:
		u.push(&dict{})
	case opSetItem:
		u.setItems(u.popN(2))
	case opSetItems:
		u.setItems(u.popMark())
	case opPut1:
		u.put(uint32(u.byte()))
	case opPut4:
		u.put(uint32(little(u.take(4))))
	case opMemoize:
		u.put(uint32(len(u.memo)))
	case opGet1:
		u.get(uint32(u.byte()))
	case opGet4:
		u.get(uint32(little(u.take(4))))
	default:
		u.stepObject(op)
	}
}

func (u *unpickler) stepObject(op byte) {
	switch op {
	case opGlobal, opInst:
		module, name := u.line(), u.line()
		u.global(module, name)
		if op == opInst {
			u.fail("opcode %q", op)
		}
	case opStackGlobal:
		names := u.popN(2)
		if u.err != nil {
			return
		}
		module, ok1 := names[0].(string)
		name, ok2 := names[1].(string)
		if !ok1 || !ok2 || len(module) > maxGlobal || len(name) > maxGlobal {
			u.fail("the name of a global is none")
			return
		}
		u.global(module, name)
	case opPersistentID:
		u.set(persistentStorage(u.pop(), u.storage))
	case opReduce:
		arguments, callee := u.pop(), u.pop()
		if u.err == nil {
			u.set(call(callee, arguments))
		}
	case opBuild:
		// The attributes of an OrderedDict (PyTorch's _metadata); no other object
		// that can be here has any.
		u.pop()
		if _, ok := u.top().(*dict); !ok {
			u.fail("attributes of a %s", kind(u.top()))
		}
	default:
		u.fail("opcode %#x", op)
	}
}

func (u *unpickler) fail(format string, args ...any) {
	if u.err == nil {
		u.err = fmt.Errorf("byte %d: %s: %w", u.pos, fmt.Sprintf(format, args...), ErrPickle)
	}
}

// take returns the next n bytes, nil after a failure.
func (u *unpickler) take(n int) []byte {
	if u.err != nil || n > len(u.text)-u.pos {
		u.fail("%d bytes expected, %d left", n, len(u.text)-u.pos)
		return nil
	}
	b := u.text[u.pos : u.pos+n : u.pos+n]
	u.pos += n
	return b
}

func (u *unpickler) byte() byte {
	if b := u.take(1); b != nil {
		return b[0]
	}
	return 0
}

// count returns a length stored in 4 or 8 bytes, at most what is left.
func (u *unpickler) count(b []byte) int {
	n := little(b)
	if n > uint64(len(u.text)-u.pos) {
		u.fail("%d bytes expected, %d left", n, len(u.text)-u.pos)
		return 0
	}
	return int(n)
}

// little returns the little-endian number in at most 8 bytes.
func little(b []byte) uint64 {
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:])
}

// line returns the text up to the next newline: a global's name.
func (u *unpickler) line() string {
	left := u.text[u.pos:]
	end := bytes.IndexByte(left[:min(len(left), maxGlobal+1)], '\n')
	if end < 0 {
		u.fail("the name of a global does not end")
		return ""
	}
	u.pos += end + 1
	return string(left[:end])
}

// long pushes an integer in two's complement of any length.
func (u *unpickler) long(b []byte) {
	if len(b) > 8 {
		u.push(opaque{})
		return
	}
	shift := 64 - 8*len(b) // brings the sign to the top
	u.push(int64(little(b)<<shift) >> shift)
}

// object counts what an opcode creates.
func (u *unpickler) object() {
	if u.objects++; u.objects > maxObjects {
		u.fail("more than %d objects", maxObjects)
	}
}

func (u *unpickler) push(v any) {
	u.object()
	if len(u.stack) == maxStack {
		u.fail("more than %d values on the stack", maxStack)
	}
	if u.err == nil {
		u.stack = append(u.stack, v)
	}
}

// set pushes v unless there is an error.
func (u *unpickler) set(v any, err error) {
	if err != nil && u.err == nil {
		u.err = fmt.Errorf("byte %d: %w", u.pos, err)
	}
	u.push(v)
}

// floor is the height below which the stack belongs to an outer mark.
func (u *unpickler) floor() int {
	if len(u.marks) > 0 {
		return u.marks[len(u.marks)-1]
	}
	return 0
}

func (u *unpickler) top() any {
	if u.err != nil || len(u.stack) == u.floor() {
		u.fail("the stack is empty")
		return nil
	}
	return u.stack[len(u.stack)-1]
}

func (u *unpickler) pop() any {
	v := u.top()
	if u.err == nil {
		u.stack = u.stack[:len(u.stack)-1]
	}
	return v
}

// popN returns a copy of the n topmost values, the deepest first.
func (u *unpickler) popN(n int) []any {
	if u.err != nil || len(u.stack)-n < u.floor() {
		u.fail("the stack is empty")
		return nil
	}
	start := len(u.stack) - n
	values := append([]any(nil), u.stack[start:]...)
	u.stack = u.stack[:start]
	return values
}

// popMark returns a copy of the values above the topmost mark, and takes it away.
func (u *unpickler) popMark() []any {
	if u.err != nil || len(u.marks) == 0 {
		u.fail("no mark on the stack")
		return nil
	}
	values := u.popN(len(u.stack) - u.floor())
	u.marks = u.marks[:len(u.marks)-1]
	return values
}

func (u *unpickler) extend(items []any) {
	l, ok := u.top().(*list)
	if !ok {
		u.fail("items of a %s", kind(u.top()))
		return
	}
	l.items = append(l.items, items...)
}

func (u *unpickler) setItems(flat []any) {
	d, ok := u.top().(*dict)
	if !ok || len(flat)%2 != 0 {
		u.fail("items of a %s", kind(u.top()))
		return
	}
	for ; len(flat) > 0; flat = flat[2:] {
		d.pairs = append(d.pairs, pair{flat[0], flat[1]})
	}
}

func (u *unpickler) put(i uint32) {
	u.object()
	if v := u.top(); u.err == nil {
		u.memo[i] = v
	}
}

func (u *unpickler) get(i uint32) {
	v, ok := u.memo[i]
	if !ok {
		u.fail("nothing is remembered as %d", i)
	}
	u.push(v)
}

func (u *unpickler) global(module, name string) {
	if u.err == nil {
		u.set(lookUp(module, name))
	}
}
