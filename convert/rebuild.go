package convert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/model"
)

// ErrRebuild reports a file of a model directory that its source does not give.
var ErrRebuild = errors.New("the source gives another file")

// Rebuild converts the source again with the options of the manifest in dir and
// compares every file, and every tensor of the source, with that by SHA-256, and every
// field of the manifest but the model's name: it proves that dir came from the source. Files are made one by one in a temporary
// directory and removed; of job, Source, Place, Memory, Progress,
// Options.Threads and Calibration count, which names the text, or the statistics, that a
// directory was calibrated with unless it was the built-in text. It returns one Check for each tensor, by name, and each other file; the
// error is for what stopped it early.
func Rebuild(ctx context.Context, dir string, job Job) ([]model.Check, error) {
	m, err := model.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := job.restore(m.Manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path(model.ManifestName), err)
	}
	if path := job.Calibration.Statistics; path != "" { // which are read here, not made
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	c, err := prepare(ctx, job)
	if err != nil {
		return nil, err
	}
	defer c.limited()
	defer c.src.Close()
	defer c.calibration.close()
	if c.dir, err = os.MkdirTemp("", "helix-rebuild-*"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(c.dir)
	if c.calibration != nil {
		if err := c.isFrom(ctx, m.Manifest); err != nil { // before it takes a calibration's time
			return nil, err
		}
	}
	if err := c.calibrate(ctx); err != nil {
		return nil, err
	}

	checks := make([]model.Check, len(c.plan))
	check := func(ctx context.Context, i int) error {
		checks[i].Bytes, checks[i].Err = c.rebuild(ctx, i, m.Manifest)
		return ctx.Err()
	}
	drift := c.driftTensors()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers)
	for i, t := range c.plan {
		if checks[i].Name = t.Name; t.sameAs != nil || drift[t.Name] {
			continue
		}
		g.Go(func() error {
			err := check(gctx, i)
			c.progress(t)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if len(drift) > 0 { // by the directory's own files, each of which has its turn
		err := c.follow(ctx, drift, m.Manifest.RootSHA256, func(i int) error { return check(ctx, i) }, func(i int) (calibrate.Weights, error) {
			entry := m.Manifest.Tensors[c.plan[i].Name]
			return madeWeights(&entry, m.Path)
		})
		if err != nil {
			return nil, err
		}
	}
	c.share()
	built, err := c.manifest(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.measureAgain(ctx, m, built, checks); err != nil {
		return nil, err
	}
	return append(checks, compareManifests(m.Manifest, built, checks)...), nil
}

// isFrom refuses a source whose weights are in other files than those that the manifest names.
func (c *conversion) isFrom(ctx context.Context, m *model.Manifest) error {
	got, err := c.sources(ctx, func(int) bool { return true })
	if err != nil || len(m.Sources) == 0 {
		return err
	}
	if len(got) != len(m.Sources) {
		return fmt.Errorf("%s has %d files of weights, the manifest says %d: %w", c.job.Source, len(got), len(m.Sources), ErrRebuild)
	}
	for i, want := range m.Sources {
		if got[i].SHA256 != want.SHA256 {
			return fmt.Errorf("%s: %s has sha256 %s, the manifest says %s of %s: %w", c.job.Source, got[i].File, got[i].SHA256, want.SHA256, want.File, ErrRebuild)
		}
	}
	return nil
}

// rebuild converts one tensor, compares and removes it.
func (c *conversion) rebuild(ctx context.Context, i int, m *model.Manifest) (bytes int64, err error) {
	t := c.plan[i]
	want, ok := m.Tensors[t.Name]
	if !ok {
		return 0, fmt.Errorf("tensor %q is not in the manifest: %w", t.Name, ErrRebuild)
	}
	if err := c.convert(ctx, i); err != nil {
		return 0, err
	}
	got := c.entries[i]
	defer os.Remove(filepath.Join(c.dir, got.File))
	if got.Sidecar != nil {
		defer os.Remove(filepath.Join(c.dir, got.Sidecar.File))
	}
	switch {
	case want.SourceSHA256 != "" && got.SourceSHA256 != want.SourceSHA256:
		err = fmt.Errorf("the source's weights have sha256 %s, the manifest says %s: %w", got.SourceSHA256, want.SourceSHA256, ErrRebuild)
	case got.File != want.File || got.SHA256 != want.SHA256:
		err = fmt.Errorf("%s has sha256 %s, the manifest says %s of %s: %w", got.File, got.SHA256, want.SHA256, want.File, ErrRebuild)
	case sidecarSum(got) != sidecarSum(want):
		err = fmt.Errorf("the sidecar has sha256 %q, the manifest says %q: %w", sidecarSum(got), sidecarSum(want), ErrRebuild)
	}
	return c.report.Tensors[i].Bytes, err
}

func sidecarSum(t model.Tensor) string {
	if t.Sidecar == nil {
		return ""
	}
	return t.Sidecar.SHA256
}

// compareManifests compares what is not a tensor's own: other files, tensors that
// the source lacks, and, if all else is well, every field.
func compareManifests(want, got *model.Manifest, done []model.Check) (checks []model.Check) {
	sums := map[string]string{}
	for _, f := range got.Files {
		sums[f.File] = f.SHA256
	}
	for _, f := range want.Files {
		check := model.Check{Name: f.File, Bytes: f.Bytes}
		if sums[f.File] != f.SHA256 {
			check.Err = fmt.Errorf("%s has sha256 %q, the manifest says %s: %w", f.File, sums[f.File], f.SHA256, ErrRebuild)
		}
		checks = append(checks, check)
	}
	for _, name := range slices.Sorted(maps.Keys(want.Tensors)) {
		if _, ok := got.Tensors[name]; !ok {
			checks = append(checks, model.Check{Name: name, Err: fmt.Errorf("the source has no tensor %q: %w", name, ErrRebuild)})
		}
	}
	for _, c := range append(done, checks...) {
		if c.Err != nil {
			return checks
		}
	}
	root := model.Check{Name: model.ManifestName}
	if want.RootScheme != 0 && want.Repository != "" && got.Repository == "" {
		root.Note = fmt.Sprintf("source_repository %s: a source on this machine cannot confirm it", want.Repository)
		got.Repository = want.Repository
	}
	root.Err = compareFields(want, got)
	return append(checks, root)
}

// compareFields compares all fields of two manifests but the roots, and names the first that
// differs. A manifest of an earlier release need not have those that it did not know.
func compareFields(want, got *model.Manifest) error {
	field, says, gives, err := model.FirstDifference(want, got)
	if err != nil || field == "" {
		return err
	}
	return fmt.Errorf("%s is %s, the manifest says %s: %w", field, gives, says, ErrRebuild)
}
