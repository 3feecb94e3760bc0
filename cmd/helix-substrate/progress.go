package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a long operation is: a bar on a terminal, a line every
// few seconds elsewhere.
type progress struct {
	w    io.Writer
	bar  *progressbar.ProgressBar
	last time.Time
}

// lineEvery is the time between two lines where there is no terminal.
const lineEvery = 5 * time.Second

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, last: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(w),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
	return p
}

// update is called with the bytes done and in all and the tensor at work.
func (p *progress) update(done, total int64, tensor string) {
	if p.bar != nil {
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
