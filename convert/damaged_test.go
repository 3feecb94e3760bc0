package convert

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// TestDamagedExact: NaN and infinities in tensors that are kept exact are named, of every type.
func TestDamagedExact(t *testing.T) {
	src, out := filepath.Join(t.TempDir(), "m.safetensors"), filepath.Join(t.TempDir(), "out")
	two := func(name string, d dtype.Type, last uint64) safetensors.Entry {
		data := binary.LittleEndian.AppendUint64(nil, last)[:d.Size()]
		return safetensors.Entry{Name: name, DType: d, Shape: []int{2}, Data: append(make([]byte, d.Size()), data...)}
	}
	create(t, src, matrixEntry("w.weight", 40, 16, 1),
		two("bad.f64", dtype.F64, math.Float64bits(math.NaN())), two("bad.f32", dtype.F32, uint64(math.Float32bits(float32(math.Inf(-1))))),
		two("bad.f16", dtype.F16, 0x7c00), two("bad.bf16", dtype.BF16, 0x7fc0), two("bad.f8", dtype.F8E5M2, 0x7c),
		two("good.f64", dtype.F64, math.Float64bits(1e300)), two("good.f32", dtype.F32, uint64(math.Float32bits(math.MaxFloat32))),
		two("good.f16", dtype.F16, 0x7bff), two("good.i32", dtype.I32, 0x7f800000), two("good.u16", dtype.U16, 0x7c00))
	const want = ": bad.bf16, bad.f16, bad.f32, bad.f64, bad.f8"
	r, err := Directory(t.Context(), Job{Source: src, Output: out, Calibration: Calibration{Off: true}})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.HasSuffix(notes, want) || strings.Contains(notes, "good") {
		t.Errorf("%q, wanted %q", notes, want)
	}
}
