package export

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/overwrite"
	"github.com/helix-substrate/helix-substrate/storage"
)

var (
	// ErrFormat reports an output whose name says no known format.
	ErrFormat = errors.New("exports are .safetensors or .gguf files")
	// ErrExists reports an output that is there already.
	ErrExists = errors.New("output exists")
	// ErrDType reports a type that the format, or the tensor, cannot have.
	ErrDType = errors.New("unsupported type")
	// ErrUnsupported reports a model that GGUF export does not know.
	ErrUnsupported = errors.New("cannot be exported to GGUF")
)

// DType is the type of exported weights.
type DType string

// The types of exported weights.
const (
	Source DType = "source" // each tensor's own; F32 for those that were quantized
	F32    DType = "f32"
	F16    DType = "f16"
	BF16   DType = "bf16"
)

// Options say how a model is exported.
type Options struct {
	// DType is the type of matrices; vectors are F32 in GGUF and have it too in
	// safetensors. Integers keep theirs. Empty means Source.
	DType DType
	// Progress, if not nil, is called with the bytes written, those in all, and the
	// tensor just finished.
	Progress func(done, total int64, tensor string)
}

// Report tells what was written.
type Report struct {
	Output  string `json:"output"`
	Tensors int    `json:"tensors"`
	Bytes   int64  `json:"bytes"` // of tensors
	// Files are the names of what was written beside the output: the configuration and
	// the tokenizer, with a model.safetensors.
	Files []string `json:"files,omitempty"`
	// Notes say what the output does otherwise than the source, where the program that
	// reads it has no way to do the same.
	Notes []string `json:"notes,omitempty"`
}

// File exports the model at path, a model directory or a checkpoint, to output, a
// .safetensors or .gguf file that must not exist; it appears when it is complete. Beside
// a file called model.safetensors go config.json, the tokenizer and the like, so that its
// directory is a model's.
// Errors: ErrFormat, ErrExists, ErrDType, ErrUnsupported, overwrite.ErrOutput, those of reading and writing.
func File(ctx context.Context, path, output string, o Options) (*Report, error) {
	return file(ctx, output, o, []overwrite.Input{{Flag: "model", Path: path, Kind: overwrite.Model}}, func() (*checkpoint.Checkpoint, error) {
		return checkpoint.Open(ctx, path, checkpoint.Options{})
	})
}

// Place is File for a model in any place, such as an object store: checkpoint.At finds it.
func Place(ctx context.Context, at checkpoint.Location, output string, o Options) (*Report, error) {
	var inputs []overwrite.Input
	if _, onDisk := at.Place.(storage.Dir); onDisk {
		inputs = append(inputs, overwrite.Input{Flag: "model", Path: at.Place.Path(cmp.Or(at.File, ".")), Kind: overwrite.Model})
	}
	return file(ctx, output, o, inputs, func() (*checkpoint.Checkpoint, error) { return at.Open(ctx, checkpoint.Options{}) })
}

// file writes what open opens, after a look at the output.
func file(ctx context.Context, output string, o Options, inputs []overwrite.Input, open func() (*checkpoint.Checkpoint, error)) (*Report, error) {
	write := writeSafetensors
	switch strings.ToLower(filepath.Ext(output)) {
	case ".safetensors":
	case ".gguf":
		write = writeGGUF
	default:
		return nil, fmt.Errorf("%s: %w", output, ErrFormat)
	}
	switch o.DType {
	case "":
		o.DType = Source
	case Source, F32, F16, BF16:
	default:
		return nil, fmt.Errorf("%q is not source, f32, f16 or bf16: %w", o.DType, ErrDType)
	}
	if _, err := os.Lstat(output); err == nil {
		return nil, fmt.Errorf("%s: %w", output, ErrExists)
	}
	outputs := []overwrite.Output{{Flag: "output", Path: output, Kind: overwrite.File}}
	for _, companion := range Companions(output) {
		outputs = append(outputs, overwrite.Output{Flag: "beside the output:", Path: companion, Kind: overwrite.File})
	}
	if err := overwrite.Check(inputs, outputs); err != nil {
		return nil, err
	}
	src, err := open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	e := &exporter{ctx: ctx, src: src, o: o, report: Report{Output: output}}
	if err := e.run(output, write); err != nil {
		return nil, fmt.Errorf("export %s: %w", src.Name(), err)
	}
	return &e.report, nil
}

