package codebook

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestAssignIsCheapest: every point ends in the cell where error and bits cost least.
func TestAssignIsCheapest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-10, 10), 2, 60).Draw(t, "x")
		h := NewHistogram()
		if err := h.Add(x); err != nil {
			t.Fatal(err)
		}
		p := newPoints(h)
		lambda := rapid.Float64Range(0, 5).Draw(t, "lambda")
		first := []int{0}
		for i := 1; i < len(p.x); i++ {
			if rapid.Bool().Draw(t, "cut") {
				first = append(first, i)
			}
		}
		q := newPartition(p, append(first, len(p.x)), selfInformation, unrounded)
		values, bits := slices.Clone(q.value), slices.Clone(q.bits)
		q.assign(lambda)
		cost := func(x float64, v, b float64) float64 { return (x-v)*(x-v) + lambda*b }
		for j := range q.value {
			for _, x := range p.x[q.first[j]:q.first[j+1]] {
				got := cost(x, q.value[j], q.bits[j])
				for k := range values {
					if want := cost(x, values[k], bits[k]); got > want+1e-9 {
						t.Fatalf("point %v costs %v, and only %v at value %v", x, got, want, values[k])
					}
				}
			}
		}
	})
}

// TestOptimalCells compares with all ways to cut.
func TestOptimalCells(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		x := make([]float32, 4+r.IntN(8))
		for i := range x {
			x[i] = float32(math.Exp(2 * r.NormFloat64()))
		}
		p := newPoints(histogramOf(t, x))
		k := 1 + r.IntN(min(4, len(p.x)))
		var least func(from, k int) float64
		least = func(from, k int) float64 {
			if k == 1 {
				return p.squaredError(from, len(p.x))
			}
			best := math.Inf(1)
			for i := from + 1; i <= len(p.x)-k+1; i++ {
				best = min(best, p.squaredError(from, i)+least(i, k-1))
			}
			return best
		}
		q := newPartition(p, optimalCells(p, k), selfInformation, unrounded)
		if got, want := q.distortion(), least(0, k); got > want*(1+1e-9)+1e-12 {
			t.Fatalf("%v in %d cells: %v, want %v", x, k, got, want)
		}
	}
}

// TestLloydNearOptimum: from every start, also where the tails are heavy. With some hundred points a cell the optimum
// exploits their accidents; on large tensors the difference is much smaller.
func TestLloydNearOptimum(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, tail := range []float64{0, 1} {
		x := make([]float32, 6000)
		for i := range x {
			x[i] = float32(r.NormFloat64() * math.Exp(tail*r.NormFloat64()))
		}
		p := newPoints(histogramOf(t, x))
		free := func(bits, _ []float64) { clear(bits) }
		best := newPartition(p, optimalCells(p, 64), free, unrounded).distortion()
		for _, start := range []Start{Companded, Quantile, GoldenRatio} {
			q := newPartition(p, startCells(p, 64, start), free, unrounded)
			q.lloyd(64)
			t.Logf("tail %v, %s: %.2f %% above the optimum", tail, start, 100*(q.distortion()/best-1))
			if q.distortion() > 1.06*best || q.distortion() < best*(1-1e-9) {
				t.Errorf("tail %v, %s: error %v, optimum %v", tail, start, q.distortion(), best)
			}
		}
	}
}

