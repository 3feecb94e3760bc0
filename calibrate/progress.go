package calibrate

import (
	"time"

	"github.com/helix-substrate/helix-substrate/lattice"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Progress tells how far a calibration is.
type Progress struct {
	Layer, Layers int           // the one at hand, from 0 on, and all; the output head comes last
	Done          float64       // share of the work
	Left          time.Duration // about the time to come; 0: not known yet
	Tokens        int           // that each layer is given
	Notes         []string      // what a user should know about model and text
}

// rate is about how many multiplications a thread with AVX-512 does in a second, in layers and Σ
// alike, with all that goes on between them. What is measured takes its place with the first window.
const rate = 20e9

// Estimate is about how long a calibration with so many tokens takes, 0 for DefaultTokens, that
// begins with the first layer.
func Estimate(l *transformer.Layers, tokens int) time.Duration {
	parameters := l.Parameters()
	if tokens == 0 {
		tokens = DefaultTokens(parameters)
	}
	each := float64(parameters)
	for i := range l.Config.Layers + 1 {
		for _, in := range inputs(l, i) {
			each += float64(lattice.GramLen(in.Len))
		}
	}
	return time.Duration(each * float64(tokens) / rate / float64(l.Threads()) * float64(time.Second))
}

// clock tells how far a calibration is and how long it will take.
type clock struct {
	c       *calibration
	started time.Time
	windows int // done since
	before  int // of layers that were done
}

// start begins with so many layers done, −1 for none.
func (k *clock) start(c *calibration, done int) {
	*k = clock{c: c, started: time.Now(), before: max(0, done) * len(c.windows)}
	k.tell(max(0, done))
}

func (k *clock) window(layer int) {
	k.windows++
	k.tell(layer)
}

func (k *clock) tell(layer int) {
	c := k.c
	if c.options.Progress == nil {
		return
	}
	layers, tokens := c.layers.Config.Layers, len(c.windows)*c.head.Context
	all := layers * len(c.windows) // the head's take next to nothing
	done := min(k.before+k.windows, all)
	share := float64(done) / float64(all)
	left := time.Duration(float64(Estimate(c.layers, tokens)) * (1 - share))
	if k.windows > 0 {
		left = time.Duration(float64(time.Since(k.started)) / float64(k.windows) * float64(all-done))
	}
	c.options.Progress(Progress{Layer: layer, Layers: layers, Done: share, Left: left, Tokens: tokens, Notes: c.notes})
}
