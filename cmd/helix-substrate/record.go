package main

import "github.com/helix-substrate/helix-substrate/record"

// receiptFlags are the options of every verb that leaves a receipt.
type receiptFlags struct {
	Receipt string `output:"receipt" name:"receipt" placeholder:"R.json" help:"Write the receipt there."`
	Log     string `output:"log" name:"log" placeholder:"LOG" help:"Append the receipt to this log, which links it to the one before."`
}

// wanted tells that somebody will see a receipt.
func (f *receiptFlags) wanted() bool { return f.Receipt != "" || f.Log != "" }

// start starts the receipt, before the work. The paths go into the measurements.
func (f *receiptFlags) start(threads int, paths map[string]string) (*record.Run, error) {
	return record.Begin(f.Receipt, f.Log, programVersion(), threads, paths)
}
