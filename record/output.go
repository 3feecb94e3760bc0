package record

import (
	"context"
	"errors"
	"io"
	"maps"
	"runtime"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

// Output is where a run's receipt goes: a file, a log, both or neither.
type Output struct {
	file *atomicfile.File
	log  string
}

// Create opens the receipt's file and looks at the log, before the work: a run without the
// receipt that was asked for would be no success. An empty path is none. Abort the output
// when done.
func Create(file, log string) (*Output, error) {
	o := &Output{log: log}
	if log != "" {
		if err := chain.Check(log); err != nil {
			return nil, err
		}
	}
	if file == "" {
		return o, nil
	}
	var err error
	o.file, err = atomicfile.Create(file)
	return o, err
}

// Encoder writes a receipt's file, such as receipt.Execution.Write.
type Encoder func(e *receipt.Execution, w io.Writer) error

// Keep writes a run's receipt into the file by encode and appends it to the log, also when
// ctx has ended. The log comes first: it says which receipt was before this one. Where it
// cannot be appended to, the file is written all the same.
func (o *Output) Keep(ctx context.Context, e *receipt.Execution, encode Encoder) error {
	var logged error
	if o.log != "" {
		logged = chain.Append(context.WithoutCancel(ctx), o.log, e)
	}
	if o.file == nil {
		return logged
	}
	err := encode(e, o.file)
	if err == nil {
		err = o.file.Commit()
	}
	return errors.Join(logged, err)
}

// Abort removes the file of a receipt that was not written.
func (o *Output) Abort() {
	if o.file != nil {
		o.file.Abort()
	}
}

// Run is the receipt of a run on its way to its output.
type Run struct {
	*receipt.Recorder
	*Output
}

// Begin starts the receipt of a run of this program's version on so many workers, 0 for all
// cores, and creates its output as [Create] does. Paths, but for empty ones, go into the
// measurements.
func Begin(file, log, version string, threads int, paths map[string]string) (*Run, error) {
	r := &Run{Recorder: receipt.NewRecorder(time.Now())}
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	kernels, err := kernel.FromEnv()
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(paths, func(_, path string) bool { return path == "" })
	m := &r.Measurements
	m.Program.Version, m.Paths = version, paths
	m.Executor = receipt.Executor{Used: string(kernels.Level()), Workers: threads}
	r.Output, err = Create(file, log)
	return r, err
}

// Write completes the receipt, into file and log; it does nothing where there are none.
func (r *Run) Write(ctx context.Context, claims any) error {
	return r.WriteAs(ctx, claims, (*receipt.Execution).Write)
}

// WriteAs is Write, of a file with what encode makes of the receipt.
func (r *Run) WriteAs(ctx context.Context, claims any, encode Encoder) error {
	if r.file == nil && r.log == "" {
		return nil
	}
	r.Measurements.Memory.PeakRSS, _ = procmem.PeakRSS()
	e, err := r.Receipt(claims, time.Now())
	if err != nil {
		return err
	}
	return r.Keep(ctx, e, encode)
}