// run writes the output and what goes along with it.
func (e *exporter) run(output string, write func(*exporter, io.Writer) error) error {
	along, err := e.companions(output)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(output, func(w io.Writer) error { return write(e, w) }); err != nil {
		return err
	}
	written := []string{output}
	for _, c := range along {
		if err := e.writeCompanion(c); err != nil {
			for _, path := range written {
				err = errors.Join(err, os.Remove(path))
			}
			return err
		}
		written = append(written, c.path)
		e.report.Files = append(e.report.Files, c.name)
	}
	return nil
}

// exporter is a running export.
type exporter struct {
	ctx    context.Context
	src    *checkpoint.Checkpoint
	o      Options
	report Report
	total  int64
}

// tensor is what becomes of one tensor.
type tensor struct {
	*checkpoint.Tensor
	name  string     // in the output
	shape []int      // there: the tensor's, or fewer of its rows
	to    dtype.Type // what it is written as
	// order, if not nil, is the row that is written at each place.
	order func(row int) int
	// columns, if not nil, is the column that is written at each place of a row.
	columns func(column int) int
	// change, if not nil, changes weights of a row.
	change func(x []float32, row int)
	aside  *sideways // what it is put together of; nil: of Tensor
}

func (e *exporter) note(format string, args ...any) {
	e.report.Notes = append(e.report.Notes, fmt.Sprintf(format, args...))
}

// choose returns the type of an exported tensor.
func (o *Options) choose(t *checkpoint.Tensor) dtype.Type {
	if !t.IsFloat() {
		return t.Type
	}
	switch o.DType {
	case F32:
		return dtype.F32
	case F16:
		return dtype.F16
	case BF16:
		return dtype.BF16
	}
	own := t.Type
	if own == "" {
		own = dtype.Type(t.DType) // a matrix that was compressed
	}
	switch own {
	case dtype.F64, dtype.F32, dtype.F16, dtype.BF16:
		return own
	case "MXFP4": // whose values are e2m1 times powers of 2
		return dtype.BF16
	case dtype.F8E4M3, dtype.F8E5M2:
		if t.Type == own {
			return own
		}
		return dtype.BF16 // which holds all of their values
	}
	return dtype.F32
}

// len is how many weights are written.
func (t *tensor) len() int {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return n
}

// size is how many bytes a tensor takes in the output.
func (t *tensor) size() int64 { return int64(t.len()) * int64(t.to.Size()) }

// pieceWeights is how many weights are written at a time.
const pieceWeights = 1 << 16

// write writes a tensor's elements and reports it.
func (e *exporter) write(w io.Writer, t *tensor) error {
	var err error
	switch {
	case t.aside != nil:
		err = e.writeAside(w, t)
	case t.columns != nil:
		err = e.writeColumns(w, t)
	case t.order != nil:
		err = e.writeRows(w, t)
	case t.to == t.Type && t.change == nil:
		err = e.writeRaw(w, t)
	default:
		err = e.writeWeights(w, t, 0, t.len())
	}
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	e.report.Tensors++
	e.report.Bytes += t.size()
	if e.o.Progress != nil {
		e.o.Progress(e.report.Bytes, e.total, t.Name)
	}
	return nil
}

