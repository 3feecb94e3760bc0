package transformer

import (
	"context"
	"slices"
)

// mixer is what a layer has in place of attention. A short convolution is one over a few tokens between two gates:
// out(c · conv(b · x)), where in gives b, c and x (LFM2, Liquid AI 2025). For delta nets see deltaRows, for Mamba-2 mambaRows.
type mixer struct {
	In, Out linear
	convolution

	Gate, Rate, Step  linear    // of delta nets; of grouped ones In and Rate have all. Mamba-2 has no Rate
	step, decay, norm []float32 // biases of Step, how fast heads forget, of delta nets its logarithms, and the norm of answers
	skip              []float32 // of Mamba-2: how much of its input each head adds to its answer
}

// convolution has a filter for each channel of vectors, over a token and those just before it.
type convolution struct {
	filter []float32 // [taps, channels], the oldest token's first
	bias   []float32 // or nil
}

// convolve writes the convolution of channels [a, b) of rows x [n, width] to y [n, width] and keeps in past [taps−1, width],
// oldest first, what the next rows need. Each sum begins with the bias, or 0; products and sums are rounded one by one, the
// oldest token's first.
func (f *convolution) convolve(y, x, past []float32, width, a, b int) {
	taps, n := len(f.filter)/width, len(x)/width
	row := func(t int) []float32 { // t = −1 is the newest of past
		if t < 0 {
			return past[(taps-1+t)*width:][a:b]
		}
		return x[t*width:][a:b]
	}
	for t := range n {
		sums := y[t*width:][a:b]
		if f.bias == nil {
			clear(sums)
		} else {
			copy(sums, f.bias[a:b])
		}
		for k := range taps {
			w, v := f.filter[k*width:][a:b], row(t-taps+1+k)
			for i := range sums {
				sums[i] += float32(w[i] * v[i])
			}
		}
	}
	for i := range taps - 1 {
		copy(past[i*width:][a:b], row(n-taps+1+i))
	}
}

// mixerScratch is the memory of a layer without attention for a pass.
type mixerScratch struct {
	in, between, out []float32
	gates, rates     []float32 // of delta nets and of Mamba-2
	runs             []run
}

// run is rows of a pass that follow each other in a sequence.
type run struct{ from, to int }

// divideRuns divides the rows into runs.
func (p *pass) divideRuns() []run {
	b := &p.mixer
	b.runs = b.runs[:0]
	for i, r := range p.rows {
		if i > 0 && r.cache == p.rows[i-1].cache && r.position == p.rows[i-1].position+1 {
			b.runs[len(b.runs)-1].to++
			continue
		}
		b.runs = append(b.runs, run{i, i + 1})
	}
	return b.runs
}

// state returns what layer l keeps of a run's sequence, of n numbers. first says that nothing is before the run: then it
// is to be cleared.
func (p *pass) state(l int, r run, n int) (state []float32, first bool) {
	row := &p.rows[r.from]
	return row.cache.of(l, n), row.position == 0
}

// convolveLayer writes layer l's output for the rows' vectors x to y and brings the sequences' states along.
func (p *pass) convolveLayer(ctx context.Context, l int, t *mixer, y, x []float32) error {
	m, n := p.model, len(p.rows)
	width := m.Config.MixerWidth()
	in, out := p.mixer.in[:n*3*width], p.mixer.out[:n*width]
	if err := m.engine.DotAll(ctx, x, t.In.to(in)); err != nil {
		return err
	}
	runs := p.divideRuns()
	parts, size := m.cut(width)
	p.convolving = convolving{p, l, &t.convolution, in, p.mixer.between[:n*width], out, size}
	if err := m.each(ctx, parts*len(runs), len(in), &p.convolving); err != nil {
		return err
	}
	return m.engine.DotAll(ctx, out, t.Out.to(y))
}

// convolving is a convolution, and what is between the matrices of a layer that has no more than that: then in has gates, too.
// A part is some channels of a run.
type convolving struct {
	pass        *pass
	layer       int
	of          *convolution
	in, between []float32
	out         []float32 // nil: between is the convolution of in, and activated
	size        int       // of a part
}

func (t *convolving) Do(_, i int) error {
	p := t.pass
	width := p.model.Config.MixerWidth()
	runs := p.mixer.runs
	r := runs[i%len(runs)]
	a := i / len(runs) * t.size
	b := min(a+t.size, width)
	history := len(t.of.filter) - width
	state, first := p.state(t.layer, r, p.model.Config.State(t.layer))
	past := state[:history]
	if first {
		clearColumns(past, width, a, b)
	}
	between := t.between[width*r.from : width*r.to]
	if t.out == nil {
		t.of.convolve(between, t.in[width*r.from:width*r.to], past, width, a, b)
		for n := range r.to - r.from {
			x := between[n*width:][a:b]
			for at := 0; at < len(x); at += len(ones) {
				part := x[at:min(at+len(ones), len(x))]
				p.model.kernels.SiLUMul(part, ones[:len(part)])
			}
		}
		return nil
	}
	gates, out := t.in[3*width*r.from:3*width*r.to], t.out[width*r.from:width*r.to]
	for n := range r.to - r.from {
		before, last, to := gates[3*n*width:][a:b], gates[(3*n+2)*width:][a:b], between[n*width:][a:b]
		for j := range to {
			to[j] = before[j] * last[j]
		}
	}
	t.of.convolve(out, between, past, width, a, b)
	for n := range r.to - r.from {
		after, to := gates[(3*n+1)*width:][a:b], out[n*width:][a:b]
		for j := range to {
			to[j] *= after[j]
		}
	}
	return nil
}

// ones are what a gate lets through that is only activated.
var ones = slices.Repeat([]float32{1}, 256)

// clearColumns clears columns [a, b) of rows.
func clearColumns(x []float32, width, a, b int) {
	for at := 0; at < len(x); at += width {
		clear(x[at:][a:b])
	}
}
