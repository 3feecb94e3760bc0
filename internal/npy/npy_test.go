package npy_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// file builds a .npy by hand, independently of the writer.
func file(version byte, header string, data []byte) []byte {
	b := []byte{0x93, 'N', 'U', 'M', 'P', 'Y', version, 0}
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	return append(append(b, header...), data...)
}

func dict(descr, order, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }   \n", descr, order, shape)
}

func open(b []byte) (*npy.Reader, error) {
	return npy.NewReader(context.Background(), bytes.NewReader(b), int64(len(b)), "test.npy")
}

// Every golden file loads, and those in float32 are rewritten byte for byte.
func TestGolden(t *testing.T) {
	root := "../../../shared/golden"
	if _, err := os.Stat(root); err != nil {
		t.Skip("no golden data: ", err)
	}
	files, rewritten := 0, 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".npy" {
			return err
		}
		files++
		data, shape, err := npy.ReadFloat32(path)
		if err != nil {
			t.Error(err)
			return nil
		}
		stored, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Contains(stored[:128], []byte("<f4")) {
			return nil
		}
		var out bytes.Buffer
		if err := npy.Write(&out, shape, data); err != nil {
			t.Error(path, err)
		}
		if !bytes.Equal(out.Bytes(), stored) {
			t.Errorf("%s: rewritten file differs\n%q\n%q", path, out.Bytes()[:128], stored[:128])
		}
		rewritten++
		return nil
	})
	if err != nil || files == 0 || rewritten == 0 {
		t.Fatalf("%d files, %d rewritten, %v", files, rewritten, err)
	}
	t.Logf("%d files, %d rewritten", files, rewritten)
}

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		descr string
		data  string
		want  float32
	}{
		{"<f4", "\x00\x00\x20\xc0", -2.5}, {">f4", "\xc0\x20\x00\x00", -2.5},
		{"<f8", "\x00\x00\x00\x00\x00\x00\x04\xc0", -2.5}, {">f8", "\xc0\x04\x00\x00\x00\x00\x00\x00", -2.5},
		{"<f2", "\x00\xc1", -2.5}, {">f2", "\xc1\x00", -2.5},
		{"<V2", "\x20\xc0", -2.5}, {"|V2", "\x20\xc0", -2.5},
		{"<i8", "\xfe\xff\xff\xff\xff\xff\xff\xff", -2}, {">i4", "\xff\xff\xff\xfe", -2}, {"<i2", "\xfe\xff", -2}, {"|i1", "\xfe", -2},
		{"<u8", "\x00\x00\x00\x00\x00\x00\x00\x80", 1 << 63}, {"<u4", "\x00\x00\x00\x80", 1 << 31}, {">u2", "\x80\x00", 1 << 15}, {"|u1", "\xfe", 254},
		{"|b1", "\x01", 1}, {"?", "\x01", 1}, {"|b1", "\x00", 0},
	} {
		r, err := open(file(1, dict(c.descr, "False", "(1,)"), []byte(c.data)))
		if err != nil {
			t.Errorf("%s: %v", c.descr, err)
			continue
		}
		var got [1]float32
		if err := r.ReadFloat32(context.Background(), got[:], 0); err != nil || got[0] != c.want {
			t.Errorf("%s: %v (%v), want %v", c.descr, got[0], err, c.want)
		}
	}
}

func TestHeaderForms(t *testing.T) {
	data := make([]byte, 24)
	for _, header := range []string{
		dict("<f4", "False", "(2, 3)"),
		"{'shape': (2L, 3L), 'descr': '<f4', 'fortran_order': False}",
		`{"shape":(2,3,),"fortran_order":False,"descr":"<f4"}`,
		"{ 'descr' : '<f4' ,\t'fortran_order':False,'shape':( 2 , 3 ) , }\n\n",
	} {
		for _, version := range []byte{1, 2, 3} {
			r, err := open(file(version, header, data))
			if err != nil {
				t.Errorf("version %d, %q: %v", version, header, err)
			} else if !slices.Equal(r.Shape(), []int{2, 3}) || r.Len() != 6 {
				t.Errorf("version %d, %q: shape %v", version, header, r.Shape())
			}
		}
	}
	if r, err := open(file(1, dict("<f4", "False", "()"), data[:4])); err != nil || r.Len() != 1 || len(r.Shape()) != 0 {
		t.Errorf("scalar: %v", err)
	}
	if r, err := open(file(1, dict("<f4", "True", "(0, 5)"), nil)); err != nil || r.Len() != 0 {
		t.Errorf("empty: %v", err)
	}
}

