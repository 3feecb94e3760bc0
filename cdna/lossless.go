package cdna

import (
	"context"
	"io"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/codec"
)

// LosslessSuffix is the usual ending of a lossless file's name.
const LosslessSuffix = ".lossless.hxz"

const schemaLossless = "cdna_lossless_v1"

// Lossless is an open lossless file: a matrix of floating-point numbers, bit for bit, in blocks of little-endian
// elements. What [Blocks] says of indices holds for the elements' bytes.
type Lossless struct{ Blocks }

// OpenLossless opens a lossless file. Close releases it.
func OpenLossless(path string) (*Lossless, error) {
	return openPath(context.Background(), path, NewLossless)
}

// NewLossless reads a lossless file of size bytes from r, as NewFile does others.
func NewLossless(ctx context.Context, r io.ReaderAt, size int64, name string) (*Lossless, error) {
	f := &Lossless{Blocks{name: name, size: size, data: r}}
	if err := f.open(ctx, KindLossless, f.readHead); err != nil {
		return nil, err
	}
	return f, nil
}

// DType returns the type of the elements.
func (f *Lossless) DType() dtype.Type { return f.header.DType }

func (f *Lossless) readHead(ctx context.Context) error {
	head, err := f.readHeader(ctx, KindLossless)
	if err != nil {
		return err
	}
	var sum string
	if f.header, sum, err = parseLosslessHeader(head[prefixLen:]); err != nil {
		return err
	}
	width := f.header.DType.Size()
	if f.grid, err = newGrid(f.header.Rows, f.header.Cols, f.header.BlockRows, width); err != nil {
		return err
	}
	if f.codec, err = openPlanes(f.header.Encoding, 0, width); err != nil {
		return err
	}
	return f.readTable(ctx, head, len(head), sum)
}

// openPlanes returns nil for "none": such blocks are not even split.
func openPlanes(name string, level, width int) (codec.Codec, error) {
	c, err := openCodec(name, level)
	if c == nil || err != nil {
		return nil, err
	}
	return codec.NewPlanes(c, width), nil
}

// parseLosslessHeader is parseHeader for a lossless file, where all keys but created_utc are needed.
func parseLosslessHeader(text []byte) (h Header, headSum string, err error) {
	o := readObject(text)
	needEqual(o, "schema", schemaLossless)
	o.need("tensor_name", &h.TensorName)
	h.Rows, h.Cols = o.needShape()
	o.need("dtype", &h.DType)
	o.need("block_rows", &h.BlockRows)
	o.need("num_blocks", &h.NumBlocks)
	o.need("encoding", &h.Encoding)
	o.take("created_utc", &h.CreatedUTC)
	o.need(keyHeadSum, &headSum)
	if o.err == nil && !IsLosslessType(h.DType) {
		o.fail("dtype %q is not one of %v", h.DType, losslessTypes)
	}
	if o.err == nil && !isHexSum(headSum) {
		o.fail("%s: %q is not 64 lower-case hexadecimal digits", keyHeadSum, headSum)
	}
	h.Extra = o.rest()
	return h, headSum, o.err
}

var losslessTypes = []dtype.Type{dtype.F64, dtype.F32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.F8E5M2}

// IsLosslessType tells whether a lossless file can hold elements of that type: floating-point numbers.
func IsLosslessType(t dtype.Type) bool {
	for _, known := range losslessTypes {
		if t == known {
			return true
		}
	}
	return false
}
