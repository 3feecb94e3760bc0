package convert

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/filelock"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
)

// small is a checkpoint of six tensors; its directory holds a config.json too.
func small(t testing.TB, seed uint64) string {
	t.Helper()
	dir := t.TempDir()
	entries := []safetensors.Entry{safetensors.Float32("norm.weight", []int{64}, gaussian(64, seed))}
	for i, name := range []string{"model.embed_tokens.weight", "a.weight", "b.weight", "c.weight", "d.weight"} {
		entries = append(entries, safetensors.Float32(name, []int{200 + 10*i, 64}, gaussian((200+10*i)*64, seed+uint64(i))))
	}
	if err := safetensors.Create(filepath.Join(dir, "model.safetensors"), entries, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// contents reads all files of a directory.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path[len(dir):]] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameContents compares two directories byte for byte.
func sameContents(t testing.TB, got, want string) {
	t.Helper()
	a, b := contents(t, got), contents(t, want)
	if !slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))) {
		t.Fatalf("%s has the files %v, %s %v", got, slices.Sorted(maps.Keys(a)), want, slices.Sorted(maps.Keys(b)))
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s differs", name)
		}
	}
}

// onlyIn checks that nothing but the named entries lies in a directory.
func onlyIn(t testing.TB, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, names) {
		t.Errorf("%s holds %v, want %v", dir, got, names)
	}
}

// interrupt runs a job until n tensors are done.
func interrupt(t testing.TB, job Job, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	job.Options.Threads = 1
	job.Progress = func(int64, int64, string) {
		if n--; n == 0 {
			cancel()
		}
	}
	if _, err := Directory(ctx, job); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want a cancelled context", err)
	}
}

func convertAll(t testing.TB, job Job) *Report {
	t.Helper()
	r, err := Directory(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// unfinished is where the conversion to dir/out is built.
func unfinished(dir string) string { return filepath.Join(dir, ".out.partial") }

// identity reads the random identity from the journal of an unfinished directory.
func identity(t testing.TB, dir string) string {
	t.Helper()
	text, err := readJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	j, err := parseJournal(text, filepath.Join(filepath.Dir(dir), "out"))
	if err != nil {
		t.Fatal(err)
	}
	return j.id
}

func TestResume(t *testing.T) {
	src, whole := small(t, 1), filepath.Join(t.TempDir(), "whole")
	convertAll(t, Job{Source: src, Output: whole, ModelID: "m"})

	for _, c := range []struct {
		name    string
		between func(t *testing.T, dir string)
		resumed int
	}{
		{"untouched", func(*testing.T, string) {}, 3},
		{"a torn line", func(t *testing.T, dir string) {
			path := filepath.Join(unfinished(dir), journalName)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b[:len(b)-7], 0o666); err != nil {
				t.Fatal(err)
			}
			lines := bytes.Split(b, []byte("\n"))
			last, _ := parseLine(lines[len(lines)-2])
			for name := range last.Tensor.Files() { // which have no names yet
				rename(t, filepath.Join(unfinished(dir), name), filepath.Join(unfinished(dir), "."+identity(t, unfinished(dir))+"."+name))
			}
		}, 2},
		{"a changed file", func(t *testing.T, dir string) {
			files, err := filepath.Glob(filepath.Join(unfinished(dir), "*.cdna2.hxz"))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)-1] ^= 1
			if err := os.WriteFile(files[0], b, 0o666); err != nil {
				t.Fatal(err)
			}
		}, 2},
		{"a half-written file", func(t *testing.T, dir string) {
			write(t, filepath.Join(unfinished(dir), ".."+identity(t, unfinished(dir))+".d_weight.cdna2.hxz.12345678.partial"), "half")
		}, 3},
		{"killed before the files got their names", func(t *testing.T, dir string) {
			files, _ := filepath.Glob(filepath.Join(unfinished(dir), "*.cdna2.hxz"))
			for _, f := range files {
				if err := os.Rename(f, filepath.Join(unfinished(dir), "."+identity(t, unfinished(dir))+"."+filepath.Base(f))); err != nil {
					t.Fatal(err)
				}
			}
		}, 3},
		{"a lost file", func(t *testing.T, dir string) {
			files, _ := filepath.Glob(filepath.Join(unfinished(dir), "*.cdna2.hxz"))
			if err := os.Remove(files[0]); err != nil {
				t.Fatal(err)
			}
		}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			job := Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}
			interrupt(t, job, 3)
			onlyIn(t, dir, ".out.partial")
			c.between(t, dir)
			if r := convertAll(t, job); r.Resumed != c.resumed {
				t.Errorf("%d tensors were taken from the journal, want %d", r.Resumed, c.resumed)
			}
			onlyIn(t, dir, "out")
			sameContents(t, job.Output, whole)
		})
	}
}

// TestResumeAfterRename: a process that dies between the rename and the removal of
// the journal has little left to do.
func TestResumeAfterRename(t *testing.T) {
	src, dir := small(t, 1), t.TempDir()
	job := Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}
	interrupt(t, job, 6)
	if err := os.Rename(filepath.Join(dir, ".out.partial"), job.Output); err != nil {
		t.Fatal(err)
	}
	if r := convertAll(t, job); r.Resumed != 6 {
		t.Errorf("%d tensors resumed", r.Resumed)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	convertAll(t, Job{Source: src, Output: whole, ModelID: "m"})
	sameContents(t, job.Output, whole)
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrExists) {
		t.Errorf("a finished directory: %v", err)
	}
}

// TestResumeWithOtherOptions: tensors that they touch are converted anew.
func TestResumeWithOtherOptions(t *testing.T) {
	src, dir := small(t, 1), t.TempDir()
	job := Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}
	interrupt(t, job, 6)
	o, err := ParseOverride("^a=snr=25")
	if err != nil {
		t.Fatal(err)
	}
	job.Overrides = []Override{o}
	if r := convertAll(t, job); r.Resumed != 5 {
		t.Errorf("%d of 6 resumed, want all but one", r.Resumed)
	}
	whole := job
	whole.Output = filepath.Join(t.TempDir(), "whole")
	convertAll(t, whole)
	sameContents(t, job.Output, whole.Output)
}

// TestResumeWithOtherSource: weights that changed between the runs are not mixed.
func TestResumeWithOtherSource(t *testing.T) {
	src, other, dir := small(t, 1), small(t, 99), t.TempDir()
	job := Job{Source: src, Output: filepath.Join(dir, "out"), ModelID: "m"}
	interrupt(t, job, 4)
	b, err := os.ReadFile(filepath.Join(other, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "model.safetensors"), b, 0o666); err != nil {
		t.Fatal(err)
	}
	if r := convertAll(t, job); r.Resumed != 0 {
		t.Errorf("%d tensors of the weights before", r.Resumed)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	convertAll(t, Job{Source: other, Output: whole, ModelID: "m"})
	a, c := contents(t, job.Output), contents(t, whole)
	for name := range c {
		if !bytes.Equal([]byte(a[name]), []byte(c[name])) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestBusy(t *testing.T) {
	dir := t.TempDir()
	lock, err := filelock.Try(filepath.Join(dir, ".out.lock"))
	if err != nil {
		t.Fatal(err)
	}
	job := Job{Source: small(t, 1), Output: filepath.Join(dir, "out")}
	if _, err := Directory(t.Context(), job); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	convertAll(t, job)
	onlyIn(t, dir, "out")
}