// TestEntropyNearOptimum compares with the cheapest of all ways to cut, found by dynamic programming: with ideal code
// lengths the cost of a cell does not depend on the others (Muresan and Effros 2008).
func TestEntropyNearOptimum(t *testing.T) {
	for name, density := range map[string]func(float64) float64{
		"Gaussian":  func(x float64) float64 { return math.Exp(-x * x / 2) },
		"Laplacian": func(x float64) float64 { return math.Exp(-math.Sqrt2 * math.Abs(x)) },
	} {
		var list []point
		for x := -6.0; x <= 6; x += 0x1p-6 {
			if n := math.Round(1e7 * density(x)); n > 0 {
				list = append(list, point{x: x, count: n, mass: n})
			}
		}
		p := sum(list)
		n := len(p.x)
		for _, snr := range []float64{10, 15, 21} {
			s := &solver{points: p, entries: 256, longest: 15}
			lambda := s.lambdaFor(snr)
			cost := make([]float64, n+1)
			for j := 1; j <= n; j++ {
				cost[j] = math.Inf(1)
				for i := range j {
					count := p.count[j] - p.count[i]
					c := cost[i] + p.squaredError(i, j) + lambda*count*math.Log2(p.total()/count)
					cost[j] = min(cost[j], c)
				}
			}
			above := func(q *partition) float64 {
				return (q.distortion() + lambda*q.rate() - cost[n]) / lambda / p.total()
			}
			ideal := newPartition(p, gridCells(p, math.Sqrt(6*lambda/math.Ln2)), selfInformation, unrounded)
			ideal.iterate(lambda, 1e-7, 100)
			huffman := s.solve(lambda)
			t.Logf("%s, %v dB: %.5f bits above the optimum, with Huffman lengths %.4f", name, snr, above(ideal), above(huffman.partition))
			if d := above(ideal); d > 0.004 || d < -1e-6 {
				t.Errorf("%s, %v dB: %.5f bits above the optimum", name, snr, d)
			}
			if d := above(huffman.partition); d > 0.06 || d < 0 {
				t.Errorf("%s, %v dB: with Huffman lengths %.4f bits above the optimum", name, snr, d)
			}
		}
	}
}

func sumBits(bits, counts []float64) (sum float64) {
	for j, b := range bits {
		sum += b * counts[j]
	}
	return sum
}

func kraft(bits []float64) (sum float64) {
	for _, b := range bits {
		sum += math.Exp2(-b)
	}
	return sum
}

// TestHuffmanCode compares with Huffman's own construction, where the limit does not bind, and with what any code needs.
func TestHuffmanCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 256).Draw(t, "n")
		steep := rapid.Float64Range(0, 12).Draw(t, "steep")
		counts := make([]float64, n)
		for j := range counts {
			counts[j] = math.Ceil(1e6 * math.Exp(-steep*rapid.Float64Range(0, 1).Draw(t, "u")))
		}
		bits, ideal := make([]float64, n), make([]float64, n)
		// Huffman: join the two lightest trees; every join costs their weight.
		trees := slices.Clone(counts)
		var want float64
		for len(trees) > 1 {
			slices.Sort(trees)
			trees[1] += trees[0]
			want += trees[1]
			trees = trees[1:]
		}
		huffmanCode(60)(bits, counts)
		if got := sumBits(bits, counts); got != want {
			t.Fatalf("unlimited: %v bits, want %v", got, want)
		}
		for _, longest := range []int{9, 11, 15} {
			huffmanCode(longest)(bits, counts)
			limitedCode(longest)(ideal, counts)
			if k := kraft(bits); k != 1 || slices.Max(bits) > float64(longest) || slices.Min(bits) < 1 {
				t.Fatalf("limit %d: Kraft sum %v, lengths %v", longest, k, bits)
			}
			if k := kraft(ideal); math.Abs(k-1) > 1e-9 || slices.Max(ideal) > float64(longest) {
				t.Fatalf("limit %d, ideal: Kraft sum %v", longest, k)
			}
			if sumBits(ideal, counts) > sumBits(bits, counts)*(1+1e-12) || sumBits(bits, counts) < want {
				t.Fatalf("limit %d: %v bits, ideally %v, unlimited %v", longest, sumBits(bits, counts), sumBits(ideal, counts), want)
			}
		}
	})
	bits := []float64{7}
	huffmanCode(11)(bits, []float64{5})
	if bits[0] != 0 {
		t.Errorf("a lone cell costs %v bits", bits[0])
	}
	// The limit binds: without it the lengths are 1 to 8.
	fibonacci := []float64{1, 1, 2, 3, 5, 8, 13, 21, 34}
	bits = make([]float64, len(fibonacci))
	huffmanCode(4)(bits, fibonacci)
	if want := []float64{4, 4, 4, 4, 4, 4, 3, 3, 2}; sumBits(bits, fibonacci) > sumBits(want, fibonacci) || kraft(bits) > 1 {
		t.Errorf("lengths %v", bits)
	}
}
