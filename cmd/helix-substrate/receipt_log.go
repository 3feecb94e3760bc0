package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

type receiptLogCommand struct {
	Append receiptLogAppendCommand `cmd:"" help:"Append a receipt."`
	Verify receiptLogVerifyCommand `cmd:"" help:"Find every entry that was edited, dropped, moved or cut off."`
	Head   receiptLogHeadCommand   `cmd:"" help:"Print the head, which stands for all entries so far."`
	Prove  receiptLogProveCommand  `cmd:"" help:"Prove that an entry is in the log, or that the log has only grown."`
	Check  receiptLogCheckCommand  `cmd:"" help:"Check a proof that an entry is in the log."`
}

type receiptLogAppendCommand struct {
	Log     string `arg:"" name:"log" placeholder:"LOG" help:"The log; it is made if it is not there."`
	Receipt string `arg:"" name:"receipt" placeholder:"R" help:"A receipt, not signed."`
}

func (c *receiptLogAppendCommand) Help() string {
	return "Example:\n  helix-substrate receipt log append receipts.jsonl r.json"
}

func (c *receiptLogAppendCommand) Run(env *environment) error {
	document, err := attest.ReadDocument(c.Receipt)
	if err != nil {
		return err
	}
	if err := chain.AppendDocument(env.ctx, c.Log, document); err != nil {
		return fmt.Errorf("%s: %w", c.Receipt, err)
	}
	return nil
}

type receiptLogVerifyCommand struct {
	Log  string `arg:"" name:"log" placeholder:"LOG" help:"The log."`
	Head string `name:"head" placeholder:"HEAD" help:"A head from earlier, which the log must begin with."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (c *receiptLogVerifyCommand) Help() string {
	return "Example:\n  helix-substrate receipt log verify receipts.jsonl --head yesterday.json"
}

// errLogChanged is the outcome of a verification that found something.
var errLogChanged = errors.New("the log was changed")

func (c *receiptLogVerifyCommand) Run(env *environment) error {
	var head *chain.Head
	if c.Head != "" {
		text, err := attest.ReadDocument(c.Head)
		if err != nil {
			return err
		}
		head = new(chain.Head)
		if err := json.Unmarshal(text, head); err != nil {
			return fmt.Errorf("%s: %v: %w", c.Head, err, chain.ErrProof)
		}
	}
	r, err := chain.Verify(env.ctx, c.Log, head)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := writeJSON(env.stdout, r); err != nil {
			return err
		}
	} else {
		for _, p := range r.Problems {
			fmt.Fprintf(env.stdout, "FAIL entry %d %s: %s\n", p.Entry, p.Kind, p.Text)
		}
		if len(r.Problems) == 0 {
			fmt.Fprintf(env.stdout, "OK %s: %d entries\n", c.Log, r.Entries)
		}
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("%s: %w", c.Log, errLogChanged)
	}
	return nil
}

type receiptLogHeadCommand struct {
	Log string `arg:"" name:"log" placeholder:"LOG" help:"The log."`
}

func (c *receiptLogHeadCommand) Help() string {
	return "Example:\n  helix-substrate receipt log head receipts.jsonl > today.json"
}

func (c *receiptLogHeadCommand) Run(env *environment) error {
	r, err := chain.Verify(env.ctx, c.Log, nil)
	if err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("%s: %w", c.Log, errLogChanged)
	}
	return writeJSON(env.stdout, r.Head)
}

type receiptLogProveCommand struct {
	Log   string `arg:"" name:"log" placeholder:"LOG" help:"The log."`
	Entry int64  `name:"entry" default:"-1" placeholder:"N" help:"Prove that entry N, counted from 0, is in the log."`
	Since int64  `name:"since" default:"-1" placeholder:"N" help:"Prove that the first N entries are still the log's beginning."`
}

func (c *receiptLogProveCommand) Help() string {
	return "Examples:\n  helix-substrate receipt log prove receipts.jsonl --entry 3 > inclusion.json\n  helix-substrate receipt log prove receipts.jsonl --since 3 > consistency.json"
}

func (c *receiptLogProveCommand) Run(env *environment) error {
	switch {
	case c.Entry >= 0 && c.Since < 0:
		p, err := chain.ProveEntry(c.Log, c.Entry)
		if err != nil {
			return err
		}
		return writeJSON(env.stdout, p)
	case c.Since >= 0 && c.Entry < 0:
		p, err := chain.ProveGrowth(c.Log, c.Since)
		if err != nil {
			return err
		}
		return writeJSON(env.stdout, p)
	}
	return usageError("name either --entry or --since")
}

type receiptLogCheckCommand struct {
	Proof   string `arg:"" name:"proof" placeholder:"PROOF" help:"What receipt log prove printed."`
	Receipt string `arg:"" optional:"" name:"receipt" placeholder:"R" help:"The receipt that is said to be in the log; none for a proof of growth."`
}

func (c *receiptLogCheckCommand) Help() string {
	return "Example:\n  helix-substrate receipt log check inclusion.json r.json"
}

func (c *receiptLogCheckCommand) Run(env *environment) error {
	text, err := attest.ReadDocument(c.Proof)
	if err != nil {
		return err
	}
	if c.Receipt == "" {
		var p chain.Consistency
		if err := json.Unmarshal(text, &p); err != nil {
			return fmt.Errorf("%s: %v: %w", c.Proof, err, chain.ErrProof)
		}
		if err := p.Check(); err != nil {
			return fmt.Errorf("%s: %w", c.Proof, err)
		}
		fmt.Fprintf(env.stdout, "OK %s: the log of %d entries begins with that of %d\n", c.Proof, p.New.Size, p.Old.Size)
		return nil
	}
	document, err := attest.ReadDocument(c.Receipt)
	if err != nil {
		return err
	}
	var p chain.Inclusion
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("%s: %v: %w", c.Proof, err, chain.ErrProof)
	}
	if err := p.Check(document); err != nil {
		return fmt.Errorf("%s: %w", c.Proof, err)
	}
	fmt.Fprintf(env.stdout, "OK %s is entry %d of %d\n", c.Receipt, p.Index, p.Head.Size)
	return nil
}
