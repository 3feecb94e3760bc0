package convert

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/matrix"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/overwrite"
)

// EncodeFile compresses the .npy array at src, as [Matrix] does; dimensions before the last
// are folded into rows. A target without a name gets [TensorName]'s. Values
// that float32 does not hold exactly are rounded, which the report notes; one beyond its range
// is an error. overwrite.ErrOutput is a target that would destroy src, or what others wrote.
func EncodeFile(ctx context.Context, src string, target Target, o Options) (*MatrixReport, error) {
	err := overwrite.Check(
		[]overwrite.Input{{Flag: "source", Path: src, Kind: overwrite.One}},
		[]overwrite.Output{
			{Flag: "output", Path: target.File, Kind: overwrite.Matrix}, {Flag: "sidecar", Path: target.Sidecar, Kind: overwrite.Outliers},
		})
	if err != nil {
		return nil, err
	}
	in, err := npy.Open(src)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	note, err := in.Rounding(ctx)
	if err != nil {
		return nil, err
	}
	target.Name = cmp.Or(target.Name, TensorName(src))
	rows, cols := model.MatrixShape(in.Shape())
	report, err := Matrix(ctx, matrix.Of(in, rows, cols), target, o)
	if err == nil && note != "" {
		report.Notes = []string{note}
	}
	return report, err
}

// TensorName is what the array of a .npy file is called that has no other name: the file's,
// without its ending.
func TensorName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".npy") }

// IsLossless tells a lossless CDNA file from all else.
func IsLossless(path string) bool {
	kind, err := checkpoint.Identify(path)
	return err == nil && kind == checkpoint.Lossless
}

// DecodeReport tells what a CDNA file was expanded to.
type DecodeReport struct {
	DType    string   `json:"dtype"` // of the elements written: "F32", "F64", "F16"
	File     string   `json:"file"`
	Shape    []int    `json:"shape"`
	Tensor   string   `json:"tensor_name"`
	Outliers int      `json:"-"` // put back
	Notes    []string `json:"-"` // what is to be known of the source, for people
}

// DecodeFile expands the CDNA file at src into the .npy file dst, which appears when it is
// whole: float32, or of a lossless float64 or float16 matrix those ([DecodeLossless]). sidecar
// is the file of the outliers, which are put back in their places, or "". Every block is checked;
// one is held at a time, of a version 1 file all indices. ErrOption is a sidecar of a
// lossless or lattice matrix, overwrite.ErrOutput a dst that would destroy what is read, or what others
// wrote; other errors are those of package cdna and of writing.
func DecodeFile(ctx context.Context, src, sidecar, dst string) (*DecodeReport, error) {
	err := overwrite.Check(
		[]overwrite.Input{{Flag: "source", Path: src, Kind: overwrite.One}, {Flag: "sidecar", Path: sidecar, Kind: overwrite.One}},
		[]overwrite.Output{{Flag: "output", Path: dst, Kind: overwrite.Array}})
	if err != nil {
		return nil, err
	}
	kind, err := checkpoint.Identify(src)
	if err != nil {
		return nil, err
	}
	if sidecar != "" && (kind == checkpoint.Lossless || kind == checkpoint.Lattice) {
		return nil, fmt.Errorf("%s is a %s and has no sidecar: %w", src, kind, ErrOption)
	}
	switch kind {
	case checkpoint.Lattice:
		f, err := cdna.OpenLattice(src)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r := newDecodeReport(dst, &f.Blocks)
		r.DType = string(dtype.F32)
		return r, atomicfile.Write(dst, func(w io.Writer) error { return DecodeLattice(ctx, w, f) })
	case checkpoint.Lossless:
		f, err := cdna.OpenLossless(src)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r := newDecodeReport(dst, &f.Blocks)
		return r, atomicfile.Write(dst, func(w io.Writer) error {
			written, err := DecodeLossless(ctx, w, f)
			r.DType = string(written)
			return err
		})
	}
	f, err := cdna.OpenContext(ctx, src)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var s *cdna.Sidecar
	if sidecar != "" {
		if s, err = cdna.OpenSidecar(sidecar); err != nil {
			return nil, err
		}
	}
	r := newDecodeReport(dst, &f.Blocks)
	r.DType = string(dtype.F32)
	if s != nil {
		r.Outliers = len(s.Positions)
	}
	if note := f.Note(); note != "" {
		r.Notes = []string{note}
	}
	return r, atomicfile.Write(dst, func(w io.Writer) error { return Decode(ctx, w, f, s) })
}

func newDecodeReport(dst string, f *cdna.Blocks) *DecodeReport {
	return &DecodeReport{File: dst, Tensor: f.Header().TensorName, Shape: []int{f.Rows(), f.Cols()}}
}
