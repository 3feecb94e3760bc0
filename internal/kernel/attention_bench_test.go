package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkAttend takes the last queries of a sequence through one key/value head after another, of 16 MiB of tiles or
// more, so that they come from memory as a layer's do. best-GB/s is of the tiles, as often as they are read.
func BenchmarkAttend(b *testing.B) {
	const depth, dim = 2048, 64
	for _, c := range []struct {
		form       KVForm
		group, n   int
		fromMemory bool
	}{
		{KVF32, 1, 1, true}, {KVF32, 4, 1, true}, {KVF32, 8, 1, true}, {KVF16, 1, 1, true}, {KVF16, 4, 1, true}, {KVF16, 8, 1, true},
		{KVInt8, 1, 1, true}, {KVInt8, 4, 1, true}, {KVInt8, 8, 1, true},
		{KVF32, 1, 48, false}, {KVF32, 4, 12, false}, {KVF16, 4, 12, false}, {KVInt8, 4, 12, false},
	} {
		for _, l := range Levels() {
			if l == Generic {
				continue
			}
			b.Run(fmt.Sprintf("%s/group %d, %d queries/%s", kvFormNames[c.form], c.group, c.n, l), func(b *testing.B) {
				k, _ := ForLevel(l)
				a := Attention{Form: c.form, Dim: dim, Group: c.group, Scale: 0.125}
				s := newSequence(rand.New(rand.NewPCG(1, 36)), a, depth, false)
				tiles := s.tiles(depth)
				size := len(tiles)
				heads := 1
				for c.fromMemory && heads*size < 64<<20 {
					heads++
				}
				all := bytesOf(make([]float32, heads*size/4))
				for h := range heads {
					copy(all[h*size:], tiles)
				}
				rows := c.group * c.n
				m := NewAttentionMemory(make([]float32, AttentionFloats(rows, dim)), rows, dim)
				out, queries := make([]float32, rows*dim), s.queries[len(s.queries)-rows*dim:]
				paged := make([]Tiles, heads)
				for h := range paged {
					tile := c.form.TileBytes(dim)
					for at := h * size; at < (h+1)*size; at += tile {
						paged[h].Pages = append(paged[h].Pages, all[at:][:tile])
					}
				}
				best, at := time.Hour, 0
				for b.Loop() {
					start := time.Now()
					for range 16 {
						k.Attend(&a, out, queries, c.group*dim, paged[at], depth-c.n, c.n, m)
						at = (at + 1) % heads
					}
					best = min(best, time.Since(start)/16)
				}
				b.ReportMetric(float64(size)/best.Seconds()/1e9, "best-GB/s")
				b.ReportMetric(best.Seconds()*1e9/float64(rows*depth), "best-ns/score")
			})
		}
	}
}
