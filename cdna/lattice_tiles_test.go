package cdna

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// TestLatticeInTiles: blocks of the encoding packed are what the codes take in memory, and their sums are of these bytes.
func TestLatticeInTiles(t *testing.T) {
	for _, shape := range [][2]int{{1, 1}, {40, 300}, {70, 33}, {500, 1}} {
		m := latticeSample(shape[0], shape[1], true)
		for _, rows := range []int{0, 8, 16, 33} {
			b := writeLatticeFile(t, m, LatticeOptions{TensorName: "w", Codec: PackedCodec, BlockRows: rows})
			f, err := openLatticeBytes(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := int64(len(b)) - f.Block(0).Offset; !f.InTiles() || f.Stored() || got != f.PackedBytes() {
				t.Errorf("%v in blocks of %d rows: %d bytes, %d in memory", shape, rows, got, f.PackedBytes())
			}
			codes := make([]byte, f.Rows()*f.Cols())
			if err := f.ReadRows(t.Context(), codes, 0, f.Rows(), nil); err != nil {
				t.Fatal(err)
			}
			for i := range f.NumBlocks() {
				k := f.Block(i)
				comp := b[k.Offset:][:k.CompLen]
				want := tiles.AppendBlock(nil, codes[k.FirstRow*f.Cols():][:k.DecompLen], f.Cols(), tiles.Portable{})
				if !bytes.Equal(comp, want) || sha256.Sum256(comp) != k.SHA256 {
					t.Fatalf("%v: block %d is another", shape, i)
				}
			}
			if err := f.Verify(t.Context(), 2); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestLatticeTilesForged: blocks whose sums are right are refused where they are no tiles, or have a code where an escape
// stands; and heads whose lines and exceptions are not those of the blocks.
func TestLatticeTilesForged(t *testing.T) {
	m := latticeSample(48, 65, true)
	if len(m.Escapes) == 0 {
		t.Fatal("no escapes to test")
	}
	good := writeLatticeFile(t, m, LatticeOptions{TensorName: "w", BlockRows: 16, Codec: PackedCodec})
	f, err := openLatticeBytes(good)
	if err != nil {
		t.Fatal(err)
	}
	k := f.Block(1)
	cols := f.Cols()
	codes := make([]byte, k.DecompLen)
	if err := f.ReadRows(t.Context(), codes, k.FirstRow, k.FirstRow+k.Rows, nil); err != nil {
		t.Fatal(err)
	}
	forge := func(change func(comp []byte)) []byte {
		b := bytes.Clone(good)
		comp := b[k.Offset:][:k.CompLen]
		change(comp)
		sum := sha256.Sum256(comp)
		copy(b[bytes.Index(b, k.SHA256[:]):], sum[:])
		return resealLattice(b)
	}
	read := func(b []byte) error {
		f, err := openLatticeBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		verified := f.Verify(t.Context(), 1)
		if err := f.ReadFloat32(t.Context(), make([]float32, m.Rows*m.Cols), 0, nil); (err == nil) != (verified == nil) {
			t.Errorf("read: %v, verified: %v", err, verified)
		}
		return verified
	}
	if err := read(forge(func([]byte) {})); err != nil {
		t.Error(err)
	}
	widths := k.CompLen - 2*8 - 3
	for name, change := range map[string]func(comp []byte){
		"a width of 1":    func(comp []byte) { comp[widths] = 1 },
		"a width of 9":    func(comp []byte) { comp[widths+1] = 9 },
		"a width more":    func(comp []byte) { comp[widths+2] ^= 2 },
		"begins later":    func(comp []byte) { comp[widths+3] = 1 },
		"ends later":      func(comp []byte) { comp[len(comp)-8]++ },
		"more exceptions": func(comp []byte) { comp[len(comp)-4]++ },
		"far away": func(comp []byte) {
			size := binary.LittleEndian.Uint32(comp[len(comp)-8:])
			for i := int(size) * 64; i < widths; i++ {
				comp[i] = 255
			}
		},
		"a code of an escape": func(comp []byte) {
			e := m.Escapes[f.firstEscape(uint64(k.FirstRow*cols))]
			codes := bytes.Clone(codes)
			at := (int(e.Position)/cols-k.FirstRow)*cols + int(f.Places()[int(e.Position)%cols])
			for v := 0; ; v++ { // one that takes as many bytes
				codes[at] = byte(v)
				if packed := tiles.AppendBlock(nil, codes, cols, tiles.Portable{}); v != LatticeZero && len(packed) == len(comp) {
					copy(comp, packed)
					return
				}
			}
		},
	} {
		if err := read(forge(change)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	lines, exceptions := f.Packed()
	for _, more := range [][2]int64{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
		b := bytes.Replace(good, fmt.Appendf(nil, `"lines":%d,"exceptions":%d`, lines, exceptions),
			fmt.Appendf(nil, `"lines":%d,"exceptions":%d`, lines+more[0], exceptions+more[1]), 1)
		if len(b) != len(good) {
			t.Fatal("as many digits are meant to be there")
		}
		if _, err := openLatticeBytes(resealLattice(b)); !errors.Is(err, ErrHeader) {
			t.Errorf("%v more: %v", more, err)
		}
	}
}
