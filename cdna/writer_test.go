package cdna

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/internal/codec"
)

// memory is an io.WriterAt and io.ReaderAt. A limit above 0 makes it a disk of that many bytes.
type memory struct {
	b     []byte
	limit int
}

var errDiskFull = errors.New("disk full")

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	end := int(off) + len(p)
	if m.limit > 0 && end > m.limit {
		return 0, errDiskFull
	}
	if end > len(m.b) {
		m.b = append(m.b, make([]byte, end-len(m.b))...)
	}
	return copy(m.b[off:], p), nil
}

// writeV2 writes a file in one go and returns its bytes.
func writeV2(t testing.TB, o WriterOptions, indices []byte, fidelity *FidelityStats) []byte {
	t.Helper()
	var m memory
	w, err := NewWriter(&m, o)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(indices); err != nil || n != len(indices) {
		t.Fatalf("wrote %d of %d: %v", n, len(indices), err)
	}
	stats, err := w.Finish(fidelity)
	if err != nil {
		t.Fatal(err)
	}
	if stats.TotalBytes != int64(len(m.b)) || stats.IndexBytes != int64(len(indices)) {
		t.Fatalf("%+v, but %d bytes for %d indices", stats, len(m.b), len(indices))
	}
	return m.b
}

func openBytes(b []byte) (*File, error) {
	return NewFile(context.Background(), bytes.NewReader(b), int64(len(b)), "test.cdna2.hxz")
}

func mustOpen(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := openBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// bell returns n indices with the histogram of typical weights.
func bell(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(max(0, min(255, math.Round(128+20*r.NormFloat64()))))
	}
	return b
}

func ramp() []float32 {
	values := make([]float32, 256)
	for i := range values {
		values[i] = float32(i-128) / 64
	}
	return values
}

func TestWriterEveryCodec(t *testing.T) {
	for _, name := range codec.Names() {
		for _, shape := range [][3]int{{1, 1, 1}, {1, 33, 16}, {7, 1, 32}, {33, 64, 1}, {50, 77, 16}, {300, 200, 0}} {
			for kind, indices := range map[string][]byte{
				"bell": bell(shape[0] * shape[1]),
				"zero": make([]byte, shape[0]*shape[1]),
			} {
				t.Run(fmt.Sprintf("%s/%v/%s", name, shape, kind), func(t *testing.T) {
					b := writeV2(t, WriterOptions{TensorName: "w", Rows: shape[0], Cols: shape[1], BlockRows: shape[2], Codebook: ramp(), Codec: name}, indices, nil)
					if got := plainV2(t, b); !bytes.Equal(got.indices, indices) {
						t.Error("the plain reading differs")
					}
					if got, _ := decodeFile(t, mustOpen(t, b)); !bytes.Equal(got, indices) {
						t.Error("indices differ")
					}
				})
			}
		}
	}
}

// Bytes depend on neither the number of threads nor the chunks given to Write, and any rows read back alone are right.
func TestWriterAndReadRowsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 60).Draw(t, "rows"), rapid.IntRange(1, 70).Draw(t, "cols")
		indices := rapid.SliceOfN(rapid.Byte(), rows*cols, rows*cols).Draw(t, "indices")
		o := WriterOptions{
			Rows: rows, Cols: cols, BlockRows: rapid.IntRange(1, 70).Draw(t, "block rows"),
			Codec: rapid.SampledFrom(codec.Names()).Draw(t, "codec"),
		}
		var want []byte
		for _, threads := range []int{1, 2, 7} {
			o.Threads = threads
			var m memory
			w, err := NewWriter(&m, o)
			if err != nil {
				t.Fatal(err)
			}
			for rest := indices; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if _, err := w.Finish(nil); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = m.b
			}
			if !bytes.Equal(m.b, want) {
				t.Fatalf("%d threads: other bytes", threads)
			}
		}
		f, err := openBytes(want)
		if err != nil {
			t.Fatal(err)
		}
		a := rapid.IntRange(0, rows).Draw(t, "first row")
		b := rapid.IntRange(a, rows).Draw(t, "end row")
		got := make([]byte, (b-a)*cols)
		if err := f.ReadRows(context.Background(), got, a, b, nil); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, indices[a*cols:b*cols]) {
			t.Fatalf("rows %d to %d differ", a, b)
		}
	})
}

