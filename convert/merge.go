package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/overwrite"
)

// Merge makes one model directory of all shards of a conversion, in any order: the same, with the same root, that
// one machine would have made. Every file is compared with its hash while it is copied; the shards stay. What an error or the
// end of the process interrupts is taken up by the next call. Errors: ErrShard, ErrItem, ErrExists, ErrBusy, ErrForeign,
// overwrite.ErrOutput, those of reading and writing.
func Merge(ctx context.Context, dirs []string, output string) (*Report, error) {
	start := time.Now()
	var inputs []overwrite.Input
	for _, dir := range dirs {
		inputs = append(inputs, overwrite.Input{Flag: "shard", Path: dir, Kind: overwrite.Model})
	}
	if err := overwrite.Check(inputs, []overwrite.Output{{Flag: "output", Path: output, Kind: overwrite.Directory}}); err != nil {
		return nil, err
	}
	m, err := readShards(dirs)
	if err != nil {
		return nil, err
	}
	if m.work, err = reserveWorkplace(output); err != nil {
		return nil, err
	}
	defer m.work.close()
	if err := m.work.open(); err != nil {
		return nil, err
	}
	if err := m.copy(ctx); err != nil {
		return nil, err
	}
	if err := m.finish(); err != nil {
		return nil, err
	}
	if note := noteOfDamaged(m.report.Tensors); note != "" {
		m.report.Notes = append(m.report.Notes, note)
	}
	m.report.Output, m.report.Seconds = output, time.Since(start).Seconds()
	return &m.report, nil
}

// merge is a running Merge.
type merge struct {
	plan  *shardPlan
	dirs  []string // by index
	parts []*shardFile
	made  map[string]*Made // by tensor
	work  *workplace

	entries []model.Tensor // of plan, like report.Tensors
	report  Report
}

// readShards reads all descriptions, and refuses what are not all shards of one conversion.
func readShards(dirs []string) (*merge, error) {
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no shards: %w", ErrShard)
	}
	var m *merge
	var common []byte
	for _, dir := range dirs {
		f, err := readShard(dir)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(f.Plan)
		if err != nil {
			return nil, err
		}
		if m == nil {
			common = text
			m = &merge{plan: &f.Plan, dirs: make([]string, f.Plan.Shards), parts: make([]*shardFile, f.Plan.Shards), made: map[string]*Made{}}
		}
		if !bytes.Equal(text, common) {
			return nil, fmt.Errorf("%s is of another source, or other options, than %s: %w", dir, dirs[0], ErrShard)
		}
		if before := m.dirs[f.Index]; before != "" {
			return nil, fmt.Errorf("%s and %s are both shard %d/%d: %w", before, dir, f.Index, f.Plan.Shards, ErrShard)
		}
		m.dirs[f.Index], m.parts[f.Index] = dir, f
	}
	for i, dir := range m.dirs {
		if dir == "" {
			return nil, fmt.Errorf("shard %d/%d is missing: %w", i, m.plan.Shards, ErrShard)
		}
	}
	return m, m.check()
}

// check compares what the shards have with the plan.
func (m *merge) check() error {
	names := map[string]bool{}
	for i, f := range m.parts {
		for k := range f.Made {
			made := &f.Made[k]
			if m.made[made.Name] != nil {
				return fmt.Errorf("%s: tensor %.80q is another shard's too: %w", m.dirs[i], made.Name, ErrShard)
			}
			m.made[made.Name] = made
			for name := range made.Files() {
				if names[name] {
					return fmt.Errorf("%s: file %.80q is another tensor's too: %w", m.dirs[i], name, ErrShard)
				}
				names[name] = true
			}
		}
		for _, file := range f.Files {
			if i > 0 || names[file.File] {
				return fmt.Errorf("%s: file %.80q is not its: %w", m.dirs[i], file.File, ErrShard)
			}
			names[file.File] = true
		}
		want := 0
		for k, name := range m.plan.Sources {
			if k%m.plan.Shards != i {
				continue
			}
			if want >= len(f.Sources) || f.Sources[want].File != name {
				return fmt.Errorf("%s: no hash of %.80q: %w", m.dirs[i], name, ErrShard)
			}
			want++
		}
	}
	planned := 0
	for _, t := range m.plan.Tensors {
		name := t.Name
		if t.SameAs != "" {
			name = t.SameAs
		} else {
			planned++
		}
		if t.Shard < 0 || t.Shard >= len(m.parts) || m.made[name] == nil ||
			!slices.ContainsFunc(m.parts[t.Shard].Made, func(made Made) bool { return made.Name == name }) {
			return fmt.Errorf("tensor %.80q is not in shard %d: %w", name, t.Shard, ErrShard)
		}
	}
	if planned != len(m.made) {
		return fmt.Errorf("the shards have %d tensors, the plan %d: %w", len(m.made), planned, ErrShard)
	}
	return nil
}