// writeRaw copies the stored bytes.
func (e *exporter) writeRaw(w io.Writer, t *tensor) error {
	size := t.size()
	buf := make([]byte, min(4*pieceWeights, size))
	for at := int64(0); at < size; at += int64(len(buf)) {
		buf := buf[:min(int64(len(buf)), size-at)]
		if err := t.ReadRaw(e.ctx, buf, at); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// writeRows writes the rows of a matrix in another order.
func (e *exporter) writeRows(w io.Writer, t *tensor) error {
	cols := t.width()
	rows := t.len() / max(1, cols)
	for row := 0; row < rows; {
		from, n := t.order(row), 1
		for row+n < rows && t.order(row+n) == from+n {
			n++
		}
		if err := e.writeWeights(w, t, from*cols, (from+n)*cols); err != nil {
			return err
		}
		row += n
	}
	return nil
}

// writeColumns writes the columns of a matrix in another order.
func (e *exporter) writeColumns(w io.Writer, t *tensor) error {
	cols := t.width()
	from, to := make([]float32, cols), make([]float32, cols)
	var out []byte
	for row := range t.len() / max(1, cols) {
		if err := t.ReadFloat32(e.ctx, from, row*cols); err != nil {
			return err
		}
		for i := range to {
			to[i] = from[t.columns(i)]
		}
		var err error
		if out, err = writePiece(w, to, t.to, out); err != nil {
			return err
		}
	}
	return nil
}

// width is how many weights of a row lie together; a vector's rows have one each.
func (t *tensor) width() int {
	if len(t.Shape) < 2 {
		return 1
	}
	return t.Shape[len(t.Shape)-1]
}

// changed changes the weights from one on.
func (t *tensor) changed(weights []float32, at int) {
	cols := t.width()
	for n := 0; n < len(weights); {
		end := min(len(weights), n+cols-(at+n)%cols)
		t.change(weights[n:end], (at+n)/cols)
		n = end
	}
}

// writeWeights writes elements [a, b) in the tensor's type.
func (e *exporter) writeWeights(w io.Writer, t *tensor, a, b int) error {
	weights := make([]float32, min(pieceWeights, b-a))
	var out []byte
	var err error
	for at := a; at < b; at += len(weights) {
		piece := weights[:min(len(weights), b-at)]
		if err := t.ReadFloat32(e.ctx, piece, at); err != nil {
			return err
		}
		if t.change != nil {
			t.changed(piece, at)
		}
		if out, err = writePiece(w, piece, t.to, out); err != nil {
			return err
		}
	}
	return nil
}

// writePiece writes weights as numbers of a type, by way of a buffer that it returns.
func writePiece(w io.Writer, piece []float32, to dtype.Type, buffer []byte) ([]byte, error) {
	if to == dtype.F16 {
		if err := fitsF16(piece); err != nil {
			return buffer, err
		}
	}
	buffer = encode(buffer[:0], piece, to)
	_, err := w.Write(buffer)
	return buffer, err
}

// fitsF16 refuses numbers that would become infinite.
func fitsF16(weights []float32) error {
	const beyond = 65520 // rounds to infinity
	for _, x := range weights {
		if (x >= beyond || x <= -beyond) && !math.IsInf(float64(x), 0) {
			return fmt.Errorf("%v does not fit into float16: %w", x, ErrDType)
		}
	}
	return nil
}

// encode appends weights as a type, rounded to nearest even. What the type holds
// exactly stays as it is, a NaN's bits included.
func encode(dst []byte, weights []float32, to dtype.Type) []byte {
	le := binary.LittleEndian
	switch to {
	case dtype.F64:
		for _, x := range weights {
			dst = le.AppendUint64(dst, math.Float64bits(float64(x)))
		}
	case dtype.F16:
		for _, x := range weights {
			dst = le.AppendUint16(dst, dtype.ToF16(x))
		}
	case dtype.BF16:
		for _, x := range weights {
			bits := math.Float32bits(x)
			if bits&0xffff != 0 {
				bits = uint32(dtype.ToBF16(x)) << 16
			}
			dst = le.AppendUint16(dst, uint16(bits>>16))
		}
	default:
		dst = dtype.AppendF32(dst, weights)
	}
	return dst
}
