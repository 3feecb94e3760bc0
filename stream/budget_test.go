package stream

import (
	"errors"
	"fmt"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/memory"
)

// TestProductsWithinABudget runs products under every budget: one that is too
// small is refused with a figure that is then enough, and the exact one.
func TestProductsWithinABudget(t *testing.T) {
	m := newMatrix(64, 128, 0, 3)
	path := m.write(t, "zstd", 8)
	x, xt := vectors(2, m.rows, 1), vectors(2, m.cols, 2)
	want, wantT := m.oracle(x), m.oracleTransposed(xt)
	run := func(limit int64) (int64, error) {
		b := memory.NewLedger(limit)
		e, err := NewEngine(EngineOptions{Threads: 4, Budget: b})
		if err != nil {
			t.Fatal(err)
		}
		w, err := e.Open(path, MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		y, _, err := w.MatMul(t.Context(), x)
		if err == nil {
			sameBits(t, fmt.Sprint(limit), y.Data, want)
			y, _, err = w.MatMulTransposed(t.Context(), xt)
		}
		if err == nil {
			sameBits(t, fmt.Sprint(limit), y.Data, wantT)
		}
		if b.Peak() > limit {
			t.Errorf("limit %d: %d bytes were in use", limit, b.Peak())
		}
		if err := errors.Join(w.Close(), e.Close()); err != nil {
			t.Error(err)
		}
		if b.Used() != 0 {
			t.Errorf("limit %d: %d bytes are still in use after Close", limit, b.Used())
		}
		return b.Peak(), err
	}
	roomy, err := run(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	smallest := int64(0)
	for limit := int64(0); limit <= roomy; limit += 128 {
		_, err := run(limit)
		switch {
		case err == nil && smallest == 0:
			smallest = limit
		case err != nil && !errors.Is(err, ErrBudget):
			t.Fatal(err)
		case err != nil && smallest > 0:
			t.Errorf("limit %d: %v, though %d was enough", limit, err, smallest)
		}
	}
	f, err := cdna.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	least := int64(f.MaxCompLen() + f.MaxBlockLen())
	if smallest < least || smallest > least+128 {
		t.Errorf("the smallest workable budget is %d, want %d: one packed and one unpacked block", smallest, least)
	}
}

func TestPlan(t *testing.T) {
	files, layouts := make([]*cdna.File, 4), make([]Layout, 4)
	for i, entries := range []int{256, 16, 64, 256} {
		m := newMatrixOf(entries, 64, 64*(i+1), 0, uint64(i))
		f, err := cdna.Open(m.write(t, "zstd", 8))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i], layouts[i] = f, QuantizedLayout(f)
	}
	all, err := PlanResidency(1<<40, 2, layouts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all.Resident {
		if !r {
			t.Errorf("not everything is resident: %+v", all)
		}
	}
	if _, err := PlanResidency(all.Minimum-1, 2, layouts); !errors.Is(err, ErrBudget) {
		t.Errorf("below the minimum: %v", err)
	}
	before := -1
	for limit := all.Minimum; limit <= all.ResidentBytes+all.Minimum; limit += 64 {
		p, err := PlanResidency(limit, 2, layouts)
		if err != nil {
			t.Fatalf("limit %d: %v, the minimum is %d", limit, err, all.Minimum)
		}
		if total := p.ResidentBytes + p.BufferBytes; total > limit {
			t.Fatalf("limit %d: the plan takes %d", limit, total)
		}
		n := int(p.ResidentBytes)
		if n < before-64*64*4 {
			t.Errorf("limit %d: %d bytes resident, %d with less memory", limit, n, before)
		}
		before = n
		p.run(t, limit, files)
	}
}

// run does what a plan says, under a budget of exactly its limit.
func (p Residency) run(t *testing.T, limit int64, files []*cdna.File) {
	t.Helper()
	b := memory.NewLedger(limit)
	e, err := NewEngine(EngineOptions{Threads: p.Threads, Budget: b})
	if err != nil {
		t.Fatal(err)
	}
	var matrices []*Quantized
	for _, f := range files {
		m, err := e.Open(f.Name(), MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		matrices = append(matrices, m)
	}
	for i, m := range matrices {
		if !p.Resident[i] {
			continue
		}
		if err := m.Load(t.Context()); err != nil {
			t.Fatalf("limit %d, plan %+v: %v", limit, p, err)
		}
	}
	for _, m := range matrices {
		if _, _, err := m.MatMulTransposed(t.Context(), vectors(1, m.Cols(), 1)); err != nil {
			t.Fatalf("limit %d, plan %+v: %v", limit, p, err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if b.Used() != 0 || b.Peak() > limit {
		t.Errorf("limit %d: peak %d, %d left", limit, b.Peak(), b.Used())
	}
}
