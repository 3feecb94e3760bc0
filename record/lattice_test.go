package record

import (
	"errors"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/latticetest"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/memory"
)

// TestLatticeProductWithinMemory multiplies from both sides within the limit that a refusal names, with the same receipt's
// hashes as without one.
func TestLatticeProductWithinMemory(t *testing.T) {
	const rows, cols, batch = 600, 900, 400 // vectors larger than blocks
	dir := t.TempDir()
	w := filepath.Join(dir, "w"+cdna.LatticeSuffix)
	m := latticetest.Round(bench.Gaussian(rows*cols, 1), rows, cols, 1.0/30)
	if len(m.Escapes) == 0 {
		t.Fatal("no escapes")
	}
	if _, err := cdna.CreateLattice(w, m, cdna.LatticeOptions{TensorName: "w"}); err != nil {
		t.Fatal(err)
	}
	for _, transpose := range []bool{false, true} {
		n := rows
		if transpose {
			n = cols
		}
		x := filepath.Join(dir, "x.npy")
		if err := npy.Create(x, []int{batch, n}, bench.Gaussian(batch*n, 2)); err != nil {
			t.Fatal(err)
		}
		p := Product{X: x, W: w, Transpose: transpose, Verify: cdna.Always}
		free, err := p.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		p.Memory = 1 << 20
		_, err = p.Run(t.Context(), nil)
		if !errors.Is(err, memory.ErrLimit) {
			t.Fatalf("within 1 MiB: %v", err)
		}
		named := regexp.MustCompile(`at least ([0-9.]+[KMG]iB) would do`).FindStringSubmatch(err.Error())
		if named == nil {
			t.Fatalf("no figure: %v", err)
		}
		var enough memory.Size
		if err := enough.UnmarshalText([]byte(named[1])); err != nil {
			t.Fatal(err)
		}
		p.Memory = int64(enough)
		again, err := p.Run(t.Context(), nil)
		if err != nil {
			t.Fatalf("within %s, which would do: %v", named[1], err)
		}
		if got, want := again.Receipt.ComputeProof, free.Receipt.ComputeProof; got != want {
			t.Errorf("within %s: %+v, want %+v", named[1], got, want)
		}
		claims, err := p.Claims(t.Context(), again)
		if err != nil || claims.Matrix.TensorName != "w" || claims.Matrix.SHA256 == "" {
			t.Errorf("%+v, %v", claims, err)
		}
	}
}
