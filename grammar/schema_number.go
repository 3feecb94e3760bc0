package grammar

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// integers returns whole numbers, perhaps of a range.
func (c *compiler) integers(k *keywords) part {
	const least, most = -1e16 + 1, 1e16 - 1 // of maxDigits digits
	lo, hi, bounded := int64(least), int64(most), false
	take := func(n *json.Number, name string, set func(v int64)) {
		if n == nil {
			return
		}
		v, err := strconv.ParseInt(string(*n), 10, 64)
		if f, ferr := n.Float64(); err != nil && ferr == nil && f == float64(int64(f)) {
			v, err = int64(f), nil
		}
		if err != nil || v < least || v > most {
			c.fail(fmt.Errorf("%s %.40s of an integer: %w", name, *n, ErrUnsupported))
		}
		bounded = true
		set(v)
	}
	take(k.minimum, "minimum", func(v int64) { lo = max(lo, v) })
	take(k.maximum, "maximum", func(v int64) { hi = min(hi, v) })
	take(k.exclusiveMinimum, "exclusiveMinimum", func(v int64) { lo = max(lo, v+1) })
	take(k.exclusiveMaximum, "exclusiveMaximum", func(v int64) { hi = min(hi, v-1) })
	if !bounded {
		return c.integer()
	}
	if lo > hi {
		c.fail(fmt.Errorf("no integer is in %d..%d: %w", lo, hi, ErrSyntax))
		return nil
	}
	var parts []part
	if lo < 0 {
		parts = append(parts, sequence(text("-"), c.between(max(1, -hi), -lo)))
	}
	if hi >= 0 {
		parts = append(parts, c.between(max(0, lo), hi))
	}
	return c.either(parts...)
}

// between returns the whole numbers of a range from 0 on, without zeros in front.
func (c *compiler) between(lo, hi int64) part {
	var parts []part
	for tens := int64(1); ; tens *= 10 { // numbers of as many digits
		from, to := max(lo, tens), min(hi, 10*tens-1)
		if tens == 1 {
			from = lo
		}
		if from <= to {
			parts = append(parts, c.digits(strconv.FormatInt(from, 10), strconv.FormatInt(to, 10)))
		}
		if 10*tens > hi {
			return c.either(parts...)
		}
	}
}

// digits returns the texts of digits between two that are as long.
func (c *compiler) digits(lo, hi string) part {
	n := len(lo) - 1
	if strings.Trim(lo, "0") == "" && strings.Trim(hi, "9") == "" { // all of them
		return c.repeat(c.digit(), n+1, n+1)
	}
	one := func(a, b byte) part { return part{{kind: byteRange, lo: a, hi: b}} }
	if lo[0] == hi[0] {
		return sequence(one(lo[0], hi[0]), c.digits(lo[1:], hi[1:]))
	}
	nines, zeros := strings.Repeat("9", n), strings.Repeat("0", n)
	parts := []part{sequence(one(lo[0], lo[0]), c.digits(lo[1:], nines)), sequence(one(hi[0], hi[0]), c.digits(zeros, hi[1:]))}
	if lo[0]+1 < hi[0] {
		parts = append(parts, sequence(one(lo[0]+1, hi[0]-1), c.digits(zeros, nines)))
	}
	return c.either(parts...)
}