// copy copies all files that are not there yet, and describes all tensors.
func (m *merge) copy(ctx context.Context) error {
	type kept struct {
		made *Made
		key  string
		done bool
	}
	keep, list := map[string]bool{}, map[string]*kept{}
	for name, made := range m.made {
		sum, err := made.Sum()
		if err != nil {
			return err
		}
		k := &kept{made: made, key: sum}
		if _, k.done, err = m.work.find(ctx, sum); err != nil {
			return err
		}
		if k.done {
			m.report.Resumed++
			for file := range made.Files() {
				keep[file] = true
			}
		}
		list[name] = k
	}
	if err := m.work.clear(keep); err != nil {
		return err
	}
	for _, t := range m.plan.Tensors {
		name := t.Name
		if t.SameAs != "" {
			name = t.SameAs
		}
		k := list[name]
		if !k.done {
			var names []string
			for file, sum := range k.made.Files() {
				if err := m.copyFile(ctx, m.dirs[t.Shard], file, sum); err != nil {
					return err
				}
				names = append(names, file)
			}
			line := *k.made
			line.Key = k.key
			if err := m.work.keep(journalLine{Tensor: &line}, names...); err != nil {
				return err
			}
			k.done = true
		}
		entry, report := k.made.Entry, k.made.Report
		if t.SameAs != "" {
			repeat(&entry, &report, t.Name, t.SameAs)
		}
		m.entries, m.report.Tensors = append(m.entries, entry), append(m.report.Tensors, report)
	}
	for _, file := range m.parts[0].Files {
		if err := m.copyFile(ctx, m.dirs[0], file.File, file.SHA256); err != nil {
			return err
		}
		if err := m.work.keep(journalLine{File: file.File}, file.File); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a shard's file, which must have that SHA-256.
func (m *merge) copyFile(ctx context.Context, dir, name, want string) error {
	path := filepath.Join(dir, name)
	in, _, err := regularfile.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := copyFile(ctx, m.work.stage(name), in); err != nil {
		return err
	}
	sum, _, err := model.HashFile(ctx, m.work.stage(name))
	if err == nil && sum != want {
		err = fmt.Errorf("%s has sha256 %s, its shard says %s: %w", path, sum, want, ErrShard)
	}
	return err
}

// finish writes the manifest and gives the directory its name.
func (m *merge) finish() error {
	manifest := m.plan.Manifest
	manifest.Files, manifest.Options = m.parts[0].Files, map[string]any{}
	for name, text := range m.plan.Options {
		manifest.Options[name] = text
	}
	for k := range m.plan.Sources {
		manifest.Sources = append(manifest.Sources, m.parts[k%m.plan.Shards].Sources[k/m.plan.Shards])
	}
	complete(&manifest, m.entries, &m.report)
	err := atomicfile.Write(m.work.stage(model.ManifestName), func(w io.Writer) error { return manifest.Encode(w) })
	if err == nil {
		err = m.work.keep(journalLine{File: model.ManifestName}, model.ManifestName)
	}
	if err != nil {
		return err
	}
	keep := map[string]bool{model.ManifestName: true}
	for _, f := range manifest.AllFiles() {
		keep[f.File] = true
	}
	return m.work.publish(keep)
}
