package bench

import (
	"path/filepath"
	"testing"

	"github.com/helix-substrate/helix-substrate/cdna"
)

func TestLatticeCodecs(t *testing.T) {
	const rows, cols = 48, 96
	m := &cdna.LatticeMatrix{Rows: rows, Cols: cols, Codes: make([]byte, rows*cols), ColumnScale: make([]float32, cols)}
	for i := range m.Codes {
		m.Codes[i] = byte(cdna.LatticeZero + i*i%7 - 3)
	}
	m.Escapes = []cdna.Escape{{Position: 5, Value: 1000}}
	m.Codes[5] = cdna.LatticeZero
	path := filepath.Join(t.TempDir(), "w")
	if _, err := cdna.CreateLattice(path, m, cdna.LatticeOptions{}); err != nil {
		t.Fatal(err)
	}
	r, err := Codecs(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range r.Results {
		seen[c.Codec] = c.BitsPerWeight > r.Entropy && c.DecodeMBs > 0 && c.EncodeMBs > 0
	}
	if r.Indices != rows*cols || !seen["rans"] || !seen[cdna.AliasCodec] || !seen[cdna.PackedCodec] {
		t.Errorf("%+v", r)
	}
}
