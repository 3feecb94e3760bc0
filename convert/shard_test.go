package convert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/model"
)

// shardJob is a conversion of the built-in model in which every method has tensors.
func shardJob(t *testing.T, source, statistics string) Job {
	t.Helper()
	var overrides []Override
	for _, text := range []string{"layers.0.self_attn.q_proj=method=lossless", "layers.1.mlp.up_proj=method=entropy,snr=30", "layers.1.mlp.down_proj=exact"} {
		o, err := ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		overrides = append(overrides, o)
	}
	return Job{
		Source: source, ModelID: "m", Options: Options{Bits: 4}, Allocate: EqualRate, Overrides: overrides,
		Calibration: Calibration{Statistics: statistics},
	}
}

// shards converts all shards of a job into dir.
func shards(t *testing.T, job Job, n int, dir string) []string {
	t.Helper()
	var dirs []string
	for i := range n {
		job.Output = filepath.Join(dir, fmt.Sprintf("shard%d", i))
		if _, err := Shard(t.Context(), job, i, n); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, job.Output)
	}
	return dirs
}

// TestShards: the merged directory has the bytes of one machine's, whatever the number of shards, and those of a second
// merge that goes on where the first was stopped.
func TestShards(t *testing.T) {
	dir := t.TempDir()
	job := shardJob(t, halfCheckpoint(t), halfStatistics(t))
	job.Output = filepath.Join(dir, "whole")
	whole := convertAll(t, job)
	for _, n := range []int{3, 40} { // of which some have nothing
		dir := t.TempDir()
		dirs := shards(t, job, n, dir)
		slices.Reverse(dirs)
		output := filepath.Join(dir, "merged")
		report, err := Merge(t.Context(), dirs, output)
		if err != nil {
			t.Fatal(err)
		}
		if report.Root != whole.Root || report.BitsPerWeight != whole.BitsPerWeight || len(report.Tensors) != len(whole.Tensors) {
			t.Errorf("%d shards: root %s, one machine's %s", n, report.Root, whole.Root)
		}
		sameContents(t, output, job.Output)
		if _, err := Merge(t.Context(), dirs, output); !errors.Is(err, ErrExists) {
			t.Errorf("merged again: %v", err)
		}
	}
}

// TestMergeResumes stops a merge at a damaged file; the next one takes up what is there.
func TestMergeResumes(t *testing.T) {
	dir := t.TempDir()
	source := halfCheckpoint(t)
	job := Job{Source: source, ModelID: "m", Calibration: Calibration{Off: true}, Output: filepath.Join(dir, "whole")}
	whole := convertAll(t, job)
	dirs := shards(t, job, 2, dir)
	f, err := readShard(dirs[1])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dirs[1], f.Made[len(f.Made)-1].Entry.File)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(good)
	bad[len(bad)/2] ^= 1
	if err := os.WriteFile(path, bad, 0o666); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(dir, "merged")
	if _, err := Merge(t.Context(), dirs, output); !errors.Is(err, ErrShard) || !strings.Contains(err.Error(), path) {
		t.Fatalf("a damaged shard: %v", err)
	}
	if _, err := os.Lstat(output); err == nil {
		t.Error("half of it got the output's name")
	}
	if err := os.WriteFile(path, good, 0o666); err != nil {
		t.Fatal(err)
	}
	report, err := Merge(t.Context(), dirs, output)
	if err != nil || report.Resumed == 0 || report.Root != whole.Root {
		t.Errorf("resumed: %+v, %v", report, err)
	}
	sameContents(t, output, job.Output)
}

// TestMergeRefuses: what are not all shards of one conversion is one line that says which.
func TestMergeRefuses(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	job := Job{Source: halfCheckpoint(t), ModelID: "m", Calibration: Calibration{Off: true}}
	dirs := shards(t, job, 2, dir)
	job.Options.SNR = 20
	foreign := shards(t, job, 2, other)
	copied := filepath.Join(dir, "copied")
	if err := os.CopyFS(copied, os.DirFS(dirs[1])); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dirs []string
		says string
	}{
		{nil, "no shards"},
		{dirs[:1], "shard 1/2 is missing"},
		{[]string{dirs[0], dirs[1], copied}, "are both shard 1/2"},
		{[]string{dirs[0], foreign[1]}, "other options"},
		{[]string{dirs[0], t.TempDir()}, "no shard.json"},
	} {
		output := filepath.Join(t.TempDir(), "out")
		_, err := Merge(t.Context(), c.dirs, output)
		if !errors.Is(err, ErrShard) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", c.dirs, err, c.says)
		}
		onlyIn(t, filepath.Dir(output))
	}
}

// TestForgedShard: what a shard says cannot lead out of its directory, nor out of the output.
func TestForgedShard(t *testing.T) {
	dir := t.TempDir()
	job := Job{Source: halfCheckpoint(t), ModelID: "m", Calibration: Calibration{Off: true}}
	dirs := shards(t, job, 1, dir)
	path := filepath.Join(dirs[0], shardName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := readShard(dirs[0])
	if err != nil {
		t.Fatal(err)
	}
	file := `"file": "` + f.Made[0].Entry.File + `"`
	for _, name := range []string{"../secret", "/etc/passwd", "a/b", "", ".", "..", journalName, model.ManifestName, "config.json", shardName, f.Made[1].Entry.File} {
		forged := strings.Replace(string(text), file, `"file": "`+name+`"`, 1)
		if forged == string(text) {
			t.Fatal("nothing to forge")
		}
		if err := os.WriteFile(path, []byte(forged), 0o666); err != nil {
			t.Fatal(err)
		}
		output := filepath.Join(t.TempDir(), "out")
		if _, err := Merge(t.Context(), dirs, output); !errors.Is(err, ErrShard) && !errors.Is(err, ErrItem) {
			t.Errorf("%q: %v", name, err)
		}
		onlyIn(t, filepath.Dir(output))
	}
}

// TestShardRefuses: what takes all tensors together is refused by its name.
func TestShardRefuses(t *testing.T) {
	source := halfCheckpoint(t)
	for says, job := range map[string]Job{
		"correct-drift":           {CorrectDrift: true},
		"kld":                     {KLD: 0.1},
		"size":                    {Size: 1 << 20},
		"allocate rate":           {},
		"measured once":           {Allocate: EqualRate},
		"shard 2/2: there are":    {Calibration: Calibration{Off: true}},
		"a calibration is of use": {Options: Options{Method: Entropy}, Calibration: Calibration{Tokens: 512}},
	} {
		job.Source, job.Output = source, filepath.Join(t.TempDir(), "out")
		index := 0
		if strings.HasPrefix(says, "shard 2/2") {
			index = 2
		}
		_, err := Shard(t.Context(), job, index, 2)
		if !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
		onlyIn(t, filepath.Dir(job.Output))
	}
}

// TestShareOut: shards are about as large as each other, and every machine finds the same.
func TestShareOut(t *testing.T) {
	job := Job{Source: halfCheckpoint(t), Output: filepath.Join(t.TempDir(), "out"), Calibration: Calibration{Off: true}}
	c, err := prepare(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	defer c.src.Close()
	defer c.limited()
	var sum [3]int64
	var largest int64
	for i, s := range shareOut(c.plan, 3) {
		if c.plan[i].sameAs == nil {
			sum[s] += c.plan[i].Size
			largest = max(largest, c.plan[i].Size)
		}
	}
	if most := slices.Max(sum[:]); most-slices.Min(sum[:]) > largest {
		t.Errorf("shards of %d bytes, the largest tensor has %d", sum, largest)
	}
}
