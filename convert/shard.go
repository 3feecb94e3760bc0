package convert

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/model"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// ErrShard reports directories that are not the shards of one conversion.
var ErrShard = errors.New("not the shards of one conversion")

const (
	// shardName is the file that makes a directory a shard.
	shardName = "shard.json"
	// shardKind and shardVersion tell it from whatever else has its name.
	shardKind    = "helix-substrate shard"
	shardVersion = 1
	// maxShards bounds into how many a conversion is cut.
	maxShards = 100_000
)

// shard is one of so many parts of a conversion, from 0 on.
type shard struct{ index, of int }

// shardFile is a shard's own description.
type shardFile struct {
	Shard   string       `json:"shard"` // shardKind
	Version int          `json:"version"`
	Index   int          `json:"index"`
	Plan    shardPlan    `json:"plan"`              // the same in all
	Sources []model.File `json:"sources,omitempty"` // that this shard has hashed
	Files   []model.File `json:"files,omitempty"`   // beside the tensors: the first shard's
	Made    []Made       `json:"made,omitempty"`
}

// shardPlan is what all shards of a conversion have in common.
type shardPlan struct {
	Shards   int                        `json:"shards"`
	Manifest model.Manifest             `json:"manifest"` // without tensors, files and options
	Options  map[string]json.RawMessage `json:"options"`  // as they are written, whose keys keep their order
	Sources  []string                   `json:"sources"`
	Tensors  []shardTensor              `json:"tensors"` // in the order of the source
}

type shardTensor struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	Shard  int    `json:"shard"`
	SameAs string `json:"same_as,omitempty"`
}

// Shard converts one of n parts of a job, from 0 on, for [Merge] to make one directory of: the tensors are shared out
// so that all parts take about as long, by what all machines know. The directory has these tensors' files and
// shard.json. What is calibrated needs its statistics to be there ([Statistics]); sizes, divergences, rates that are
// spread by divergence, and drift that is corrected take all tensors together: ErrOption. Other errors are those of [Directory].
func Shard(ctx context.Context, job Job, index, n int) (*Report, error) {
	start := time.Now()
	if n < 1 || n > maxShards || index < 0 || index >= n {
		return nil, fmt.Errorf("shard %d/%d: there are shards 0 to n-1 of at most %d: %w", index, n, maxShards, ErrOption)
	}
	job.shard = &shard{index, n}
	if err := job.checkShard(); err != nil {
		return nil, err
	}
	c, err := begin(ctx, job, false)
	if err != nil {
		return nil, err
	}
	defer c.end()
	if err := c.tensors(ctx); err != nil {
		return nil, err
	}
	if err := c.finishShard(ctx); err != nil {
		return nil, err
	}
	c.own()
	if note := noteOfDamaged(c.report.Tensors); note != "" {
		c.report.Notes = append(c.report.Notes, note)
	}
	c.report.Output, c.report.Seconds = job.Output, time.Since(start).Seconds()
	return &c.report, nil
}

// Statistics measures what a job is calibrated with, and leaves it where Calibration.Statistics says, once for all
// machines that need it. Errors: those of [Directory].
func Statistics(ctx context.Context, job Job) error {
	if job.Calibration.Statistics == "" {
		return fmt.Errorf("statistics: no file is named to keep them: %w", ErrOption)
	}
	c, err := begin(ctx, job, false)
	if err != nil {
		return err
	}
	defer c.end()
	if c.calibration == nil {
		return fmt.Errorf("%s: nothing of it is calibrated: %w", job.Source, ErrOption)
	}
	return nil
}

// checkShard refuses, by name, what takes all tensors together.
func (j *Job) checkShard() error {
	switch {
	case j.Size > 0:
		return fmt.Errorf("shard and size exclude each other: a size is of all tensors together: %w", ErrOption)
	case j.KLD > 0:
		return fmt.Errorf("shard and kld exclude each other: predictions take all tensors together: %w", ErrOption)
	case j.CorrectDrift:
		return fmt.Errorf("shard and correct-drift exclude each other: each matrix depends on those before it: %w", ErrOption)
	case j.Attest != nil:
		return fmt.Errorf("shard and attest exclude each other: what is attested is the whole directory: %w", ErrOption)
	}
	return nil
}

// checkPlan refuses what a shard finds out only when it knows the source.
func (c *conversion) checkPlan() error {
	switch k := c.calibration; {
	case c.job.shard == nil:
	case c.job.spreads():
		return fmt.Errorf("shard: bits are spread by what all matrices together do, which no shard has: choose allocate rate, or no calibration: %w", ErrOption)
	case k != nil && k.statistics == nil && c.job.shard.of > 1:
		return fmt.Errorf("shard: statistics are measured once and given to all shards as a file, which is not there yet: %w", ErrOption)
	}
	return nil
}

