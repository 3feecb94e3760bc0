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

// TestLatticeDamage flips a bit of a code.
func TestLatticeDamage(t *testing.T) {
	path := writeLattice(t, latticeMatrix(40, 64, 4), cdna.LatticeOptions{BlockRows: 8, Codec: "none"})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-2] ^= 1
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
	if err := m.Load(t.Context()); !errors.Is(err, cdna.ErrChecksum) {
		t.Errorf("load: %v", err)
	}
}

// TestLatticeUnderstated loads files whose heads say less than their codes take, which is noticed, and more, which is not.
func TestLatticeUnderstated(t *testing.T) {
	path := writeLattice(t, latticeMatrix(40, 300, 6), cdna.LatticeOptions{BlockRows: 16})
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
	for _, c := range []struct {
		lines, exceptions int64
		want              error
	}{{lines, exceptions, nil}, {lines - 1, exceptions, cdna.ErrCorrupt}, {lines, exceptions - 1, cdna.ErrCorrupt}, {lines + 1, exceptions + 1, nil}} {
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
