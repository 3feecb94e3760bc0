package main

import (
	"runtime"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/procmem"
	"github.com/helix-substrate/helix-substrate/receipt"
)

// record is the receipt of a verb on its way; one without a file is for nobody.
type record struct {
	*receipt.Recorder
	file *atomicfile.File
}

// newRecord opens the receipt's file, before the work, unless path is empty.
func newRecord(path string, threads int, paths map[string]string) (*record, error) {
	r := &record{Recorder: receipt.NewRecorder(time.Now())}
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
	m.Paths = paths
	if path != "" {
		r.file, err = atomicfile.Create(path)
	}
	return r, err
}

// write completes the receipt.
func (r *record) write(claims any) error {
	if r.file == nil {
		return nil
	}
	r.Measurements.Memory.PeakRSS, _ = procmem.PeakRSS()
	e, err := r.Receipt(claims, time.Now())
	if err != nil {
		return err
	}
	if err := e.Write(r.file); err != nil {
		return err
	}
	return r.file.Commit()
}

// abort removes the file of a receipt that was not written.
func (r *record) abort() {
	if r.file != nil {
		r.file.Abort()
	}
}
