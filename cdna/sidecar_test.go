package cdna

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func sampleSidecar() *Sidecar {
	percentile, lo, hi := 99.9, -0.04, 0.05
	return &Sidecar{
		Header: SidecarHeader{
			TensorName: "w", Rows: 300, Cols: 300, CreatedUTC: "2026-01-01T00:00:00Z",
			Policy: ThresholdPolicy{Method: "percentile", Percentile: &percentile, ClipMin: &lo, ClipMax: &hi},
			Extra:  map[string]json.RawMessage{"note": json.RawMessage(`"x"`)},
		},
		Positions: []uint64{3, 12, 700, 89999},
		Values:    []uint16{0x3c00, 0xc000, 0x0001, 0x7c00},
	}
}

func sidecarBytes(t testing.TB, s *Sidecar) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readSidecar(b []byte) (*Sidecar, error) {
	return ReadSidecar(context.Background(), bytes.NewReader(b), int64(len(b)), "test.hxzo")
}

func TestSidecarProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 1<<20).Draw(t, "rows"), rapid.IntRange(1, 1<<40).Draw(t, "cols")
		at := rapid.SliceOfNDistinct(rapid.Uint64Range(0, uint64(rows*cols-1)), 0, 50, rapid.ID[uint64]).Draw(t, "positions")
		s := &Sidecar{Header: SidecarHeader{TensorName: "w", Rows: rows, Cols: cols}, Positions: at, Values: make([]uint16, len(at))}
		want := map[uint64]uint16{}
		for i, p := range at {
			s.Values[i] = rapid.Uint16().Draw(t, "value")
			want[p] = s.Values[i]
		}
		before := slices.Clone(at)
		var b bytes.Buffer
		if err := s.Write(&b); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Positions, before) {
			t.Fatal("Write sorted its receiver")
		}
		got, err := readSidecar(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Positions) != len(at) || !slices.IsSorted(got.Positions) || got.Stray() != 0 {
			t.Fatalf("%v", got.Positions)
		}
		for i, p := range got.Positions {
			if got.Values[i] != want[p] {
				t.Fatalf("position %d: %#x, want %#x", p, got.Values[i], want[p])
			}
		}
		lo, hi := rapid.Uint64Range(0, uint64(rows*cols)).Draw(t, "lo"), rapid.Uint64Range(0, uint64(rows*cols)).Draw(t, "hi")
		first, last := got.Range(lo, hi)
		for i, p := range got.Positions {
			if inside := p >= lo && p < hi; inside != (i >= first && i < last) {
				t.Fatalf("range [%d, %d) gives [%d, %d) of %v", lo, hi, first, last, got.Positions)
			}
		}
	})
}

func TestSidecarOracle(t *testing.T) {
	s := sampleSidecar()
	header, positions, values := plainSidecar(t, sidecarBytes(t, s))
	if header["num_outliers"] != 4.0 || header["note"] != "x" || !slices.Equal(positions, s.Positions) || !slices.Equal(values, s.Values) {
		t.Errorf("%v %v %x", header, positions, values)
	}
}

func TestSidecarValues(t *testing.T) {
	s := sampleSidecar()
	s.Values = append(s.Values, 0x8000, 0x7bff, 0x3555)
	for i, want := range []float32{1, -2, 0x1p-24, float32(math.Inf(1)), float32(math.Copysign(0, -1)), 65504, 0.333251953125} {
		if got := s.Value(i); math.Float32bits(got) != math.Float32bits(want) {
			t.Errorf("%#x: %v, want %v", s.Values[i], got, want)
		}
	}
}