func TestRefused(t *testing.T) {
	good := file(1, dict("<f4", "False", "(2, 3)"), make([]byte, 24))
	huge := file(2, dict("<f4", "False", "(2, 3)"), make([]byte, 24))
	binary.LittleEndian.PutUint32(huge[8:], math.MaxUint32)
	beyond := slices.Clone(good)
	binary.LittleEndian.PutUint16(beyond[8:], 1000)
	with := func(header string) []byte { return file(1, header, make([]byte, 24)) }
	shape := func(s string) []byte { return with(dict("<f4", "False", s)) }
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":          {nil, npy.ErrFormat},
		"magic":          {[]byte("PK\x03\x04 and more text"), npy.ErrFormat},
		"version":        {append([]byte("\x93NUMPY\x04\x00"), good[8:]...), npy.ErrFormat},
		"minor":          {append([]byte("\x93NUMPY\x01\x01"), good[8:]...), npy.ErrFormat},
		"huge header":    {huge, npy.ErrHeader},
		"header beyond":  {beyond, npy.ErrSize},
		"truncated":      {good[:len(good)-1], npy.ErrSize},
		"trailing":       {append(slices.Clone(good), 0), npy.ErrSize},
		"no dict":        {with("'descr'"), npy.ErrHeader},
		"unclosed":       {with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)"), npy.ErrHeader},
		"after":          {with(dict("<f4", "False", "(2, 3)") + "x"), npy.ErrHeader},
		"twice":          {with("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}"), npy.ErrHeader},
		"unknown key":    {with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}"), npy.ErrHeader},
		"missing key":    {with("{'descr': '<f4', 'shape': (2, 3)}"), npy.ErrHeader},
		"empty dict":     {with("{}"), npy.ErrHeader},
		"escape":         {with(`{'descr': '\x3cf4', 'fortran_order': False, 'shape': (2, 3)}`), npy.ErrHeader},
		"order":          {with(dict("<f4", "Maybe", "(2, 3)")), npy.ErrHeader},
		"record":         {with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}"), npy.ErrDType},
		"complex":        {with(dict("<c8", "False", "(3,)")), npy.ErrDType},
		"object":         {with(dict("|O", "False", "(3,)")), npy.ErrDType},
		"native":         {with(dict("=f4", "False", "(6,)")), npy.ErrDType},
		"no order":       {with(dict("|f4", "False", "(6,)")), npy.ErrDType},
		"negative":       {shape("(-2, 3)"), npy.ErrHeader},
		"no comma":       {shape("(6)"), npy.ErrHeader},
		"two commas":     {shape("(6,,)"), npy.ErrHeader},
		"no separator":   {shape("(2 3)"), npy.ErrHeader},
		"list":           {shape("[2, 3]"), npy.ErrHeader},
		"beyond int":     {shape("(9223372036854775808,)"), npy.ErrHeader},
		"overflow":       {shape("(4294967296, 4294967296)"), npy.ErrShape},
		"bytes overflow": {shape("(4611686018427387904,)"), npy.ErrShape},
		"dimensions":     {shape("(" + strings.Repeat("1,", 65) + ")"), npy.ErrHeader},
		"cube":           {with(dict("<f4", "True", "(1, 2, 3)")), npy.ErrFortran},
	} {
		r, err := open(c.file)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "test.npy: ") {
			t.Errorf("%s: %q does not name the file", name, err)
		}
		if r != nil && err != nil {
			t.Errorf("%s: a reader beside an error", name)
		}
	}
}

