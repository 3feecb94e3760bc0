package model

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/dtype"
)

// Much of a manifest repeats what can be derived from elsewhere: sums from the tensors,
// ratios from sizes, fidelity from the files' heads. A root covers it all, but only for
// those who know the root from elsewhere; so it is checked against what it derives from.

// CheckDerived returns an error, ErrMismatch, for the first field that does not agree with
// what it derives from; nil if there is none, or it does not show without reading blocks.
func (m *Model) CheckDerived(ctx context.Context) error {
	if err := m.Manifest.checkArithmetic(); err != nil {
		return err
	}
	for _, t := range m.Tensors() {
		if err := m.checkHeadOf(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// checkHeadOf compares a tensor's fields with its file's head. A file that does not open is
// another's finding.
func (m *Model) checkHeadOf(ctx context.Context, t Tensor) error {
	switch t.Format {
	case FormatCDNA2:
		if f, err := openBlocks(ctx, m, t, cdna.NewFile); err == nil {
			defer f.Close()
			return m.checkMatrix(ctx, t, f)
		}
	case FormatLattice:
		if f, err := openBlocks(ctx, m, t, cdna.NewLattice); err == nil {
			defer f.Close()
			return m.checkMatrix(ctx, t, f)
		}
	case FormatLossless:
		if f, err := openBlocks(ctx, m, t, cdna.NewLossless); err == nil {
			defer f.Close()
			return m.checkMatrix(ctx, t, f)
		}
	}
	return nil
}

// differs is the error of a field that contradicts what it derives from.
func differs(field string, says, is any) error {
	return fmt.Errorf("%s is %v, it should be %v: %w", field, says, is, ErrMismatch)
}

// checkMatrix compares what the manifest says of a compressed tensor with its file's head.
func (m *Model) checkMatrix(ctx context.Context, t Tensor, file blocked) error {
	f := file.Base()
	err := m.checkHead(ctx, t, f)
	if err == nil {
		err = checkFidelity(t, f.Header())
	}
	if err == nil && f.Header().SidecarSHA256 != "" && t.Format == FormatCDNA2 {
		sum := ""
		if t.Sidecar != nil {
			sum = t.Sidecar.SHA256
		}
		if want := f.Header().SidecarSHA256; sum != want && (sum != "" || t.Sidecar == nil) {
			err = differs("sidecar.sha256", orNone(sum), want)
		}
	}
	if err == nil && m.Manifest.RootScheme != 0 {
		bytes := t.CompressedBytes
		if t.Sidecar != nil {
			bytes -= t.Sidecar.Bytes
		}
		if bytes != f.Size() {
			err = differs("compressed_bytes, without the sidecar's,", bytes, f.Size())
		} else {
			err = checkResident(t, file)
		}
	}
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return nil
}

// checkResident compares the bits in memory, which the head of a lattice file has and other files know nothing of.
func checkResident(t Tensor, file blocked) error {
	if t.Fidelity == nil {
		return nil
	}
	is := 0.0
	if f, ok := file.(*cdna.Lattice); ok {
		is = 8 * float64(f.ResidentBytes()) / (float64(f.Rows()) * float64(f.Cols()))
	}
	if t.Fidelity.BitsInMemory != is {
		return differs("fidelity.bits_in_memory", t.Fidelity.BitsInMemory, is)
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}

// checkFidelity compares the manifest's fidelity with what the head has, if both say it.
func checkFidelity(t Tensor, h *cdna.Header) error {
	f := t.Fidelity
	if f == nil {
		return nil
	}
	if t.Format == FormatLossless {
		if f.SNRdB != nil || f.MSE != 0 || f.Cosine != 1 || f.MaxAbsError != 0 {
			return differs("fidelity", "that of an inexact matrix", "exact")
		}
		return nil
	}
	if h.Fidelity == nil {
		return nil
	}
	for _, field := range []struct {
		key  string
		says *float64
	}{{"snr_db", f.SNRdB}, {"mse", &f.MSE}, {"cosine", &f.Cosine}, {"max_abs_error", &f.MaxAbsError}} {
		is, ok := h.Fidelity.Number(field.key)
		switch {
		case !ok && field.says != nil && field.key == "snr_db":
			return differs("fidelity.snr_db", *field.says, "absent")
		case !ok:
		case field.says == nil:
			return differs("fidelity."+field.key, "absent", is)
		case *field.says != is:
			return differs("fidelity."+field.key, *field.says, is)
		}
	}
	return nil
}

// checkArithmetic compares the fields that follow from others of the manifest. Manifests of
// earlier releases and of other programs may have reckoned otherwise: of them it says nil.
func (m *Manifest) checkArithmetic() error {
	if m.RootScheme == 0 {
		return nil
	}
	sum := Stats{TensorCount: len(m.Tensors)}
	owner := map[string]string{} // of each file
	for _, t := range m.sorted() {
		if err := m.checkTensor(t); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		sum.OriginalBytes += t.OriginalBytes
		if t.SameAs != "" {
			continue
		}
		sum.CompressedBytes += t.Bytes + t.CompressedBytes // one of them is 0
		files := []string{t.File}
		if t.Sidecar != nil {
			files = append(files, t.Sidecar.File)
		}
		for _, file := range files {
			if other, taken := owner[file]; taken {
				return fmt.Errorf("tensor %q: %s is the file of %q, and same_as does not say so: %w", t.Name, file, other, ErrMismatch)
			}
			owner[file] = t.Name
		}
	}
	sum.OverallRatio = float64(sum.OriginalBytes) / float64(max(1, sum.CompressedBytes))
	switch {
	case m.Stats.TensorCount != sum.TensorCount:
		return differs("stats.tensor_count", m.Stats.TensorCount, sum.TensorCount)
	case m.Stats.OriginalBytes != sum.OriginalBytes:
		return differs("stats.original_bytes", m.Stats.OriginalBytes, sum.OriginalBytes)
	case m.Stats.CompressedBytes != sum.CompressedBytes:
		return differs("stats.compressed_bytes", m.Stats.CompressedBytes, sum.CompressedBytes)
	case m.Stats.OverallRatio != sum.OverallRatio:
		return differs("stats.overall_ratio", m.Stats.OverallRatio, sum.OverallRatio)
	}
	source := ""
	if len(m.Sources) == 1 {
		source = m.Sources[0].SHA256
	}
	if m.SourceSHA256 != source {
		return differs("source_sha256", orNone(m.SourceSHA256), orNone(source))
	}
	if m.SourceGGUF != "" && !slices.ContainsFunc(m.Sources, func(f File) bool { return f.File == m.SourceGGUF }) {
		return differs("source_gguf", m.SourceGGUF, "one of the sources")
	}
	if codec, ok := m.Options["codec"]; ok && codec != m.Codec {
		return differs("codec", m.Codec, codec)
	}
	return nil
}

// checkTensor is checkArithmetic of one tensor.
func (m *Manifest) checkTensor(t Tensor) error {
	if t.SameAs != "" {
		other, ok := m.Tensors[t.SameAs]
		if !ok || other.SameAs != "" {
			return differs("same_as", t.SameAs, "a tensor with files of its own")
		}
		other.Name, other.SameAs = t.Name, t.SameAs
		if field := firstDifference(other, t); field != "" {
			return fmt.Errorf("%s is not that of %q, which same_as names: %w", field, t.SameAs, ErrMismatch)
		}
		return nil
	}
	shape := t.OriginalShape
	if t.Format == FormatNPY {
		shape = t.Shape
	}
	n, _ := elements(shape)
	// A float8 matrix may have scales besides, GGUF's types have sizes of their own.
	if size := dtype.Type(t.SourceDType).Size(); size > 1 && t.OriginalBytes != int64(n)*int64(size) {
		return differs("original_bytes", t.OriginalBytes, int64(n)*int64(size))
	}
	if t.Format == FormatNPY {
		return nil
	}
	if ratio := float64(t.OriginalBytes) / float64(t.CompressedBytes); t.CompressionRatio != ratio {
		return differs("compression_ratio", t.CompressionRatio, ratio)
	}
	if t.Fidelity == nil {
		return nil
	}
	bits := float64(t.CompressedBytes) * 8 / (float64(t.CDNAShape[0]) * float64(t.CDNAShape[1]))
	if t.Fidelity.BitsPerWeight != bits {
		return differs("fidelity.bits_per_weight", t.Fidelity.BitsPerWeight, bits)
	}
	return nil
}

// firstDifference returns the name, in JSON, of the first field in which two tensors
// differ, "" if there is none.
func firstDifference(a, b Tensor) string {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return ""
}
