package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/helix-substrate/helix-substrate/record"
)

type receiptLogAuditCommand struct {
	Log    string   `input:"file" arg:"" name:"log" placeholder:"LOG" help:"The log, such as one that serve --log --log-prompts wrote."`
	Model  []string `input:"model" name:"model" required:"" placeholder:"DIR" help:"A model that made texts; may be repeated."`
	Sample string   `text:"" name:"sample" default:"1%" placeholder:"SHARE" help:"How many of the texts are done again, such as 1% or 0.01; at least one."`
	Seed   *uint64  `name:"seed" placeholder:"N" help:"Choose the sample by this number, as an audit before did (default: by chance, and said)."`
	JSON   bool     `name:"json" help:"Print JSON."`
	modelFlags
}

func (c *receiptLogAuditCommand) Help() string {
	return `Examples:
  helix-substrate receipt log audit answers.jsonl --model smollm2 --sample 1%
  helix-substrate receipt log audit answers.jsonl --model smollm2 --model tinystories --sample 5% --seed 7

Verifies the log, then generates a random sample of its texts again, as receipt replay does.
Texts whose ids the log does not have are counted, not sampled.`
}

// errAudit is the outcome of an audit that found something.
var errAudit = errors.New("the audit found texts that differ, or that cannot be made again")

func (c *receiptLogAuditCommand) Run(env *environment) error {
	share, err := parseShare(c.Sample)
	if err != nil {
		return err
	}
	options, err := c.options()
	if err != nil {
		return err
	}
	if _, err := intact(env, c.Log); err != nil {
		return err
	}
	seed := chance()
	if c.Seed != nil {
		seed = *c.Seed
	}
	a, err := record.Audit(env.ctx, c.Log, record.AuditOptions{Models: c.Model, Sample: share, Seed: seed, Options: options, Note: env.note})
	if errors.Is(err, record.ErrSample) {
		return usageError("--sample " + c.Sample + " is not in 0..100%")
	}
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(env.stdout, struct {
			*record.Audited
			Sample float64 `json:"sample"`
			Seed   uint64  `json:"seed"`
		}{a, share, seed})
	} else {
		for _, f := range a.Differ {
			fmt.Fprintf(env.stdout, "FAIL %s\n", f.Text)
		}
		_, err = fmt.Fprintf(env.stdout, "%s: %d entries: %d texts, %d private, %d of something else\nsample of %s by seed %d: %d replayed, %d the same (the logits of %d tokens), %d differ, in %.1f s\n",
			c.Log, a.Entries, a.Texts, a.Private, a.Other, c.Sample, seed, a.Replayed, a.Same, a.Tokens, len(a.Differ), a.Took.Seconds())
	}
	if err == nil && len(a.Differ) > 0 {
		err = fmt.Errorf("%s: %w", c.Log, errAudit)
	}
	return err
}

// parseShare reads "1%" or "0.01".
func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, usageError(fmt.Sprintf("--sample %.40q is no share, such as 1%% or 0.01", text))
	}
	if percent {
		share /= 100
	}
	return share, nil
}

// chance is a number that nobody foresees.
func chance() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}