// shareOut gives every tensor its shard: the largest first, each to the shard that has least so far, the first of several.
func shareOut(plan []*plannedTensor, n int) []int {
	order := make([]int, len(plan))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(plan[b].Size, plan[a].Size) })
	load, shards := newLeast(n), make([]int, len(plan))
	for _, i := range order {
		if plan[i].sameAs == nil {
			shards[i] = load.add(plan[i].Size + itemOverhead)
		}
	}
	for i, t := range plan {
		if t.sameAs != nil {
			shards[i] = shards[slices.Index(plan, t.sameAs)]
		}
	}
	return shards
}

// itemOverhead is what beginning a tensor takes, as so many bytes of one.
const itemOverhead = 64 << 10

// isOthers tells tensors that another shard converts.
func (c *conversion) isOthers(i int) bool {
	return c.job.shard != nil && c.shards[i] != c.job.shard.index
}

// finishShard writes what a merge needs to know, and gives the directory its name.
func (c *conversion) finishShard(ctx context.Context) error {
	s := c.job.shard
	plan, err := c.shardPlan()
	if err != nil {
		return err
	}
	f := shardFile{Shard: shardKind, Version: shardVersion, Index: s.index, Plan: *plan}
	keep := map[string]bool{shardName: true}
	for i, t := range c.plan {
		if c.isOthers(i) || t.sameAs != nil {
			continue
		}
		made := Made{Key: c.keyOf[i], Name: t.Name, Entry: c.entries[i], Report: c.report.Tensors[i]}
		for name := range made.Files() {
			keep[name] = true
		}
		f.Made = append(f.Made, made)
	}
	if f.Sources, err = c.sources(ctx, func(i int) bool { return i%s.of == s.index }); err != nil {
		return err
	}
	if s.index == 0 {
		if f.Files, err = c.otherFiles(ctx); err != nil {
			return err
		}
		for _, file := range f.Files {
			keep[file.File] = true
		}
	}
	err = atomicfile.Write(c.stage(shardName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(f)
	})
	if err == nil {
		err = c.keepFile(shardName)
	}
	if err != nil {
		return err
	}
	return c.work.publish(keep)
}

// shardPlan is what this shard has in common with the others.
func (c *conversion) shardPlan() (*shardPlan, error) {
	p := &shardPlan{Shards: c.job.shard.of, Manifest: *c.skeleton(), Options: map[string]json.RawMessage{}, Sources: c.src.WeightFiles()}
	for name, value := range p.Manifest.Options {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		p.Options[name] = text
	}
	p.Manifest.Options, p.Manifest.Tensors = nil, map[string]model.Tensor{}
	for i, t := range c.plan {
		planned := shardTensor{Name: t.Name, Bytes: t.Size, Shard: c.shards[i]}
		if t.sameAs != nil {
			planned.SameAs = t.sameAs.Name
		}
		p.Tensors = append(p.Tensors, planned)
	}
	return p, nil
}

// own leaves in the report what this shard has, and sums that up.
func (c *conversion) own() {
	var entries []model.Tensor
	var reports []TensorReport
	for i := range c.plan {
		if !c.isOthers(i) {
			entries, reports = append(entries, c.entries[i]), append(reports, c.report.Tensors[i])
		}
	}
	c.report.Tensors = reports
	complete(c.skeleton(), entries, &c.report)
	c.report.Root = "" // of all shards only
}

// readShard reads a shard's description. Errors: ErrShard, those of reading.
func readShard(dir string) (*shardFile, error) {
	path := filepath.Join(dir, shardName)
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s, so that it is no shard that is finished: %w", dir, shardName, ErrShard)
	}
	text, err := regularfile.ReadAll(path, maxJournal)
	if err != nil {
		return nil, err
	}
	f := &shardFile{}
	if err := strictjson.UnmarshalOpen(text, f, ErrShard); err != nil { // a ratio that is infinite is null
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if f.Shard != shardKind || f.Version != shardVersion || f.Plan.Shards < 1 || f.Plan.Shards > maxShards || f.Index < 0 || f.Index >= f.Plan.Shards {
		return nil, fmt.Errorf("%s: shard %d of %d, version %d: %w", path, f.Index, f.Plan.Shards, f.Version, ErrShard)
	}
	for i := range f.Made {
		f.Made[i].named()
		if err := f.Made[i].check(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, file := range f.Files {
		if !isFileName(file.File) || file.File == model.ManifestName || file.File == shardName || file.Bytes < 0 || !place.IsSum(file.SHA256) {
			return nil, fmt.Errorf("%s: file %.80q: %w", path, file.File, ErrShard)
		}
	}
	return f, nil
}
