package kernel

import (
	"math"
	"unsafe"

	"github.com/helix-substrate/helix-substrate/dtype"
)

const (
	// AttentionTile is how many positions of a sequence have their keys and values in a tile.
	AttentionTile = 64
	// AttentionSegment is how many positions have a running softmax of their own.
	AttentionSegment = 1024
)

// KVForm is how the elements of keys and values lie in memory.
//
// A tile has the keys and values of one head at [AttentionTile] positions that follow each other, the first a multiple of
// that: keys as [dim][position], so that the positions are the lanes of scores; then values as [position][dim], padded
// with zeros to a multiple of 16; in the form KVInt8 then a float32 scale for each position's key, and for its value.
type KVForm int

// The forms. KVInt8 rounds a position's key to integers of -127 … 127 times a scale, its largest magnitude / 127, and so
// the value; one that is not finite becomes NaN as a whole.
const (
	KVF32 KVForm = iota
	KVF16
	KVInt8
	kvForms
)

// element returns the bytes of an element.
func (f KVForm) element() int { return [kvForms]int{4, 2, 1}[f] }

// paddedDim is the elements of a position's values with their padding.
func paddedDim(dim int) int { return (dim + laneCount - 1) &^ (laneCount - 1) }

// TileBytes returns the size of a tile, a multiple of 64.
func (f KVForm) TileBytes(dim int) int {
	n := AttentionTile * (dim + paddedDim(dim)) * f.element()
	if f == KVInt8 {
		n += 2 * 4 * AttentionTile
	}
	return n
}

// tile is the parts of a tile's memory.
type tile struct {
	form                   KVForm
	dim                    int
	keys, values           []byte
	keyScales, valueScales []float32 // nil but for KVInt8
}

// tile divides memory, which must be TileBytes at a multiple of 4.
func (f KVForm) tile(memory []byte, dim int) tile {
	if dim < 1 || len(memory) != f.TileBytes(dim) || uintptr(unsafe.Pointer(&memory[0]))%4 != 0 {
		panicf("a tile of %d bytes, dim %d", len(memory), dim)
	}
	keys := AttentionTile * dim * f.element()
	values := keys + AttentionTile*paddedDim(dim)*f.element()
	t := tile{form: f, dim: dim, keys: memory[:keys], values: memory[keys:values]}
	if f == KVInt8 {
		scales := view[float32](memory[values:])
		t.keyScales, t.valueScales = scales[:AttentionTile], scales[AttentionTile:]
	}
	return t
}

// view returns aligned bytes as elements of another type.
func view[T float32 | uint16 | int8](b []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(zero)))
}

// Put stores the key and the value of a position, counted within the tile. It panics where lengths are wrong.
func (f KVForm) Put(memory []byte, position int, key, value []float32) {
	dim := len(key)
	t := f.tile(memory, dim)
	if len(value) != dim || position < 0 || position >= AttentionTile {
		panicf("position %d of a tile: a key of %d, a value of %d", position, dim, len(value))
	}
	from := position * paddedDim(dim)
	switch f {
	case KVF32:
		put(view[float32](t.keys)[position:], AttentionTile, key, func(x float32) float32 { return x })
		copy(view[float32](t.values)[from:], value)
	case KVF16:
		put(view[uint16](t.keys)[position:], AttentionTile, key, dtype.ToF16)
		put(view[uint16](t.values)[from:], 1, value, dtype.ToF16)
	case KVInt8:
		t.keyScales[position] = putInt8(view[int8](t.keys)[position:], AttentionTile, key)
		t.valueScales[position] = putInt8(view[int8](t.values)[from:], 1, value)
	}
}

func put[T any](dst []T, step int, x []float32, convert func(float32) T) {
	for i, v := range x {
		dst[i*step] = convert(v)
	}
}

// putInt8 stores x rounded to integers and returns their scale.
func putInt8(dst []int8, step int, x []float32) float32 {
	most := float32(0)
	for _, v := range x {
		most = max(most, float32(math.Abs(float64(v)))) // NaN stays
	}
	scale := most / 127
	if !(most <= math.MaxFloat32) {
		scale = float32(math.NaN())
	}
	put(dst, step, x, func(v float32) int8 {
		if !(scale > 0) {
			return 0
		}
		return int8(max(-127, min(127, math.RoundToEven(float64(v/scale)))))
	})
	return scale
}

// bytesOf returns the memory of elements.
func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
