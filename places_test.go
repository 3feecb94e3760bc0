package helix_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/cdna"
	source "github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/export"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// badPlace is somebody's place of which the file reads with the given numbers, from 0 on in
// the order that they come, go wrong.
type badPlace struct {
	storage.Place
	fault fault
	from  int64 // the first read that goes wrong
	only  bool  // it alone
	reads atomic.Int64
}

// fault is what a bad file does instead of reading.
type fault func(ctx context.Context, f storage.File, p []byte, off int64) (int, error)

func (b *badPlace) Open(ctx context.Context, name string) (storage.File, error) {
	f, err := b.Place.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &badFile{f, b}, nil
}

type badFile struct {
	storage.File
	place *badPlace
}

func (f *badFile) ReadAt(p []byte, off int64) (int, error) {
	return f.ReadAtContext(context.Background(), p, off)
}

func (f *badFile) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if n := f.place.reads.Add(1) - 1; n < f.place.from || f.place.only && n > f.place.from {
		return f.File.ReadAtContext(ctx, p, off)
	}
	return f.place.fault(ctx, f.File, p, off)
}

// sizedPlace is a place whose files say that they have another size.
type sizedPlace struct {
	storage.Place
	size func(int64) int64
}

type sizedFile struct {
	storage.File
	size int64
}

func (f sizedFile) Size() int64 { return f.size }

func (b sizedPlace) Open(ctx context.Context, name string) (storage.File, error) {
	f, err := b.Place.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return sizedFile{f, b.size(f.Size())}, nil
}

var errPlace = errors.New("the place is gone")

var faults = map[string]fault{
	"fails":               func(context.Context, storage.File, []byte, int64) (int, error) { return 0, errPlace },
	"reads nothing":       func(context.Context, storage.File, []byte, int64) (int, error) { return 0, nil },
	"less than nothing":   func(context.Context, storage.File, []byte, int64) (int, error) { return -1, nil },
	"more than asked for": func(_ context.Context, _ storage.File, p []byte, _ int64) (int, error) { return len(p) + 1, nil },
	"ends":                func(context.Context, storage.File, []byte, int64) (int, error) { return 0, io.EOF },
	"reads half": func(ctx context.Context, f storage.File, p []byte, off int64) (int, error) {
		return f.ReadAtContext(ctx, p[:len(p)/2], off)
	},
	"half and the end": func(ctx context.Context, f storage.File, p []byte, off int64) (int, error) {
		n, _ := f.ReadAtContext(ctx, p[:len(p)/2], off)
		return n, io.EOF
	},
	"fails with all bytes": func(ctx context.Context, f storage.File, p []byte, off int64) (int, error) {
		n, _ := f.ReadAtContext(ctx, p, off)
		return n, io.EOF
	},
}

// other is another content: what a place has whose files change.
func other(ctx context.Context, f storage.File, p []byte, off int64) (int, error) {
	n, err := f.ReadAtContext(ctx, p, off)
	if n > 0 {
		p[n/2] ^= 4
	}
	return n, err
}