func TestWriterHeader(t *testing.T) {
	cosine, required := 0.99871, true
	fidelity := &FidelityStats{CosineNoSidecar: &cosine, SidecarRequired: &required}
	for _, key := range []string{"mse", "snr_db", "max_abs_error", "cosine", "bits_per_weight"} {
		fidelity.SetNumber(key, -math.MaxFloat64/3) // as long as numbers get
	}
	fidelity.SetNumber("mse", 1.5e-7)
	fidelity.SetNumber("snr_db", math.Inf(1)) // an exact copy has none
	o := WriterOptions{
		TensorName: `blk.0."größe"<&>.weight`, Rows: 3, Cols: 5, BlockRows: 2, Codec: "none", CreatedUTC: "2026-01-02T03:04:05Z",
		Extra: map[string]any{"z": 1, "a": []int{1, 2}, "m": json.RawMessage(`{"x": null}`)},
	}
	b := writeV2(t, o, make([]byte, 15), fidelity)
	want := `{"schema":"cdna2_hxz_v1","tensor_name":"blk.0.\"größe\"<&>.weight","shape":[3,5],"dtype":"uint8","codebook_size":256,` +
		`"block_rows":2,"num_blocks":2,"encoding":"none","created_utc":"2026-01-02T03:04:05Z","fidelity_stats":{` +
		`"cosine_no_sidecar":0.99871,"sidecar_required":true,"bits_per_weight":-5.992310449541053e+307,"cosine":-5.992310449541053e+307,` +
		`"max_abs_error":-5.992310449541053e+307,"mse":1.5e-7},"a":[1,2],"m":{"x":null},"z":1,"head_sha256":"`
	if text := string(b[prefixLen:]); !strings.HasPrefix(text, want) {
		t.Errorf("got  %s\nwant %s", text[:len(want)], want)
	}
	h := mustOpen(t, b).Header()
	if h.TensorName != o.TensorName || *h.Fidelity.CosineNoSidecar != cosine || !*h.Fidelity.SidecarRequired || len(h.Extra) != 3 || string(h.Extra["m"]) != `{"x":null}` {
		t.Errorf("read back %+v", h)
	}
	if v, ok := h.Fidelity.Number("mse"); !ok || v != 1.5e-7 {
		t.Errorf("mse %v %v", v, ok)
	}
	if _, ok := h.Fidelity.Number("snr_db"); ok {
		t.Error("an infinite SNR was written")
	}
}

func TestFidelityRoomIsEnough(t *testing.T) {
	v, f := -math.MaxFloat64/3, false
	stats := &FidelityStats{CosineNoSidecar: &v, SidecarRequired: &f}
	for _, key := range []string{"mse", "snr_db", "max_abs_error", "cosine", "bits_per_weight"} {
		stats.SetNumber(key, v)
	}
	writeV2(t, WriterOptions{Rows: 1, Cols: 1}, []byte{0}, stats)
}