func TestSidecarApply(t *testing.T) {
	s := sampleSidecar()
	weights := make([]float32, 300)
	if n := s.Apply(weights, 0); n != 2 || weights[3] != 1 || weights[12] != -2 {
		t.Errorf("row 0: %d replaced", n)
	}
	clear(weights)
	if n := s.Apply(weights, 600); n != 1 || weights[100] != 0x1p-24 {
		t.Errorf("row 2: %d replaced", n)
	}
	s.Header.Rows, s.Header.Cols = 30, 30 // then 89999 is beyond
	if n := s.Stray(); n != 1 {
		t.Errorf("%d stray", n)
	}
	if n := s.Apply(weights, math.MaxUint64-10); n != 0 {
		t.Errorf("%d replaced far beyond", n)
	}
}

func TestSidecarFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.hxzo")
	s := sampleSidecar()
	size, _, err := CreateSidecar(path, s)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != size {
		t.Errorf("%v, %v; want %d bytes", info, err, size)
	}
	got, err := OpenSidecar(path)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(got.Positions, got.Values, *got.Header.Policy.ClipMax), fmt.Sprint(s.Positions, s.Values, *s.Header.Policy.ClipMax); a != b {
		t.Errorf("%s, want %s", a, b)
	}
	s.Positions[0] = 700
	if _, _, err := CreateSidecar(path, s); !errors.Is(err, ErrSidecar) || !strings.Contains(err.Error(), path) {
		t.Errorf("a position twice: %v", err)
	}
	if again, err := OpenSidecar(path); err != nil || again.Positions[0] != 3 {
		t.Errorf("the file changed: %v", err)
	}
}

func TestSidecarWriteRefuses(t *testing.T) {
	nan := math.NaN()
	for name, change := range map[string]func(*Sidecar){
		"twice":            func(s *Sidecar) { s.Positions[3] = 3 },
		"outside":          func(s *Sidecar) { s.Positions[3] = 90000 },
		"values missing":   func(s *Sidecar) { s.Values = s.Values[:3] },
		"no shape":         func(s *Sidecar) { s.Header.Rows = 0 },
		"NaN":              func(s *Sidecar) { s.Header.Policy.Percentile = &nan },
		"name not UTF-8":   func(s *Sidecar) { s.Header.TensorName = "\xff" },
		"own key":          func(s *Sidecar) { s.Header.Extra["shape"] = json.RawMessage("1") },
		"header too long":  func(s *Sidecar) { s.Header.TensorName = strings.Repeat("x", maxHeader) },
		"extra is no JSON": func(s *Sidecar) { s.Header.Extra["x"] = json.RawMessage("{") },
	} {
		s := sampleSidecar()
		change(s)
		var b bytes.Buffer
		if err := s.Write(&b); !errors.Is(err, ErrSidecar) || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes written", name, err, b.Len())
		}
	}
}