// blocks waits for the end of the context.
func blocks(ctx context.Context, _ storage.File, _ []byte, _ int64) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// kept are places that hold a model in every form, by their names.
func kept(t *testing.T) map[string]storage.Place {
	t.Helper()
	src := checkpoint(t)
	root := t.TempDir()
	for name, o := range map[string]helix.Options{"model": {Method: "entropy"}, "lossless": {Method: "lossless"}} {
		if _, err := helix.Convert(t.Context(), src, filepath.Join(root, name), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "gguf"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := export.File(t.Context(), src, filepath.Join(root, "gguf", "m.gguf"), export.Options{}); err != nil {
		t.Fatal(err)
	}
	places := map[string]storage.Place{"checkpoint": storage.Dir(src)}
	for _, name := range []string{"model", "lossless", "gguf"} {
		places[name] = storage.Dir(filepath.Join(root, name))
	}
	return places
}

// readPlace opens what is at a place and reads all of it: tensors, their hashes, files.
func readPlace(t *testing.T, ctx context.Context, place storage.Place, converted bool) (content map[string]string, err error) {
	content = map[string]string{}
	note := func(name string, values []float32, more ...any) {
		h := sha256.New()
		if err := binary.Write(h, binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
		content[name] = fmt.Sprintf("%x %v", h.Sum(nil), more)
	}
	if converted {
		return content, readModel(ctx, place, note)
	}
	c, err := source.OpenPlace(ctx, place, "place", source.Options{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for _, tensor := range c.Tensors() {
		sum, err := tensor.SHA256(ctx)
		x := make([]float32, tensor.Len())
		if err = errors.Join(err, tensor.ReadFloat32(ctx, x, 0)); err != nil {
			return nil, err
		}
		note(tensor.Name, x, sum)
	}
	for _, file := range c.WeightFiles() {
		sum, n, err := c.Hash(ctx, file)
		if err != nil {
			return nil, err
		}
		note(file, nil, sum, n)
	}
	return content, nil
}

// readModel is readPlace of a model directory.
func readModel(ctx context.Context, place storage.Place, note func(name string, values []float32, more ...any)) error {
	m, err := model.OpenPlace(ctx, place, "place")
	if err != nil {
		return err
	}
	for _, tensor := range m.Tensors() {
		x, err := readTensor(ctx, m, tensor)
		if err != nil {
			return err
		}
		note(tensor.Name, x)
	}
	for _, name := range []string{"config.json", "tokenizer.json"} {
		text, err := m.ReadFile(ctx, name, 1<<24)
		if err != nil {
			return err
		}
		note(name, nil, string(text))
	}
	checks, err := m.Verify(ctx, 2)
	for _, c := range checks {
		err = errors.Join(err, c.Err)
	}
	return err
}

func readTensor(ctx context.Context, m *model.Model, tensor model.Tensor) (x []float32, err error) {
	switch tensor.Format {
	case model.FormatCDNA2:
		f, err := m.OpenMatrix(ctx, tensor)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		s, err := m.OpenSidecar(ctx, tensor)
		if err != nil {
			return nil, err
		}
		x = make([]float32, f.Rows()*f.Cols())
		return x, f.ReadFloat32(ctx, x, 0, s, cdna.NewVerifier(cdna.Always, f.NumBlocks(), 0))
	case model.FormatLossless:
		f, err := m.OpenLossless(ctx, tensor)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		x = make([]float32, f.Rows()*f.Cols())
		return x, f.ReadFloat32(ctx, x, 0, nil)
	}
	f, err := m.OpenArray(ctx, tensor)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x = make([]float32, f.Len())
	return x, f.ReadFloat32(ctx, x, 0)
}

// TestPlaces reads models from places that fail in every way, at any read: what comes of
// it is an error that says something, or the right content; never a panic.
func TestPlaces(t *testing.T) {
	for name, place := range kept(t) {
		converted := name == "model" || name == "lossless"
		counted := &badPlace{Place: place, from: math.MaxInt64}
		want, err := readPlace(t, t.Context(), counted, converted)
		if err != nil {
			t.Fatal(err)
		}
		total := counted.reads.Load()
		try := func(what string, place storage.Place) {
			t.Helper()
			got, err := readPlace(t, t.Context(), place, converted)
			if err == nil && !maps.Equal(got, want) {
				t.Errorf("%s: %s: other content", name, what)
			}
			if err != nil && (err.Error() == "" || strings.Contains(err.Error(), "%!")) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		some := 5
		if testing.Short() {
			some = 2
		}
		for what, fault := range faults {
			for i := range some { // the first reads are those of headers
				at := rand.Int64N(min(total, int64(40)<<i))
				try(fmt.Sprintf("%s at %d of %d", what, at, total), &badPlace{Place: place, fault: fault, from: at, only: i%2 == 0})
			}
		}
		for i := range 10 * some {
			if converted { // what has no hashes can be anything
				at := rand.Int64N(total)
				try(fmt.Sprintf("changes at %d of %d", at, total), &badPlace{Place: place, fault: other, from: at, only: i%2 == 0})
			}
		}
		for what, size := range map[string]func(int64) int64{
			"0": func(int64) int64 { return 0 }, "-1": func(int64) int64 { return -1 }, "the least": func(int64) int64 { return math.MinInt64 },
			"twice": func(n int64) int64 { return 2 * n }, "half": func(n int64) int64 { return n / 2 }, "one more": func(n int64) int64 { return n + 1 },
			"the most": func(int64) int64 { return math.MaxInt64 }, "1 TiB": func(int64) int64 { return 1 << 40 },
		} {
			try("size "+what, sizedPlace{place, size})
		}
	}
}

// TestPlacesBlock: a place that blocks holds nobody longer than the context lasts.
func TestPlacesBlock(t *testing.T) {
	for name, place := range kept(t) {
		converted := name == "model" || name == "lossless"
		counted := &badPlace{Place: place, from: math.MaxInt64}
		if _, err := readPlace(t, t.Context(), counted, converted); err != nil {
			t.Fatal(err)
		}
		total := counted.reads.Load()
		for at := int64(0); at < total; at += 1 + total/6 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			done := make(chan error, 1)
			go func() {
				_, err := readPlace(t, ctx, &badPlace{Place: place, fault: blocks, from: at}, converted)
				done <- err
			}()
			select {
			case err := <-done:
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s, read %d of %d: %v", name, at, total, err)
				}
			case <-time.After(2 * time.Minute):
				t.Fatalf("%s, read %d of %d blocks", name, at, total)
			}
			cancel()
		}
	}
}

// generateAt opens what is at a place as a model and has it generate.
func generateAt(ctx context.Context, place storage.Place) (text string, err error) {
	at, err := source.At(ctx, place, "place")
	if err != nil {
		return "", err
	}
	m, err := helix.OpenAt(ctx, at, helix.ModelOptions{Context: 32, Threads: 2})
	if err != nil {
		return "", err
	}
	text, err = read(m.Generate(ctx, opening, helix.GenerateOptions{MaxTokens: 4}))
	return text, errors.Join(err, m.Close())
}

// TestOpenAtPlaces runs models from places that fail, change and block: an error that says
// something, in time, or the right text.
func TestOpenAtPlaces(t *testing.T) {
	some := 6
	if testing.Short() {
		some = 3
	}
	for name, place := range kept(t) {
		counted := &badPlace{Place: place, from: math.MaxInt64}
		want, err := generateAt(t.Context(), counted)
		if err != nil {
			t.Fatal(err)
		}
		total := counted.reads.Load()
		all := maps.Clone(faults)
		if name == "model" || name == "lossless" {
			all["changes"] = other
		}
		for what, fault := range all {
			for i := range some {
				at := rand.Int64N(total)
				got, err := generateAt(t.Context(), &badPlace{Place: place, fault: fault, from: at, only: i%2 == 0})
				if err == nil && got != want || err != nil && strings.Contains(err.Error(), "%!") {
					t.Errorf("%s: %s at %d of %d: %q, %v", name, what, at, total, got, err)
				}
			}
		}
		for range some {
			at := rand.Int64N(total)
			ctx, cancel := context.WithCancel(t.Context())
			reached, done := make(chan bool), make(chan error, 1)
			var once sync.Once
			bad := &badPlace{Place: place, from: at, fault: func(ctx context.Context, f storage.File, p []byte, off int64) (int, error) {
				once.Do(func() { close(reached) })
				return blocks(ctx, f, p, off)
			}}
			go func() {
				_, err := generateAt(ctx, bad)
				done <- err
			}()
			select {
			case <-reached:
			case <-time.After(2 * time.Minute):
				t.Errorf("%s: read %d of %d was never reached", name, at, total)
			}
			cancel()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s, read %d of %d: %v", name, at, total, err)
				}
			case <-time.After(2 * time.Minute):
				t.Fatalf("%s, read %d of %d blocks", name, at, total)
			}
		}
	}
}
