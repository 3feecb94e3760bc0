package codebook

import (
	"cmp"
	"math"
	"slices"
	"sort"
)

// points is what designs work on: the distinct values of a histogram in ascending order, and prefix sums over them from
// which the count, mass, centroid and squared error of any run of values come in constant time.
type points struct {
	x     []float64 // ascending, no two equal
	count []float64 // count[i]: weights among x[:i]; len(x)+1 long, like the next three
	mass  []float64 // what they count for in the error
	first []float64 // first moment of the mass about origin
	sec   []float64 // second moment
	// origin is the mean; moments about it keep their digits when the weights lie far from 0.
	origin float64
	power  float64 // sum of mass·x², about 0
	inBin  float64 // sum of mass·(bin width)²/12: the error that bins hide (Sheppard's correction)
	exact  bool    // x are the very values
}

// point is one distinct value before the sums are taken.
type point struct{ x, count, mass, width float64 }

func newPoints(h *Histogram) *points {
	var list []point
	exact := true
	if h.bins == nil {
		list = listPoints(h)
	} else {
		list = h.bins.points()
		exact = h.bins.value != nil
	}
	p := sum(mergeEqual(list))
	p.exact = exact
	return p
}

func mergeEqual(list []point) []point {
	out := list[:0]
	for _, q := range list {
		if n := len(out); n > 0 && out[n-1].x == q.x {
			out[n-1].count += q.count
			out[n-1].mass += q.mass
			continue
		}
		out = append(out, q)
	}
	return out
}

// sum takes the prefix sums.
func sum(list []point) *points {
	n := len(list)
	block := make([]float64, n+4*(n+1))
	cut := func(n int) []float64 {
		part := block[:n:n]
		block = block[n:]
		return part
	}
	p := &points{x: cut(n), count: cut(n + 1), mass: cut(n + 1), first: cut(n + 1), sec: cut(n + 1)}
	var mass, moment float64
	for _, q := range list {
		mass += q.mass
		moment += float64(q.mass * q.x)
	}
	if mass > 0 {
		p.origin = moment / mass
	}
	for i, q := range list {
		d := q.x - p.origin
		p.x[i] = q.x
		p.count[i+1] = p.count[i] + q.count
		p.mass[i+1] = p.mass[i] + q.mass
		md := float64(q.mass * d)
		p.first[i+1] = p.first[i] + md
		p.sec[i+1] = p.sec[i] + float64(md*d)
		hidden := float64(q.mass*float64(q.width*q.width)) / 12
		p.inBin += hidden
		p.power += float64(q.mass*float64(q.x*q.x)) + hidden
	}
	return p
}