func TestSidecarDamage(t *testing.T) {
	whole := sidecarBytes(t, sampleSidecar())
	for n := range whole {
		if _, err := readSidecar(whole[:n]); !errors.Is(err, ErrSidecar) || !strings.Contains(err.Error(), "test.hxzo: ") {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
	if _, err := readSidecar(append(bytes.Clone(whole), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
	start := prefixLen + int(binary.BigEndian.Uint16(whole[6:]))
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		s, err := readSidecar(b)
		if err != nil && !errors.Is(err, ErrSidecar) {
			t.Fatalf("byte %d: %v", i, err)
		}
		if err == nil && i >= start && fmt.Sprint(s.Positions, s.Values) != fmt.Sprint(sampleSidecar().Positions, sampleSidecar().Values) {
			t.Fatalf("byte %d: not noticed", i)
		}
	}
}

func TestForgedSidecar(t *testing.T) {
	// forge makes a file of count outliers whose payload is announced and given by hand.
	forge := func(header string, posLen uint32, payload []byte) []byte {
		stream, err := deflate(9, append(binary.BigEndian.AppendUint32(nil, posLen), payload...))
		if err != nil {
			t.Fatal(err)
		}
		b := append([]byte(magicSidecar), 0, 1)
		b = binary.BigEndian.AppendUint16(b, uint16(len(header)))
		return append(append(b, header...), stream...)
	}
	const form = `{"schema":"hxzo_outlier_sidecar_v1","tensor_name":"w","shape":%s,"num_outliers":%s,"value_dtype":"float16","position_encoding":"delta_varint"}`
	header := func(shape, count string) string { return fmt.Sprintf(form, shape, count) }
	two := header("[10,10]", "2")
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"right":              {forge(two, 2, []byte{5, 6, 1, 2, 3, 4}), nil},
		"twice":              {forge(two, 2, []byte{5, 0, 1, 2, 3, 4}), ErrCorrupt},
		"first at zero":      {forge(two, 2, []byte{0, 1, 1, 2, 3, 4}), nil},
		"overflow":           {forge(two, 11, append(bytes.Repeat([]byte{0xff}, 8), 0x7f, 0x02, 0, 1, 2, 3, 4)), ErrCorrupt},
		"varint too long":    {forge(two, 12, append(bytes.Repeat([]byte{0xff}, 11), 1, 1, 2, 3, 4)), ErrCorrupt},
		"varint cut":         {forge(two, 2, []byte{5, 0x80, 1, 2, 3, 4}), ErrCorrupt},
		"positions left":     {forge(two, 3, []byte{5, 6, 7, 1, 2, 3, 4}), ErrCorrupt},
		"positions short":    {forge(two, 1, []byte{5, 1, 2, 3, 4}), ErrCorrupt},
		"positions long":     {forge(two, 21, make([]byte, 25)), ErrCorrupt},
		"positions huge":     {forge(two, math.MaxUint32, make([]byte, 25)), ErrCorrupt},
		"payload short":      {forge(two, 2, []byte{5, 6, 1, 2, 3}), ErrCorrupt},
		"payload long":       {forge(two, 2, []byte{5, 6, 1, 2, 3, 4, 5}), ErrCorrupt},
		"bomb":               {forge(two, 2, make([]byte, 4<<20)), ErrCorrupt},
		"count negative":     {forge(header("[10,10]", "-1"), 2, make([]byte, 6)), ErrHeader},
		"count above shape":  {forge(header("[10,10]", "101"), 101, make([]byte, 303)), ErrHeader},
		"count unbelievable": {forge(header("[1000000,1000000]", "1000000000000"), 2, make([]byte, 6)), ErrBlockSize},
		"no count":           {forge(strings.Replace(two, `"num_outliers":2,`, "", 1), 2, make([]byte, 6)), ErrHeader},
		"shape":              {forge(header("[10,10,1]", "2"), 2, make([]byte, 6)), ErrShape},
		"shape negative":     {forge(header("[-1,10]", "2"), 2, make([]byte, 6)), ErrShape},
		"schema":             {forge(strings.Replace(two, "_v1", "_v2", 1), 2, make([]byte, 6)), ErrHeader},
		"dtype":              {forge(strings.Replace(two, "float16", "float32", 1), 2, make([]byte, 6)), ErrHeader},
		"encoding":           {forge(strings.Replace(two, "delta_varint", "plain", 1), 2, make([]byte, 6)), ErrHeader},
		"duplicate":          {forge(strings.Replace(two, `"shape"`, `"num_outliers":2,"shape"`, 1), 2, make([]byte, 6)), ErrHeader},
		"not UTF-8":          {forge(strings.Replace(two, `"w"`, "\"\xff\"", 1), 2, make([]byte, 6)), ErrHeader},
		"policy":             {forge(strings.Replace(two, `"shape"`, `"threshold_policy":{"percentile":"9"},"shape"`, 1), 2, make([]byte, 6)), ErrHeader},
		"a CDNA file":        {sampleV1(t), ErrFormat},
		"version":            {append([]byte(magicSidecar), 0, 2, 0, 0), ErrVersion},
		"not zlib":           {append([]byte(magicSidecar), append([]byte{0, 1, 0, byte(len(two))}, two+"plain text, not zlib"...)...), ErrCorrupt},
	} {
		_, err := readSidecar(c.b)
		if !errors.Is(err, c.want) || err != nil && !errors.Is(err, ErrSidecar) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
