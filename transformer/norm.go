package transformer

import (
	"context"
	"math"

	"github.com/helix-substrate/helix-substrate/arch"
)

// rmsNorm writes x / √(mean(x²)+eps) · w to dst, which may be x (Zhang and Sennrich
// 2019); offset makes the factor 1 + w. The sum of squares is taken in float64, in
// order.
func rmsNorm(dst, x, w []float32, eps float32, offset bool) {
	sum := 0.0
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	scale := float32(1 / math.Sqrt(sum/float64(len(x))+float64(eps)))
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

// rmsNormRows normalizes every row of x, of length n.
func rmsNormRows(dst, x, w []float32, n int, eps float32, offset bool) {
	for at := 0; at < len(x); at += n {
		rmsNorm(dst[at:at+n], x[at:at+n], w, eps, offset)
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
	rmsNorm(t.dst[at:end], t.x[at:end], t.w, c.NormEps, c.NormOffset)
	return nil
}

// normalize writes the norm of rows x of the residual stream to dst.
func (p *pass) normalize(ctx context.Context, dst, x, w []float32) error {
	p.normalizing = normalizing{p.model.Config, dst, x, w}
	return p.model.each(ctx, len(x)/p.model.Config.Hidden, len(x), &p.normalizing)
}
