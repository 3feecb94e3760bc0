package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
)

type verifyCommand struct {
	Path    string `input:"model" arg:"" name:"path" placeholder:"PATH" help:"A CDNA file, a sidecar or a model directory."`
	Rebuild string `input:"model" name:"rebuild" placeholder:"SRC" help:"Convert SRC again with the directory's own options and compare every file: proves that it came from SRC."`
	Threads int    `name:"threads" help:"Workers; 0 means all cores."`
	receiptFlags
	JSON bool `name:"json" help:"Print a JSON report."`
}

func (c *verifyCommand) Help() string {
	return "Examples:\n  helix-substrate verify model-dir\n  helix-substrate verify w.cdna2.hxz\n  helix-substrate verify model-dir --rebuild model.safetensors"
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
	threads := c.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	info, err := os.Stat(c.Path)
	if err != nil {
		return err
	}
	rec, err := newRecord(c.receiptFlags, threads, map[string]string{"path": c.Path})
	if err != nil {
		return err
	}
	defer rec.abort()
	var checks []model.Check
	switch {
	case c.Rebuild != "":
		checks, err = c.rebuild(env, threads)
	case info.IsDir():
		checks, err = verifyModel(env, c.Path, threads)
	default:
		checks, err = verifyFile(env, c.Path, info, threads)
	}
	if err != nil {
		return err
	}
	if c.wanted() && !info.IsDir() {
		if checks[0].SHA256, _, err = model.HashFile(env.ctx, c.Path); err != nil {
			return err
		}
	}
	r := verifyReport{Path: c.Path, OK: true}
	var bytes int64
	blocks, damaged, foreign := 0, 0, 0
	for _, k := range checks {
		if k.Note != "" {
			env.note(c.Path + ": " + k.Note)
		}
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
		claims, err := c.claims(env, info.IsDir(), checks)
		if err != nil {
			return err
		}
		if err := rec.write(env.ctx, claims); err != nil {
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
			fmt.Fprintf(env.stdout, "OK %s: made again from %s, with the same bytes: %d tensors and files, %s\n", c.Path, c.Rebuild, len(checks), size(bytes))
		case r.OK:
			fmt.Fprintf(env.stdout, "OK %s: %d tensors and files, %d blocks, %s\n", c.Path, len(checks), blocks, size(bytes))
		}
	}
	switch {
	case foreign > 0:
		return fmt.Errorf("%s: %d of %d tensors and files are not what %s gives: %w", c.Path, foreign, len(checks), c.Rebuild, errDamaged)
	case !r.OK:
		return fmt.Errorf("%s: %d of %d tensors and files damaged: %w", c.Path, damaged, len(checks), errDamaged)
	}
	return nil
}

// claims say what was verified and found.
func (c *verifyCommand) claims(env *environment, isModel bool, checks []model.Check) (*receipt.VerifyClaims, error) {
	claims := &receipt.VerifyClaims{Operation: receipt.OpVerify, Kind: "file", Checked: len(checks), Damaged: []string{}, Rebuilt: c.Rebuild != ""}
	for _, k := range checks {
		if claims.Blocks += k.Blocks; k.Err != nil {
			claims.Damaged = append(claims.Damaged, k.Name)
		}
	}
	if !isModel {
		claims.SHA256 = checks[0].SHA256
		return claims, nil
	}
	claims.Kind = "model"
	m, err := model.OpenUnverified(c.Path)
	if err != nil {
		return nil, err
	}
	if claims.SHA256, err = m.Root(env.ctx); err != nil {
		return nil, err
	}
	if claims.Content, err = m.Content(env.ctx); err != nil && len(claims.Damaged) > 0 {
		claims.Content, err = "", nil // what is damaged may not open
	}
	return claims, err
}

// rebuild verifies the directory, then makes it again.
func (c *verifyCommand) rebuild(env *environment, threads int) ([]model.Check, error) {
	checks, err := verifyModel(env, c.Path, threads)
	if err != nil {
		return nil, err
	}
	for _, k := range checks {
		if k.Err != nil {
			return checks, nil
		}
	}
	progress := newProgress(env.stderr)
	defer progress.finish()
	return convert.Rebuild(env.ctx, c.Path, convert.Job{Source: c.Rebuild, Options: convert.Options{Threads: threads}, Progress: progress.update})
}

// verifyModel verifies a directory whatever its root: all that is wrong is to be found.
func verifyModel(env *environment, dir string, threads int) ([]model.Check, error) {
	m, err := model.OpenUnverified(dir)
	if err != nil {
		return nil, err
	}
	if names := m.Manifest.Uncovered(); names != nil {
		env.note(fmt.Sprintf("%s: an earlier release's or another program's: no hash covers %s", m.Path(model.ManifestName), strings.Join(names, ", ")))
	}
	return m.Verify(env.ctx, threads)
}

// openBlocks opens a file of blocks, with or without a codebook.
func openBlocks(env *environment, path string, kind cdna.Kind) (*cdna.Blocks, error) {
	if kind == cdna.KindLossless {
		f, err := cdna.OpenLossless(path)
		if err != nil {
			return nil, err
		}
		return &f.Blocks, nil
	}
	f, err := openCDNA(env.ctx, path)
	if err != nil {
		return nil, err
	}
	noteVersion1(env, f)
	return &f.Blocks, nil
}

func verifyFile(env *environment, path string, info os.FileInfo, threads int) ([]model.Check, error) {
	kind, err := cdna.DetectFile(path)
	if err != nil {
		return nil, err
	}
	if kind == cdna.KindSidecar {
		s, err := cdna.OpenSidecar(path)
		if err != nil {
			return nil, err
		}
		return []model.Check{{Name: s.Header.TensorName, Bytes: info.Size()}}, nil
	}
	f, err := openBlocks(env, path, kind)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	start := time.Now()
	check := model.Check{Name: f.Header().TensorName, Blocks: f.NumBlocks(), Bytes: f.Size()}
	check.Err = f.Verify(env.ctx, threads)
	check.Took = time.Since(start)
	if err := env.ctx.Err(); err != nil {
		return nil, err
	}
	return []model.Check{check}, nil
}
