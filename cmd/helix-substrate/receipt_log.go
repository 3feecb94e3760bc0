package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
)

type receiptLogCommand struct {
	Append receiptLogAppendCommand `cmd:"" help:"Append a receipt."`
	Verify receiptLogVerifyCommand `cmd:"" help:"Find every entry that was edited, dropped, moved or cut off."`
	Head   receiptLogHeadCommand   `cmd:"" help:"Print the head, which stands for all entries so far."`
	Prove  receiptLogProveCommand  `cmd:"" help:"Prove that an entry is in the log, or that the log has only grown."`
	Check  receiptLogCheckCommand  `cmd:"" help:"Check a proof that an entry is in the log."`
	Audit  receiptLogAuditCommand  `cmd:"" help:"Do a random sample of the log's texts again and compare every hash."`
}

type receiptLogAppendCommand struct {
	Log     string `output:"log" arg:"" name:"log" placeholder:"LOG" help:"The log; it is made if it is not there."`
	Receipt string `input:"file" arg:"" name:"receipt" placeholder:"R" help:"A receipt, not signed."`
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
	Log  string `input:"file" arg:"" name:"log" placeholder:"LOG" help:"The log."`
	Head string `input:"file" name:"head" placeholder:"HEAD" help:"A head from earlier, which the log must begin with."`
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
		head = new(chain.Head)
		if err := readProof(c.Head, head); err != nil {
			return err
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
	Log string `input:"file" arg:"" name:"log" placeholder:"LOG" help:"The log."`
}

func (c *receiptLogHeadCommand) Help() string {
	return "Example:\n  helix-substrate receipt log head receipts.jsonl > today.json"
}

func (c *receiptLogHeadCommand) Run(env *environment) error {
	r, err := intact(env, c.Log)
	if err != nil {
		return err
	}
	return writeJSON(env.stdout, r.Head)
}

// intact verifies a log of which something is to be said.
func intact(env *environment, log string) (*chain.Report, error) {
	r, err := chain.Verify(env.ctx, log, nil)
	if err != nil {
		return nil, err
	}
	if len(r.Problems) > 0 {
		return nil, fmt.Errorf("%s: %w", log, errLogChanged)
	}
	return r, nil
}

type receiptLogProveCommand struct {
	Log   string `input:"file" arg:"" name:"log" placeholder:"LOG" help:"The log."`
	Entry int64  `name:"entry" default:"-1" placeholder:"N" help:"Prove that entry N, counted from 0, is in the log."`
	Since int64  `name:"since" default:"-1" placeholder:"N" help:"Prove that the first N entries are still the log's beginning."`
}

func (c *receiptLogProveCommand) Help() string {
	return "Examples:\n  helix-substrate receipt log prove receipts.jsonl --entry 3 > inclusion.json\n  helix-substrate receipt log prove receipts.jsonl --since 3 > consistency.json"
}

func (c *receiptLogProveCommand) Run(env *environment) error {
	if _, err := intact(env, c.Log); err != nil {
		return err
	}
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
	Proof   string `input:"file" arg:"" name:"proof" placeholder:"PROOF" help:"What receipt log prove printed."`
	Receipt string `input:"file" arg:"" optional:"" name:"receipt" placeholder:"R" help:"The receipt that is said to be in the log; none for a proof of growth."`
	Head    string `input:"file" name:"head" placeholder:"HEAD" help:"The head that the proof must be about, from a place to trust: a proof brings a head of its own, which anybody can make."`
}

func (c *receiptLogCheckCommand) Help() string {
	return "Example:\n  helix-substrate receipt log check inclusion.json r.json --head today.json"
}

func (c *receiptLogCheckCommand) Run(env *environment) error {
	var trusted *chain.Head
	if c.Head != "" {
		trusted = new(chain.Head)
		if err := readProof(c.Head, trusted); err != nil {
			return err
		}
	}
	of := func(h chain.Head) (string, error) {
		switch {
		case trusted == nil:
			return fmt.Sprintf(", if its root is %s (--head compares)", h.Root), nil
		case *trusted != h:
			return "", fmt.Errorf("%s: it is about another head, of %d entries, than %s: %w", c.Proof, h.Size, c.Head, chain.ErrProof)
		}
		return "", nil
	}
	if c.Receipt == "" {
		var p chain.Consistency
		if err := readProof(c.Proof, &p); err != nil {
			return err
		}
		if err := p.Check(); err != nil {
			return fmt.Errorf("%s: %w", c.Proof, err)
		}
		condition, err := of(p.New)
		if err == nil {
			fmt.Fprintf(env.stdout, "OK %s: the log of %d entries begins with that of %d, root %s%s\n", c.Proof, p.New.Size, p.Old.Size, p.Old.Root, condition)
		}
		return err
	}
	document, err := attest.ReadDocument(c.Receipt)
	if err != nil {
		return err
	}
	var p chain.Inclusion
	if err := readProof(c.Proof, &p); err != nil {
		return err
	}
	if err := p.Check(document); err != nil {
		return fmt.Errorf("%s: %w", c.Proof, err)
	}
	condition, err := of(p.Head)
	if err == nil {
		fmt.Fprintf(env.stdout, "OK %s is entry %d of %d%s\n", c.Receipt, p.Index, p.Head.Size, condition)
	}
	return err
}

// readProof reads a head or a proof strictly: it has the fields of v, and no others.
func readProof(path string, v any) error {
	text, err := attest.ReadDocument(path)
	if err != nil {
		return err
	}
	if err := receipt.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w: %w", path, chain.ErrProof, err)
	}
	// receipt.Unmarshal passes over unknown fields; all else it has checked.
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%s: %w: %v", path, chain.ErrProof, err)
	}
	return nil
}
