package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/helix-substrate/helix-substrate/convert"
)

// progress shows how far a long operation is: a bar on a terminal, a line every
// few seconds elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	share    bool                     // what is done and in all is no number of bytes
	bar      *progressbar.ProgressBar // of a terminal, from the first update on
	last     time.Time
}

// lineEvery is the time between two lines where there is no terminal.
const lineEvery = 5 * time.Second

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), last: time.Now()}
}

// calibrating is called while a calibration runs, the first time before its first layer.
func (p *progress) calibrating(c convert.CalibrationProgress) {
	left := max(time.Second, c.Left.Round(time.Second))
	if !p.share {
		p.share = true
		fmt.Fprintf(p.w, "calibrating with %d tokens, which takes about %v\n", c.Tokens, left)
	}
	const whole = 1000
	p.update(int64(whole*c.Done), whole, fmt.Sprintf("calibrating layer %d of %d, %v to come", min(c.Layer+1, c.Layers), c.Layers, left))
}

// update is called with the bytes done and in all and the tensor at work.
func (p *progress) update(done, total int64, tensor string) {
	if p.terminal {
		if p.bar == nil {
			p.bar = progressbar.NewOptions64(-1,
				progressbar.OptionSetWriter(p.w),
				progressbar.OptionShowBytes(!p.share),
				progressbar.OptionSetWidth(30),
				progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish(),
			)
		}
		p.bar.ChangeMax64(total)
		p.bar.Describe(tensor)
		p.bar.Set64(done)
		return
	}
	if time.Since(p.last) >= lineEvery {
		p.last = time.Now()
		fmt.Fprintf(p.w, "%3d %% %s\n", done*100/max(1, total), tensor)
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		p.bar.Finish()
	}
}
