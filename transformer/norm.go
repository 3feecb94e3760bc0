package transformer

import (
	"context"
	"math"

	"github.com/helix-substrate/helix-substrate/arch"
)

// rmsNorm writes x / √(mean(x²)+eps) · w to dst, which may be x (Zhang and Sennrich
// 2019); offset makes the factor 1 + w, nil is 1. The sum of squares is taken in float64, in
// order.
func rmsNorm(dst, x, w []float32, eps float32, offset bool) {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	scale := float32(1 / math.Sqrt(sum/float64(len(x))+float64(eps)))
	if w == nil {
		for i, v := range x {
			dst[i] = v * scale
		}
		return
	}
	w = w[:len(x)]
	if offset {
		for i, v := range x {
			dst[i] = float32(v*scale) * (1 + w[i])
		}
		return
	}
	for i, v := range x {
		dst[i] = float32(v*scale) * w[i]
	}
}

// unitNorm divides x by √(mean(x²)+eps), in place.
func unitNorm(x []float32, eps float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	scale := float32(1 / math.Sqrt(sum/float64(len(x))+float64(eps)))
	for i := range x {
		x[i] *= scale
	}
}

// layerNorm writes (x − mean) / √(variance+eps) · w to dst, which may be x (Ba et al. 2016), and adds the biases that lie behind the
// weights, if there are any. Sums are taken in float64, in order.
func layerNorm(dst, x, w []float32, eps float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	mean, squares := sum/float64(len(x)), 0.0
	for _, v := range x {
		d := float64(v) - mean
		squares += float64(d * d)
	}
	scale := 1 / math.Sqrt(squares/float64(len(x))+float64(eps))
	biases := w[len(x):]
	w = w[:len(x)]
	for i, v := range x {
		dst[i] = float32(float32(float64(float64(v)-mean)*scale) * w[i])
	}
	for i, b := range biases {
		dst[i] += b
	}
}

// normOf writes the norm that a model has to dst, which may be x.
func normOf(c *arch.Config, dst, x, w []float32) {
	if c.LayerNorm {
		layerNorm(dst, x, w, c.NormEps)
		return
	}
	rmsNorm(dst, x, w, c.NormEps, c.NormOffset)
}

// normRows is that of every row of x, of length n.
func normRows(c *arch.Config, dst, x, w []float32, n int) {
	for at := 0; at < len(x); at += n {
		normOf(c, dst[at:at+n], x[at:at+n], w)
	}
}

// normalizing is the norm of rows, as a task: a part is a row.
type normalizing struct {
	config    *arch.Config
	dst, x, w []float32
}

func (t *normalizing) Do(_, i int) error {
	c := t.config
	at, end := i*c.Hidden, (i+1)*c.Hidden
	normOf(c, t.dst[at:end], t.x[at:end], t.w)
	return nil
}

// normalize writes the norm of rows x of the residual stream to dst.
func (p *pass) normalize(ctx context.Context, dst, x, w []float32) error {
	p.normalizing = normalizing{p.model.Config, dst, x, w}
	return p.model.each(ctx, len(x)/p.model.Config.Hidden, len(x), &p.normalizing)
}