// Column-major and row-major files of the same matrix read alike in any window.
func TestFortran(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 40).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "cols")
		stored := make([]byte, 0, rows*cols*2)
		want := make([]float32, rows*cols)
		for c := range cols {
			for r := range rows {
				stored = binary.BigEndian.AppendUint16(stored, uint16(r*cols+c))
				want[r*cols+c] = float32(r*cols + c)
			}
		}
		r, err := open(file(1, dict(">u2", "True", fmt.Sprintf("(%d, %d)", rows, cols)), stored))
		if err != nil {
			t.Fatal(err)
		}
		off := rapid.IntRange(0, rows*cols).Draw(t, "off")
		got := make([]float32, rapid.IntRange(0, rows*cols-off).Draw(t, "n"))
		if err := r.ReadFloat32(context.Background(), got, off); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want[off:off+len(got)]) {
			t.Fatalf("window %d+%d: %v", off, len(got), got)
		}
	})
}

func TestWindowsOutside(t *testing.T) {
	for _, order := range []string{"False", "True"} {
		r, err := open(file(1, dict("<f4", order, "(2, 3)"), make([]byte, 24)))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range [][2]int{{-1, 2}, {0, 7}, {7, 0}, {math.MaxInt, 2}} {
			if err := r.ReadFloat32(context.Background(), make([]float32, w[1]), w[0]); !errors.Is(err, dtype.ErrRange) {
				t.Errorf("window %v: %v", w, err)
			}
		}
	}
}

func TestWholeFiles(t *testing.T) {
	if _, err := npy.Open(t.TempDir()); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
	if _, _, err := npy.ReadFloat32("missing.npy"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestWriter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(t, "shape")
		n, _ := dtype.Count(shape, 4)
		data := rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "data")
		var out bytes.Buffer
		w, err := npy.NewWriter(&out, shape)
		if err != nil {
			t.Fatal(err)
		}
		for rest := data; len(rest) > 0; {
			k := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			if err := w.Write(rest[:k]); err != nil {
				t.Fatal(err)
			}
			rest = rest[k:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if (out.Len()-4*n)%64 != 0 {
			t.Fatalf("data starts at byte %d", out.Len()-4*n)
		}
		r, err := open(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, n)
		if err := r.ReadFloat32(context.Background(), got, 0); err != nil || !slices.Equal(r.Shape(), shape) {
			t.Fatal(r.Shape(), err)
		}
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(data[i]) {
				t.Fatalf("element %d: %v, want %v", i, got[i], data[i])
			}
		}
	})
	for _, n := range []int{5, 7} {
		if err := npy.Write(io.Discard, []int{2, 3}, make([]float32, n)); !errors.Is(err, npy.ErrShape) {
			t.Errorf("%d elements for a 2×3: %v", n, err)
		}
	}
	for _, shape := range [][]int{{-1}, {math.MaxInt}, make([]int, 65)} {
		if _, err := npy.NewWriter(io.Discard, shape); !errors.Is(err, npy.ErrShape) {
			t.Errorf("shape %v: %v", shape, err)
		}
	}
	dir := t.TempDir()
	if err := npy.Create(filepath.Join(dir, "a.npy"), []int{2}, []float32{1}); !errors.Is(err, npy.ErrShape) {
		t.Errorf("Create: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a failed Create left %v", left)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(file(1, dict("<f4", "False", "(2, 3)"), make([]byte, 24)))
	f.Add(file(2, dict(">f8", "True", "(2, 1)"), make([]byte, 16)))
	f.Add(file(3, dict("|b1", "False", "()"), make([]byte, 1)))
	f.Add(file(1, "{'shape': (2L,), 'descr': '<V2', 'fortran_order': False}", make([]byte, 4)))
	f.Add(file(1, dict("<f4", "False", "(9223372036854775807, 2)"), nil))
	f.Add(file(1, dict("<f8", "False", "(1,)"), binary.LittleEndian.AppendUint64(nil, math.Float64bits(1e300))))
	f.Add(file(1, dict("|b1", "False", "(1,)"), []byte{2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := open(b)
		if err != nil {
			return
		}
		if r.Len() > len(b) {
			t.Fatalf("%d elements in %d bytes", r.Len(), len(b))
		}
		// What float32 cannot hold is the one thing that a whole file's elements are refused for.
		if err := r.ReadFloat32(context.Background(), make([]float32, r.Len()), 0); err != nil && !errors.Is(err, dtype.ErrValue) {
			t.Fatal(err)
		}
	})
}