// listPoints sorts an exact list.
func listPoints(h *Histogram) []point {
	type entry struct {
		key  uint32
		mass float64
	}
	order := func(bits uint32) uint32 { // ascending with the value
		if bits>>31 != 0 {
			return ^bits
		}
		return bits | 1<<31
	}
	out := make([]point, 0, len(h.list))
	add := func(key uint32, mass float64) {
		bits := ^key
		if key>>31 != 0 {
			bits = key &^ (1 << 31)
		}
		out = append(out, point{x: float64(math.Float32frombits(bits)), count: 1, mass: mass})
	}
	if h.listMass == nil {
		keys := make([]uint32, len(h.list))
		for i, b := range h.list {
			keys[i] = order(b)
		}
		for _, k := range sortKeys(keys) {
			add(k, 1)
		}
		return out
	}
	entries := make([]entry, len(h.list))
	for i, b := range h.list {
		entries[i] = entry{order(b), h.listMass[i]}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	for _, e := range entries {
		add(e.key, e.mass)
	}
	return out
}

// sortKeys sorts by three counting passes of 11 bits; it overwrites keys and returns the sorted slice.
func sortKeys(keys []uint32) []uint32 {
	other := make([]uint32, len(keys))
	for shift := 0; shift < 32; shift += 11 {
		var start [1 << 11]int
		for _, k := range keys {
			start[k>>shift&(1<<11-1)]++
		}
		at := 0
		for d, n := range start {
			start[d] = at
			at += n
		}
		for _, k := range keys {
			d := k >> shift & (1<<11 - 1)
			other[start[d]] = k
			start[d]++
		}
		keys, other = other, keys
	}
	return keys
}

// points lists the bins that count, in ascending order of value.
func (b *bins) points() []point {
	list := make([]point, 0, 1<<15)
	add := func(k int) {
		n := b.count(k)
		if n == 0 {
			return
		}
		q := point{count: float64(n), mass: float64(n)}
		if b.mass != nil {
			q.mass = b.mass[k]
		}
		switch {
		case b.value != nil:
			q.x = float64(math.Float32frombits(b.value[k]))
		case k&^signBin != 0: // the bins of ±0 stay at 0
			lo := float64(math.Float32frombits(uint32(k) << binShift))
			mid := float64(math.Float32frombits(uint32(k)<<binShift | 1<<(binShift-1)))
			q.x, q.width = mid, 2*math.Abs(mid-lo)
		}
		list = append(list, q)
	}
	const stride = 16 // most bins are empty
	for k := signBin + endBin - stride; k >= signBin; k -= stride {
		if b.any(k, k+stride) {
			for i := k + stride - 1; i >= k; i-- {
				add(i)
			}
		}
	}
	for k := 0; k < endBin; k += stride {
		if b.any(k, k+stride) {
			for i := k; i < k+stride; i++ {
				add(i)
			}
		}
	}
	return list
}

// any says whether a bin from k up to end counts.
func (b *bins) any(k, end int) bool {
	if b.totals != nil {
		return true
	}
	var or uint32
	for _, n := range b.counts[k:end] {
		or |= n
	}
	return or != 0
}

// total is the number of weights.
func (p *points) total() float64 { return p.count[len(p.x)] }

// edge is the last weight that point i stands for towards sign, +1 or -1.
func (p *points) edge(i int, sign float32) float64 {
	const low = 1<<binShift - 1
	x := float32(p.x[i])
	switch {
	case p.exact:
	case x == 0:
		x = sign * math.Float32frombits(low)
	case x*sign > 0:
		x = math.Float32frombits(math.Float32bits(x) | low)
	default:
		x = math.Float32frombits(math.Float32bits(x) &^ low)
	}
	return float64(x)
}

// squaredError of x[i:j] about its centroid.
func (p *points) squaredError(i, j int) float64 {
	m := p.mass[j] - p.mass[i]
	if m <= 0 {
		return 0
	}
	s := p.first[j] - p.first[i]
	return max(0, p.sec[j]-p.sec[i]-float64(s*s)/m)
}

// errorAbout is the squared error of x[i:j] about the value v.
func (p *points) errorAbout(i, j int, v float64) float64 {
	d := v - p.origin
	m, s := p.mass[j]-p.mass[i], p.first[j]-p.first[i]
	return max(0, p.sec[j]-p.sec[i]-float64(float64(2*d)*s)+float64(m*float64(d*d)))
}

// errorOf is the squared error of all points in c, bins included.
func (p *points) errorOf(c *Codebook) float64 {
	sum, from := p.inBin, 0
	for i, v := range c.Values {
		to := len(p.x)
		if i < len(c.Bounds) {
			to = p.above(float64(c.Bounds[i]), from)
		}
		sum += p.errorAbout(from, to, float64(v))
		from = to
	}
	return sum
}

// centroid of x[i:j], which must not be empty. Where nothing counts it is the middle.
func (p *points) centroid(i, j int) float64 {
	if m := p.mass[j] - p.mass[i]; m > 0 && j > i+1 {
		c := p.origin + (p.first[j]-p.first[i])/m
		return min(max(c, p.x[i]), p.x[j-1])
	}
	return middle(p.x[i], p.x[j-1])
}

// above returns the number of points <= t. It starts from a guess, which costs little when it is near.
func (p *points) above(t float64, guess int) int {
	lo, hi, step := guess, guess, 1
	for lo > 0 && p.x[lo-1] > t {
		hi = lo - 1
		lo = max(0, lo-step)
		step *= 2
	}
	for hi < len(p.x) && p.x[hi] <= t {
		lo = hi + 1
		hi = min(len(p.x), hi+step)
		step *= 2
	}
	return lo + sort.Search(hi-lo, func(k int) bool { return p.x[lo+k] > t })
}
