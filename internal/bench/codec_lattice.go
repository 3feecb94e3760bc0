package bench

import (
	"context"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/tiles"
)

// latticeSettings are the codecs that lattice files have of their own, and those of others worth comparing.
var latticeSettings = []string{"rans", cdna.AliasCodec, cdna.PackedCodec, "huff0", "zstd", "brotli"}

// latticeCodecs writes the integers of a lattice file anew with every codec. Bits are those of the whole file, scales included,
// encoding is all of its writing.
func latticeCodecs(ctx context.Context, path string) (*CodecReport, error) {
	f, err := cdna.OpenLattice(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := firstRows(ctx, f)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "codecs")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	auto := f.Block(0).Rows
	r := &CodecReport{Indices: len(m.Codes), Entropy: entropy(m.Codes), BlockRows: auto}
	for _, blockRows := range []int{max(tiles.Rows, auto/4), auto} {
		for _, name := range latticeSettings {
			result, err := latticeCodec(ctx, filepath.Join(dir, "w"), m, cdna.LatticeOptions{Codec: name, BlockRows: blockRows, Threads: 1})
			if err != nil {
				return nil, err
			}
			r.Results = append(r.Results, result)
		}
	}
	return r, nil
}

// firstRows returns the matrix, or so many of its rows as are measured.
func firstRows(ctx context.Context, f *cdna.Lattice) (*cdna.LatticeMatrix, error) {
	rows, cols := min(f.Rows(), max(1, maxIndices/f.Cols())), f.Cols()
	m := &cdna.LatticeMatrix{Rows: rows, Cols: cols, Codes: make([]byte, rows*cols), ColumnScale: f.ColumnScale(), RowScale: f.RowScale()}
	if m.RowScale != nil {
		m.RowScale = m.RowScale[:rows]
	}
	for _, e := range f.Escapes() {
		if e.Position < uint64(len(m.Codes)) {
			m.Escapes = append(m.Escapes, e)
		}
	}
	placed := make([]byte, len(m.Codes))
	if err := f.ReadRows(ctx, placed, 0, rows, cdna.NewVerifier(cdna.Always, f.NumBlocks(), 0)); err != nil {
		return nil, err
	}
	for i := range rows {
		for place, column := range f.Order() {
			m.Codes[i*cols+int(column)] = placed[i*cols+place]
		}
	}
	return m, nil
}

// latticeCodec writes m to path and unpacks its blocks.
func latticeCodec(ctx context.Context, path string, m *cdna.LatticeMatrix, o cdna.LatticeOptions) (CodecResult, error) {
	r := CodecResult{Codec: o.Codec, BlockRows: o.BlockRows, BlockBytes: min(o.BlockRows, m.Rows) * m.Cols}
	var err error
	r.EncodeMBs, err = rate(ctx, len(m.Codes), func() error {
		stats, err := cdna.CreateLattice(path, m, o)
		r.BitsPerWeight = 8 * float64(stats.TotalBytes) / float64(len(m.Codes))
		return err
	})
	if err != nil {
		return r, err
	}
	f, err := cdna.OpenLattice(path)
	if err != nil {
		return r, err
	}
	defer f.Close()
	packed, plain := make([][]byte, f.NumBlocks()), make([]byte, r.BlockBytes)
	for i := range packed {
		packed[i] = make([]byte, f.Block(i).CompLen)
		if err := f.ReadCompressed(ctx, packed[i], i); err != nil {
			return r, err
		}
	}
	r.DecodeMBs, err = rate(ctx, len(m.Codes), func() error {
		for i, b := range packed {
			if err := f.Decompress(plain[:f.Block(i).DecompLen], b, i); err != nil {
				return err
			}
		}
		return context.Cause(ctx)
	})
	return r, err
}
