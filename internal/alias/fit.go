package alias

import (
	"math/bits"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
)

// exceptionBits is about what an exception takes besides its stand-in.
const exceptionBits = 24

// logs are binary logarithms of numbers of slots.
var logs = func() (l [slots + 1]float64) {
	for f := 1; f < len(l); f++ {
		l[f] = detmath.Log2(float64(f))
	}
	return l
}()

// NewTable returns a table that packs codes which are as frequent as counts say in few bits. At least one code must occur.
// The result depends on counts alone.
func NewTable(counts *[256]uint64) Table {
	f := fitting{}
	mode := 0
	for code, n := range counts {
		f.before[code+1] = f.before[code] + n
		if n > counts[mode] {
			mode = code
		}
	}
	if shift := max(0, bits.Len64(f.before[256])-50); shift > 0 { // beyond what a float64 counts
		for i := range f.before {
			f.before[i] >>= shift
		}
	}
	var best candidate
	for extra := range maxExtra + 1 {
		near := candidate{cost: -1}
		width := symbols << extra
		for base := max(0, mode+1-width); base <= mode && base+2<<extra <= 256; base += 1 << max(0, extra-1) {
			if cost := f.estimate(base, extra); near.cost < 0 || cost < near.cost {
				near = candidate{base: base, extra: extra, cost: cost}
			}
		}
		if near.cost < 0 {
			continue
		}
		f.share(&near)
		if extra == 0 || near.cost < best.cost {
			best = near
		}
	}
	return best.table()
}

// fitting is how many codes there are before each.
type fitting struct{ before [257]uint64 }

// candidate is a choice of codes, and of slots for the symbols.
type candidate struct {
	base, extra int
	frequency   [symbols]int
	cost        float64 // bits
}

// counts returns how often each symbol occurs, and other codes.
func (f *fitting) counts(base, extra int) (n [symbols]float64, others float64) {
	total := f.before[256]
	for s := 0; s < symbols && base+(s+1)<<extra <= 256; s++ {
		v := f.before[base+(s+1)<<extra] - f.before[base+s<<extra]
		n[s] = float64(v)
		total -= v
	}
	return n, float64(total)
}

// estimate returns what the codes would take if slots could be divided.
func (f *fitting) estimate(base, extra int) float64 {
	n, others := f.counts(base, extra)
	all := detmath.Log2(float64(f.before[256]))
	cost := others * exceptionBits
	for _, v := range n {
		if v > 0 {
			cost += float64(v * (all - detmath.Log2(v) + float64(extra)))
		}
	}
	return cost
}

// share gives the symbols slots, one after the other to the one for which it saves the most, and none to those for which
// exceptions are cheaper. It sets the cost to what the codes then take.
func (f *fitting) share(c *candidate) {
	const slotIsWorth = slots * exceptionBits / 1.44 // a slot less for all others costs each of their codes log2(e)/256 bits
	n, others := f.counts(c.base, c.extra)
	left, most, kept := slots, 0, 0
	for s, v := range n {
		if v > n[most] {
			most = s
		}
	}
	for s, v := range n {
		if v > 0 && (s == most || float64(v*slotIsWorth) >= float64(f.before[256])) {
			c.frequency[s] = 1
			left--
			kept++
		} else {
			others += v
			n[s] = 0
		}
	}
	if kept < 2 { // one symbol can't have all
		other := most - 1
		if other < 0 {
			other = 1
		}
		c.frequency[other] = slots - maxFrequency
		left -= slots - maxFrequency
	}
	for ; left > 0; left-- {
		best, gain := most, -1.0
		for s, v := range n {
			if have := c.frequency[s]; have > 0 && have < maxFrequency {
				if g := v * (logs[have+1] - logs[have]); g > gain {
					best, gain = s, g
				}
			}
		}
		c.frequency[best]++
	}
	c.cost = float64(others * (exceptionBits + 8 - logs[c.frequency[most]] + float64(c.extra)))
	for s, v := range n {
		if v > 0 {
			c.cost += float64(v * (8 - logs[c.frequency[s]] + float64(c.extra)))
		}
	}
}

// table makes the cells (Vose 1991): the symbol with the fewest slots left has what is left of its cell filled by the one
// with the most.
func (c *candidate) table() (t Table) {
	left := c.frequency
	var done [symbols]bool
	for range symbols {
		least, most := -1, -1
		for s, n := range left {
			if !done[s] && (least < 0 || n < left[least]) {
				least = s
			}
		}
		done[least] = true
		if left[least] == cellSlots { // as have all that are left
			t.alias[least] = uint8(least)
			continue
		}
		for s, n := range left {
			if !done[s] && (most < 0 || n > left[most]) {
				most = s
			}
		}
		t.divider[least], t.alias[least] = uint8(left[least]), uint8(most)
		left[most] -= cellSlots - left[least]
	}
	if !t.finish(c.base, uint8(c.extra)) {
		panic("alias: no table")
	}
	return t
}
