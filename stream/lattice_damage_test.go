package stream

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
)

// TestLatticeDamage flips a bit of a code, stored and in tiles.
func TestLatticeDamage(t *testing.T) {
	testLatticeDamage(t, "none", func(b []byte, _ cdna.Block) { b[len(b)-2] ^= 1 })
	testLatticeDamage(t, cdna.PackedCodec, func(b []byte, last cdna.Block) { b[last.Offset+5] ^= 1 })
}

func testLatticeDamage(t *testing.T, codec string, change func(b []byte, last cdna.Block)) {
	t.Helper()
	path := writeLattice(t, latticeMatrix(40, 64, 4), cdna.LatticeOptions{BlockRows: 8, Codec: codec})
	f, err := cdna.OpenLattice(path)
	if err != nil {
		t.Fatal(err)
	}
	last := f.Block(f.NumBlocks() - 1)
	f.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change(b, last)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := newTestEngine(t, 2).OpenLattice(path, MatrixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x, y := make([]float32, 64), make([]float32, 40)
	if _, err := m.RowsDot(t.Context(), y[:32], x, 0, 32); err != nil {
		t.Errorf("the blocks before: %v", err)
	}
	if _, err := m.RowsDot(t.Context(), y, x, 0, 40); !errors.Is(err, cdna.ErrChecksum) {
		t.Errorf("product: %v", err)
	}
	if err := m.Floats(t.Context(), make([]float32, 64), 39, 40); !errors.Is(err, cdna.ErrChecksum) {
		t.Errorf("weights: %v", err)
	}
	if err := m.Load(t.Context()); !errors.Is(err, cdna.ErrChecksum) {
		t.Errorf("load: %v", err)
	}
}

// TestTilesUnchecked multiplies by blocks that are no tiles where no hash is compared.
func TestTilesUnchecked(t *testing.T) {
	path := writeLattice(t, latticeMatrix(40, 64, 4), cdna.LatticeOptions{BlockRows: 8, Codec: cdna.PackedCodec})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-2*8-1] = 1 // the width of the last tile
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := newTestEngine(t, 2).OpenLattice(path, MatrixOptions{Verify: cdna.Off})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x, y := make([]float32, 64), make([]float32, 40)
	_, product := m.RowsDot(t.Context(), y, x, 0, 40)
	for what, err := range map[string]error{
		"product": product, "weights": m.Floats(t.Context(), x, 39, 40), "load": m.Load(t.Context()),
	} {
		if !errors.Is(err, cdna.ErrCorrupt) || !strings.Contains(err.Error(), "block 4") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestLatticeUnderstated loads files whose heads say less than their codes take, which is noticed, and more, which is not.
func TestLatticeUnderstated(t *testing.T) {
	for _, codec := range []string{"", cdna.PackedCodec} {
		testLatticeUnderstated(t, codec)
	}
}

func testLatticeUnderstated(t *testing.T, codec string) {
	t.Helper()
	path := writeLattice(t, latticeMatrix(40, 300, 6), cdna.LatticeOptions{BlockRows: 16, Codec: codec})
	f, err := cdna.OpenLattice(path)
	if err != nil {
		t.Fatal(err)
	}
	lines, exceptions := f.Packed()
	first := f.Block(0).Offset
	f.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if exceptions < 2 {
		t.Fatalf("%d bytes of exceptions", exceptions)
	}
	type claim struct {
		lines, exceptions int64
		want              error
	}
	claims := []claim{{lines, exceptions, nil}, {lines - 1, exceptions, cdna.ErrCorrupt}, {lines, exceptions - 1, cdna.ErrCorrupt}, {lines + 1, exceptions + 1, nil}}
	if codec == cdna.PackedCodec { // where their sum is known
		claims = []claim{{lines, exceptions, nil}, {lines - 1, exceptions + 64, cdna.ErrCorrupt}, {lines + 1, exceptions - 64, cdna.ErrCorrupt}}
	}
	for _, c := range claims {
		forged := bytes.Replace(b, fmt.Appendf(nil, `"lines":%d,"exceptions":%d`, lines, exceptions), fmt.Appendf(nil, `"lines":%d,"exceptions":%d`, c.lines, c.exceptions), 1)
		if len(forged) != len(b) {
			t.Fatal("as many digits are meant to be there")
		}
		at := bytes.Index(forged, []byte(`"head_sha256":"`)) + len(`"head_sha256":"`)
		copy(forged[at:], strings.Repeat("0", 64))
		copy(forged[at:], fmt.Sprintf("%x", sha256.Sum256(forged[:first])))
		if err := os.WriteFile(path, forged, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := newTestEngine(t, 2).OpenLattice(path, MatrixOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Load(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("%d lines and %d exceptions instead of %d and %d: %v", c.lines, c.exceptions, lines, exceptions, err)
		}
		m.Close()
	}
}
