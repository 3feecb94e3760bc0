package calibrate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/journal"
	"github.com/helix-substrate/helix-substrate/internal/linalg"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/lattice"
)

// TestGramOfParts compares sums of parts with plain ones, and what is written of them with what is kept in memory.
func TestGramOfParts(t *testing.T) {
	const n, rows = 11, 40
	k, err := kernels("")
	if err != nil {
		t.Fatal(err)
	}
	e := linalg.New(k, 2)
	parts := []lattice.Part{{Start: 0, End: 5}, {Start: 5, End: 10}, {Start: 10, End: n}}
	r := rand.New(rand.NewPCG(1, 9))
	x, l := make([]float32, rows*n), make([]float32, rows*n)
	for i := range x {
		x[i], l[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	own, lost := gram{n, parts, make([]float64, 25+25+1)}, gram{n, parts, make([]float64, 25+25+1)}
	for _, call := range [][2]int{{0, 13}, {13, 13}, {13, rows}} { // one of them without any
		from, to := call[0]*n, call[1]*n
		if err := errors.Join(own.add(t.Context(), e, x[from:to]), lost.cross(t.Context(), e, l[from:to], x[from:to])); err != nil {
			t.Fatal(err)
		}
	}
	var means []float32
	square := 0
	for _, p := range parts {
		for a := p.Start; a < p.End; a++ {
			for b := p.Start; b < p.End; b++ {
				sum, cross := 0.0, 0.0
				for at := 0; at < len(x); at += n {
					sum = math.FMA(float64(x[at+a]), float64(x[at+b]), sum)
					cross = math.FMA(float64(l[at+a]), float64(x[at+b]), cross)
				}
				if b <= a {
					means = append(means, float32(sum/rows))
				}
				if lost.sum[square] != cross || b <= a && own.sum[square] != sum {
					t.Fatalf("%v: %g and %g at %d, %d, want %g and %g", p, own.sum[square], lost.sum[square], a, b, sum, cross)
				}
				square++
			}
		}
	}
	if got, err := own.triangles(rows); err != nil || !slices.Equal(got, means) {
		t.Errorf("means %v, %v, want %v", got, err, means)
	}
	var file bytes.Buffer
	w := &gramWriter{to: &file, hash: sha256.New()}
	if err := w.write(own, rows); err != nil || !bytes.Equal(file.Bytes(), dtype.AppendF32(nil, means)) || hex.EncodeToString(w.hash.Sum(nil)) != journal.Sum(file.Bytes()) {
		t.Errorf("written: %v, %d bytes", err, file.Len())
	}
	own.sum[50] = math.NaN()
	if _, err := own.triangles(rows); !errors.Is(err, ErrOverflow) || err.Error() != "row 10: "+ErrOverflow.Error() {
		t.Errorf("%v", err)
	}
}

// TestStatisticsOfParts: a file has the triangles of a long input's parts, and no more; the diagonal of each is looked at.
func TestStatisticsOfParts(t *testing.T) {
	if testing.Short() {
		t.Skip("70 MB")
	}
	const n = 8200
	parts := lattice.Parts(n)
	values := make([]float32, lattice.GramLen(n))
	values[0], values[parts[0].Triangle()-1], values[len(values)-1] = 1, 2, 3
	file := func(values []float32) []byte {
		return newSmall(t, func(s *small) {
			data := dtype.AppendF32(nil, values)
			s.tensors[1] = safetensors.Entry{Name: s.list[0].Key, DType: dtype.F32, Shape: []int{len(values)}, Data: data}
			s.inputs(t, func(list []entry) { list[0].N, list[0].SHA256 = n, journal.Sum(data) })
		})
	}
	s := opened(t, file(values))
	got := make([]float32, len(values))
	if err := s.Gram(t.Context(), got, "layers.0.query"); err != nil || !slices.Equal(got, values) {
		t.Errorf("read otherwise, %v", err)
	}
	second := parts[0].Triangle()
	values[second+2] = -1 // of input 4225, the second of the second part
	if err := readAll(t, file(values)); !errors.Is(err, ErrStatistics) {
		t.Errorf("a mean square of -1: %v", err)
	}
}

// TestGramBytes: a long input takes no more memory while it is summed, and no more of the disk, than one of 8192 values.
func TestGramBytes(t *testing.T) {
	for n, want := range map[int][2]int64{
		576: {8 * 576 * 576, 4 * 576 * 577 / 2}, 8192: {512 << 20, 4 * 8192 * 8193 / 2},
		14336: {411_435_008, 102_887_424},
	} {
		if sum, file := gramBytes(n), triangleBytes(n); sum != want[0] || file != want[1] {
			t.Errorf("%d: %d and %d bytes, want %v", n, sum, file, want)
		}
	}
	for _, n := range []int{17408, 27648, 28672, MaxInput} {
		if sum := gramBytes(n); sum > 512<<20 {
			t.Errorf("%d: %d bytes", n, sum)
		}
	}
}
