package codebook

import "math"

// mostRounding is the share of the error that bfloat16 values may add to it, 0.1 dB.
const mostRounding = 0.0233

// store makes the values storable, as bfloat16 or float32, and iterates on: each step is still the best answer to the one
// before, so the cost only falls from there. Where weights lie closer together than bfloat16 numbers (denormals, or those
// about a mean far from 0, or cells finer than 2^-8 of their value) the values stay float32.
func (q *partition) store(bf16 bool, lambda float64) {
	if bf16 {
		most := q.cost(lambda) + float64(mostRounding*q.distortion())
		unrounded := q.clone()
		q.roundJointly(lambda)
		q.settle(toBF16, lambda)
		if q.cost(lambda) <= most {
			return
		}
		*q = *unrounded
	}
	q.settle(roundFloat32, lambda)
}

// settle iterates with rounded values.
func (q *partition) settle(round func(float64) float64, lambda float64) {
	const maxSteps = 20
	q.round = round
	q.update()
	q.iterate(lambda, 1e-6, maxSteps)
}

func unrounded(v float64) float64    { return v }
func roundFloat32(v float64) float64 { return float64(toFloat32(v)) }

// roundJointly moves every value to one of the bfloat16 numbers around it, choosing all of them together. Rounding each
// to the nearest makes distances between neighbours uneven; where one is rounded up it pays to round the next up too.
// Between two neighbours the points divide where both cost the same, so the cost is a sum over pairs of neighbours and
// the best choice is a shortest path.
func (q *partition) roundJointly(lambda float64) {
	type step struct {
		value, cost float64 // cost up to here, against giving all points so far to this value
		from        int
	}
	const choices = 4
	path := make([][choices]step, len(q.value))
	for j, v := range q.value {
		below := toBF16(v)
		if below > v {
			below = nextBF16(below, -1)
		}
		for c := range choices {
			s := step{value: nextBF16(below, c-1), cost: math.Inf(1)}
			if j == 0 {
				s.cost = 0
			} else {
				for from, a := range path[j-1] {
					if cost := a.cost + q.gain(j-1, a.value, s.value, lambda); cost < s.cost {
						s.cost, s.from = cost, from
					}
				}
			}
			path[j][c] = s
		}
	}
	last := len(path) - 1
	best, least := 0, math.Inf(1)
	for c, s := range path[last] {
		if cost := s.cost + q.points.errorAbout(0, len(q.points.x), s.value); cost < least {
			best, least = c, cost
		}
	}
	if math.IsInf(least, 1) {
		return // no ascending choice: the cells are finer than bfloat16
	}
	for j := last; j >= 0; j-- {
		s := path[j][best]
		q.value[j], best = s.value, s.from
	}
	q.assign(lambda)
}

// gain is what cell j with value a costs for all points below its limit towards cell j+1 with value b, less what that
// cell would cost for them: (x-a)² - (x-b)² = (b-a)·(2x-a-b), and the bits.
func (q *partition) gain(j int, a, b, lambda float64) float64 {
	if a >= b {
		return math.Inf(1)
	}
	p := q.points
	k := p.above(q.limit(j, j+1, a, b, lambda), q.first[j+1])
	twice := (a - p.origin) + (b - p.origin)
	return float64((b-a)*(2*p.first[k]-float64(twice*p.mass[k]))) + float64(lambda*float64((q.bits[j]-q.bits[j+1])*p.count[k]))
}

// nextBF16 is the bfloat16 number steps above v, itself one, or the last finite one.
func nextBF16(v float64, steps int) float64 {
	for ; steps != 0; steps -= sign(steps) {
		b := int32(math.Float32bits(float32(v)))
		switch {
		case v == 0:
			b = 1 << 16
			if steps < 0 {
				b |= math.MinInt32
			}
		case (v > 0) == (steps > 0):
			b += 1 << 16
		default:
			b -= 1 << 16
		}
		if w := math.Float32frombits(uint32(b)); isFinite(w) {
			v = float64(w) + 0 // never -0
		}
	}
	return v
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}
