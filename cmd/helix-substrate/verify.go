package main

import (
	"errors"
	"fmt"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/record"
)

type verifyCommand struct {
	Path       string   `input:"model" arg:"" name:"path" placeholder:"PATH" help:"A CDNA file, a sidecar or a model directory."`
	Rebuild    string   `input:"model" name:"rebuild" placeholder:"SRC" help:"Convert SRC again with the directory's own options and compare every file: proves that it came from SRC."`
	Calibrate  string   `input:"file" name:"calibrate" placeholder:"FILE" help:"With --rebuild: the text that the directory was calibrated with, unless it was the built-in one."`
	Statistics string   `input:"file" name:"statistics" placeholder:"FILE" help:"With --rebuild: the statistics that the directory was calibrated by, instead of measuring them again."`
	Root       string   `text:"" name:"root" placeholder:"SHA256" help:"The root that the model directory must have, known from elsewhere."`
	Key        []string `input:"file" name:"key" placeholder:"FILE.pub" help:"A public key that must have signed the directory's provenance.json; may be repeated."`
	Threads    int      `name:"threads" help:"Workers; 0 means all cores."`
	receiptFlags
	JSON bool `name:"json" help:"Print a JSON report."`
}

func (c *verifyCommand) Help() string {
	return "Examples:\n  helix-substrate verify model-dir\n  helix-substrate verify w.cdna2.hxz\n  helix-substrate verify model-dir --rebuild model.safetensors\n  helix-substrate verify model-dir --key alice.key.pub"
}

// errDamaged is the outcome of a verification that found something.
var errDamaged = errors.New("verification failed")

// verifyReport is what verify prints as JSON.
type verifyReport struct {
	Path    string        `json:"path"`
	OK      bool          `json:"ok"`
	Tensors []tensorCheck `json:"tensors"`
}

type tensorCheck struct {
	Name   string `json:"name"`
	Blocks int    `json:"blocks,omitempty"`
	Bytes  int64  `json:"bytes"`
	Error  string `json:"error,omitempty"`
}

func (c *verifyCommand) Run(env *environment) error {
	if c.Threads < 0 {
		return usageError(fmt.Sprintf("--threads %d: must not be negative", c.Threads))
	}
	if c.Rebuild == "" && (c.Calibrate != "" || c.Statistics != "") {
		return usageError("--calibrate and --statistics are for --rebuild")
	}
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	rec, err := c.receiptFlags.start(c.Threads, map[string]string{"path": c.Path})
	if err != nil {
		return err
	}
	defer rec.Abort()
	progress, calibration := newProgress(env.stderr), newProgress(env.stderr)
	v, err := helix.Verify(env.ctx, c.Path, helix.VerifyOptions{
		Source: c.Rebuild, Root: c.Root, Keys: keys, Threads: c.Threads, Progress: progress.update,
		Calibration: convert.Calibration{Text: c.Calibrate, Statistics: c.Statistics, Progress: calibration.calibrating},
	})
	calibration.finish()
	progress.finish()
	if err != nil {
		return err
	}
	env.notes(v.Notes)
	r := verifyReport{Path: c.Path, OK: true}
	var bytes int64
	blocks, damaged, foreign := 0, 0, 0
	for _, k := range v.Checks {
		t := tensorCheck{Name: k.Name, Blocks: k.Blocks, Bytes: k.Bytes}
		if k.Err != nil {
			t.Error, r.OK = explain(k.Err), false
			damaged++
			if errors.Is(k.Err, convert.ErrRebuild) {
				foreign++
			}
		}
		bytes, blocks = bytes+k.Bytes, blocks+k.Blocks
		o := receipt.Operation{
			Name: receipt.OpVerify, TensorName: k.Name, TimingMS: receipt.Milliseconds(k.Took),
			Proof: receipt.Proof{Input: k.Want, Output: k.SHA256},
		}
		if k.Err != nil {
			o.Error = &t.Error
		}
		rec.Add(o)
		r.Tensors = append(r.Tensors, t)
	}
	if c.wanted() {
		claims, err := record.VerificationClaims(env.ctx, v.Model, v.Checks, c.Rebuild != "")
		if err != nil {
			return err
		}
		if err := rec.Write(env.ctx, claims); err != nil {
			return err
		}
	}
	if c.JSON {
		if err := writeJSON(env.stdout, r); err != nil {
			return err
		}
	} else {
		for _, t := range r.Tensors {
			if t.Error != "" {
				fmt.Fprintf(env.stdout, "FAIL %s: %s\n", t.Name, t.Error)
			}
		}
		switch {
		case r.OK && c.Rebuild != "":
			fmt.Fprintf(env.stdout, "OK %s: made again from %s, with the same bytes: %d tensors and files, %s\n", c.Path, c.Rebuild, len(v.Checks), size(bytes))
		case r.OK:
			fmt.Fprintf(env.stdout, "OK %s: %d tensors and files, %d blocks, %s\n", c.Path, len(v.Checks), blocks, size(bytes))
		}
	}
	switch {
	case foreign > 0:
		return fmt.Errorf("%s: %d of %d tensors and files are not what %s gives: %w", c.Path, foreign, len(v.Checks), c.Rebuild, errDamaged)
	case !r.OK:
		return fmt.Errorf("%s: %d of %d tensors and files damaged: %w", c.Path, damaged, len(v.Checks), errDamaged)
	}
	return nil
}
