// Package compare tells how two models differ, tensor by tensor: model directories,
// checkpoints of any kind, or one of each.
//
//	report, err := compare.Models(ctx, "tinystories-cdna", "TinyStories-656K", nil)
//	if err != nil {
//		return err
//	}
//	for _, d := range report.Tensors {
//		fmt.Println(d.Name, d.Status, d.Cosine)
//	}
//
// Weights are read in pieces, as float32; memory does not grow with the models.
package compare

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/checkpoint"
)

// Status says how a tensor of one model is in the other.
type Status string

// The kinds of difference, the worst first.
const (
	OnlyA     Status = "only in A"
	OnlyB     Status = "only in B"
	Reshaped  Status = "another shape"
	Differs   Status = "differs"
	Identical Status = "identical"
)

// Tensor is the comparison of one tensor; errors are those of B against A.
type Tensor struct {
	Name        string   `json:"name"`
	Status      Status   `json:"status"`
	Shape       []int    `json:"shape"` // in A, if it is there
	ShapeB      []int    `json:"shape_b,omitempty"`
	DType       string   `json:"dtype_a,omitempty"`
	DTypeB      string   `json:"dtype_b,omitempty"`
	SNRdB       *float64 `json:"snr_db,omitempty"` // null: identical, or nothing to compare
	Cosine      float64  `json:"cosine"`
	MSE         float64  `json:"mse"`
	MaxAbsError float64  `json:"max_abs_error"`
	Different   int64    `json:"different_weights"`
}

// Report is the comparison of two models, the worst tensors first.
type Report struct {
	A         string         `json:"a"`
	B         string         `json:"b"`
	Identical bool           `json:"identical"`
	Tensors   []Tensor       `json:"tensors"`
	Counts    map[Status]int `json:"counts"`
}

// Models compares the models at two paths. progress, if not nil, is called with the
// weights compared, those in all, and the tensor just finished. Errors are those of
// reading.
func Models(ctx context.Context, a, b string, progress func(done, total int64, tensor string)) (*Report, error) {
	first, err := checkpoint.Open(ctx, a, checkpoint.Options{})
	if err != nil {
		return nil, err
	}
	defer first.Close()
	second, err := checkpoint.Open(ctx, b, checkpoint.Options{})
	if err != nil {
		return nil, err
	}
	defer second.Close()
	r, err := Checkpoints(ctx, first, second, progress)
	if err == nil {
		r.A, r.B = a, b
	}
	return r, err
}

// Checkpoints is Models of open checkpoints, wherever they lie; they stay the caller's.
func Checkpoints(ctx context.Context, first, second *checkpoint.Checkpoint, progress func(done, total int64, tensor string)) (*Report, error) {
	others := map[string]*checkpoint.Tensor{}
	var done, total int64
	for _, t := range second.Tensors() {
		others[t.Name] = t
	}
	for _, t := range first.Tensors() {
		total += int64(t.Len())
	}
	r := &Report{A: first.Name(), B: second.Name(), Identical: true, Counts: map[Status]int{}}
	for _, t := range first.Tensors() {
		d := Tensor{Name: t.Name, Status: OnlyA, Shape: t.Shape, DType: t.DType}
		if other, ok := others[t.Name]; ok {
			delete(others, t.Name)
			var err error
			if d, err = compare(ctx, t, other); err != nil {
				return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
			}
		}
		r.Tensors = append(r.Tensors, d)
		if done += int64(t.Len()); progress != nil {
			progress(done, total, t.Name)
		}
	}
	for _, t := range second.Tensors() {
		if _, left := others[t.Name]; left {
			r.Tensors = append(r.Tensors, Tensor{Name: t.Name, Status: OnlyB, ShapeB: t.Shape, DTypeB: t.DType})
		}
	}
	for _, t := range r.Tensors {
		r.Counts[t.Status]++
		r.Identical = r.Identical && t.Status == Identical
	}
	rank := map[Status]int{OnlyA: 0, OnlyB: 1, Reshaped: 2, Differs: 3, Identical: 4}
	snr := func(t *Tensor) float64 {
		if t.SNRdB == nil {
			return math.Inf(1)
		}
		return *t.SNRdB
	}
	slices.SortStableFunc(r.Tensors, func(x, y Tensor) int {
		return cmp.Or(cmp.Compare(rank[x.Status], rank[y.Status]), cmp.Compare(snr(&x), snr(&y)), cmp.Compare(x.Name, y.Name))
	})
	return r, nil
}

// pieceWeights is how many weights are compared at a time.
const pieceWeights = 1 << 16

// compare compares two tensors of the same name.
func compare(ctx context.Context, a, b *checkpoint.Tensor) (Tensor, error) {
	d := Tensor{Name: a.Name, Status: Identical, Shape: a.Shape, DType: a.DType, DTypeB: b.DType, Cosine: 1}
	if !slices.Equal(a.Shape, b.Shape) {
		d.Status, d.ShapeB, d.Cosine = Reshaped, b.Shape, 0
		return d, nil
	}
	x, y := make([]float32, min(pieceWeights, a.Len())), make([]float32, min(pieceWeights, a.Len()))
	var power, other, product, squares float64
	for at := 0; at < a.Len(); at += len(x) {
		if err := ctx.Err(); err != nil {
			return d, err
		}
		x, y := x[:min(len(x), a.Len()-at)], y[:min(len(y), a.Len()-at)]
		if err := a.ReadFloat32(ctx, x, at); err != nil {
			return d, err
		}
		if err := b.ReadFloat32(ctx, y, at); err != nil {
			return d, err
		}
		for i, v := range x {
			w := y[i]
			power += float64(v) * float64(v)
			other += float64(w) * float64(w)
			product += float64(v) * float64(w)
			if math.Float32bits(v) != math.Float32bits(w) {
				e := float64(v) - float64(w)
				d.Different++
				squares += e * e
				d.MaxAbsError = max(d.MaxAbsError, math.Abs(e))
			}
		}
	}
	if d.Different == 0 {
		return d, nil
	}
	d.Status = Differs
	d.MSE = squares / float64(a.Len())
	d.Cosine = product / math.Sqrt(power*other)
	snr := 10 * math.Log10(power/squares)
	switch {
	case math.IsNaN(squares) || math.IsInf(squares, 0): // NaN and infinities have no distance
		snr, d.MSE, d.Cosine, d.MaxAbsError = math.Inf(-1), 0, 0, 0
	case math.IsNaN(d.Cosine) || math.IsInf(d.Cosine, 0):
		d.Cosine = 0
	}
	if !math.IsNaN(snr) && !math.IsInf(snr, 0) {
		d.SNRdB = &snr
	}
	return d, nil
}
