package main

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
	"github.com/helix-substrate/helix-substrate/transformer"
)

// receiptFlags are the options of every verb that leaves a receipt.
type receiptFlags struct {
	Receipt string `output:"receipt" name:"receipt" placeholder:"R.json" help:"Write the receipt there."`
	Log     string `output:"log" name:"log" placeholder:"LOG" help:"Append the receipt to this log, which links it to the one before."`
}

// wanted tells that somebody will see a receipt.
func (f *receiptFlags) wanted() bool { return f.Receipt != "" || f.Log != "" }

// create opens the receipt's file, if one is wanted, and looks at the log.
func (f *receiptFlags) create() (*atomicfile.File, error) {
	if f.Log != "" {
		if err := chain.Check(f.Log); err != nil {
			return nil, err
		}
	}
	if f.Receipt == "" {
		return nil, nil
	}
	return atomicfile.Create(f.Receipt)
}

// record is the receipt of a verb on its way; one without a file or log is for nobody.
type record struct {
	*receipt.Recorder
	file *atomicfile.File
	log  string
}

// newRecord opens the receipt's file and looks at the log, if they are wanted, before
// the work. The paths go into the measurements.
func newRecord(f receiptFlags, threads int, paths map[string]string) (*record, error) {
	r := &record{Recorder: receipt.NewRecorder(time.Now()), log: f.Log}
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	m := &r.Measurements
	m.Program.Version = programVersion()
	kernels, err := kernel.FromEnv()
	if err != nil {
		return nil, err
	}
	m.Executor = receipt.Executor{Used: string(kernels.Level()), Workers: threads}
	maps.DeleteFunc(paths, func(_, path string) bool { return path == "" })
	m.Paths = paths
	r.file, err = f.create()
	return r, err
}

// ran notes what a model ran on.
func ran(m *receipt.Measurements, f *modelFlags, on *transformer.Model) {
	m.Executor = receipt.Executor{Wanted: f.CPU, Used: on.CPU(), Workers: on.Threads(), Routes: on.Routes()}
	m.Memory.Limit, m.Memory.Plan = int64(f.Memory), on.Plan.Totals()
}

// write completes the receipt, into file and log.
func (r *record) write(ctx context.Context, claims any) error {
	return r.writeAs(ctx, claims, (*receipt.Execution).Write)
}

// writeAs is write, of a file with what encode makes of the receipt.
func (r *record) writeAs(ctx context.Context, claims any, encode func(e *receipt.Execution, w io.Writer) error) error {
	if r.file == nil && r.log == "" {
		return nil
	}
	r.Measurements.Memory.PeakRSS, _ = procmem.PeakRSS()
	e, err := r.Receipt(claims, time.Now())
	if err != nil {
		return err
	}
	return keepReceipt(ctx, e, r.file, r.log, encode)
}

// keepReceipt writes a run's receipt into file and appends it to a log, if there are
// any, also when the run was interrupted. The log comes first: it says which receipt was
// before this one. Where it cannot be appended to, the file is written all the same.
func keepReceipt(ctx context.Context, e *receipt.Execution, file *atomicfile.File, log string, encode func(e *receipt.Execution, w io.Writer) error) error {
	var logged error
	if log != "" {
		logged = chain.Append(context.WithoutCancel(ctx), log, e)
	}
	if file == nil {
		return logged
	}
	err := encode(e, file)
	if err == nil {
		err = file.Commit()
	}
	return errors.Join(logged, err)
}

// abort removes the file of a receipt that was not written.
func (r *record) abort() {
	if r.file != nil {
		r.file.Abort()
	}
}