func TestCreatedUTC(t *testing.T) {
	for epoch, want := range map[string]string{"": "1970-01-01T00:00:00Z", "1700000000": "2023-11-14T22:13:20Z"} {
		t.Setenv("SOURCE_DATE_EPOCH", epoch)
		f := mustOpen(t, writeV2(t, WriterOptions{Rows: 1, Cols: 1}, []byte{0}, nil))
		if got := f.Header().CreatedUTC; got != want {
			t.Errorf("SOURCE_DATE_EPOCH=%q: %s, want %s", epoch, got, want)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, err := NewWriter(&memory{}, WriterOptions{Rows: 1, Cols: 1}); !errors.Is(err, ErrHeader) {
		t.Errorf("got %v", err)
	}
}

func TestWriterRefuses(t *testing.T) {
	cosine := math.NaN()
	long := map[string]any{"x": strings.Repeat("x", maxHeader)}
	for name, c := range map[string]struct {
		o    WriterOptions
		want error
	}{
		"no rows":         {WriterOptions{Rows: 0, Cols: 1}, ErrShape},
		"negative cols":   {WriterOptions{Rows: 1, Cols: -1}, ErrShape},
		"huge":            {WriterOptions{Rows: math.MaxInt, Cols: 3}, ErrShape},
		"huge block":      {WriterOptions{Rows: 1, Cols: math.MaxUint32 + 1}, ErrShape},
		"block rows":      {WriterOptions{Rows: 1, Cols: 1, BlockRows: -1}, ErrShape},
		"many blocks":     {WriterOptions{Rows: math.MaxInt, Cols: 1, BlockRows: 1}, ErrBlockCount},
		"long codebook":   {WriterOptions{Rows: 1, Cols: 1, Codebook: make([]float32, 257)}, ErrShape},
		"codec":           {WriterOptions{Rows: 1, Cols: 1, Codec: "zip"}, ErrCodec},
		"level":           {WriterOptions{Rows: 1, Cols: 1, Level: 99}, ErrLevel},
		"name not UTF-8":  {WriterOptions{Rows: 1, Cols: 1, TensorName: "\xff"}, ErrHeader},
		"extra not UTF-8": {WriterOptions{Rows: 1, Cols: 1, Extra: map[string]any{"x": json.RawMessage("\"\xff\"")}}, ErrHeader},
		"extra not JSON":  {WriterOptions{Rows: 1, Cols: 1, Extra: map[string]any{"x": func() {}}}, ErrHeader},
		"own key":         {WriterOptions{Rows: 1, Cols: 1, Extra: map[string]any{"shape": 1}}, ErrHeader},
		"fidelity twice":  {WriterOptions{Rows: 1, Cols: 1, Extra: map[string]any{"fidelity_stats": 1}}, ErrHeader},
		"long header":     {WriterOptions{Rows: 1, Cols: 1, Extra: long}, ErrHeader},
	} {
		if _, err := NewWriter(&memory{}, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := NewWriter(&memory{}, WriterOptions{Rows: 1, Cols: 1, Codec: "lz4", Level: 10}); errors.Is(err, ErrCodec) || strings.Contains(err.Error(), "encoding") {
		t.Errorf("a bad level of a good codec: %v", err)
	}

	finish := func(n int, f *FidelityStats) error {
		w, err := NewWriter(&memory{}, WriterOptions{Rows: 4, Cols: 4, BlockRows: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, n)); err != nil {
			w.Abort()
			return err
		}
		_, err = w.Finish(f)
		return err
	}
	if err := finish(15, nil); !errors.Is(err, ErrShape) {
		t.Errorf("too few: %v", err)
	}
	if err := finish(17, nil); !errors.Is(err, ErrShape) {
		t.Errorf("too many: %v", err)
	}
	if err := finish(16, &FidelityStats{CosineNoSidecar: &cosine}); !errors.Is(err, ErrHeader) {
		t.Errorf("NaN: %v", err)
	}
	if err := finish(16, &FidelityStats{Extra: map[string]json.RawMessage{"x": json.RawMessage(`"` + strings.Repeat("x", fidelityRoom) + `"`)}}); !errors.Is(err, ErrHeader) {
		t.Errorf("long fidelity_stats: %v", err)
	}
}

// A disk that fills up at any byte gives its own error, wrapped, and never blocks the writer.
func TestWriterDiskFull(t *testing.T) {
	indices := bell(40 * 50)
	o := WriterOptions{Rows: 40, Cols: 50, BlockRows: 1, Threads: 3}
	whole := len(writeV2(t, o, indices, nil))
	for limit := 1; limit < whole; limit += 97 {
		w, err := NewWriter(&memory{limit: limit}, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = w.Write(indices); err == nil {
			_, err = w.Finish(nil)
		}
		if !errors.Is(err, errDiskFull) {
			t.Fatalf("limit %d: %v", limit, err)
		}
		w.Abort()
	}
}

type shortWriter struct{}

func (s *shortWriter) WriteAt(p []byte, off int64) (int, error) { return len(p) - 1, nil }

func TestWriterShortWrite(t *testing.T) {
	w, err := NewWriter(&shortWriter{}, WriterOptions{Rows: 1, Cols: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(nil); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
}

func TestWriterAfterEnd(t *testing.T) {
	w, err := NewWriter(&memory{}, WriterOptions{Rows: 1, Cols: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	w.Abort()
	if _, err := w.Write([]byte{1}); err == nil {
		t.Error("Write after Abort")
	}
	if _, err := w.Finish(nil); err == nil {
		t.Error("Finish after Abort")
	}
}

func TestCreateIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.cdna2.hxz")
	indices := bell(100)
	o := WriterOptions{TensorName: "w", Rows: 10, Cols: 10, BlockRows: 3}
	list := func(want ...string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if fmt.Sprint(names) != fmt.Sprint(want) {
			t.Errorf("directory has %v, want %v", names, want)
		}
	}
	create := func() *FileWriter {
		t.Helper()
		w, err := Create(path, o)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}

	w := create()
	if _, err := w.Write(indices[:50]); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	list()
	w = create()
	if _, err := w.Write(indices[:50]); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(nil); !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), path) {
		t.Errorf("Finish of half a file: %v", err)
	}
	list()
	if _, err := Create(path, WriterOptions{}); !errors.Is(err, ErrShape) {
		t.Errorf("no shape: %v", err)
	}
	list()

	w = create()
	if _, err := w.Write(indices); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file has its name before Finish")
	}
	if _, err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	list("w.cdna2.hxz")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, _ := decodeFile(t, f); !bytes.Equal(got, indices) {
		t.Error("indices differ")
	}
}

func TestUpgrade(t *testing.T) {
	dir := t.TempDir()
	v1, v2 := filepath.Join(dir, "w.cdna"), filepath.Join(dir, "w.cdna2.hxz")
	v3, v4 := filepath.Join(dir, "again.cdna2.hxz"), filepath.Join(dir, "long.cdna2.hxz")
	indices, codebook := bell(70*33), ramp()
	codebook[7] = math.Float32frombits(0x7fc12345) // bits, not values, are kept
	if err := CreateV1(v1, 70, 33, codebook, indices); err != nil {
		t.Fatal(err)
	}
	check := func(path string) *File {
		t.Helper()
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		got, _ := decodeFile(t, f)
		values := f.Codebook()
		if !bytes.Equal(got, indices) || !bytes.Equal(appendCodebook(nil, values[:]), appendCodebook(nil, codebook)) {
			t.Errorf("%s: values differ", path)
		}
		return f
	}
	old := check(v1)
	ctx := context.Background()
	if _, err := Upgrade(ctx, v2, old, WriterOptions{BlockRows: 16, Extra: map[string]any{"note": "x"}}); err != nil {
		t.Fatal(err)
	}
	upgraded := check(v2)
	if h := upgraded.Header(); h.TensorName != "w" || h.BlockRows != 16 || h.Encoding != "zstd" {
		t.Errorf("%+v", h)
	}
	if _, err := Upgrade(ctx, v3, upgraded, WriterOptions{TensorName: "other", BlockRows: 5, Codec: "lz4"}); err != nil {
		t.Fatal(err)
	}
	if h := check(v3).Header(); h.TensorName != "other" || h.BlockRows != 5 || h.Encoding != "lz4" || string(h.Extra["note"]) != `"x"` {
		t.Errorf("%+v", h)
	}

	// fidelity_stats longer than ours find room, and stay.
	long := `"` + strings.Repeat("<ü>", 200) + `"`
	p := newForgery()
	p.swap(`"dtype"`, `"fidelity_stats":{"cosine_no_sidecar":0.5,"who":`+long+`},"dtype"`)
	if _, err := Upgrade(ctx, v4, mustOpen(t, p.bytes()), WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(v4)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := f.Header().Fidelity; *got.CosineNoSidecar != 0.5 || string(got.Extra["who"]) != long {
		t.Errorf("%+v", got)
	}

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Upgrade(cancelled, filepath.Join(dir, "never"), old, WriterOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 4 {
		t.Errorf("a cancelled upgrade left something: %v", entries)
	}
}
