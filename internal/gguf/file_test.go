package gguf_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/helix-substrate/helix-substrate/dtype"
	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

func encode(t testing.TB, entries []gguf.Entry, metadata []gguf.Pair) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gguf.Write(&b, entries, metadata); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(file []byte) (*gguf.File, error) {
	return gguf.NewFile(context.Background(), bytes.NewReader(file), int64(len(file)), "test.gguf")
}

func TestMetadataRoundTrip(t *testing.T) {
	values := map[string]any{
		"u8": uint8(255), "i8": int8(-128), "u16": uint16(65535), "i16": int16(-32768),
		"u32": uint32(math.MaxUint32), "i32": int32(math.MinInt32), "u64": uint64(math.MaxUint64), "i64": int64(math.MinInt64),
		"f32": float32(0.1), "f64": 0.1, "true": true, "false": false, "text": "hélix\x00\xff", "empty": "",
		"texts": []string{"a", "", "long\nlong"}, "none": []string{},
		"u8s": []uint8{1, 2}, "i8s": []int8{-1}, "u16s": []uint16{3}, "i16s": []int16{-3}, "u32s": []uint32{4}, "i32s": []int32{-4, 5},
		"u64s": []uint64{6}, "i64s": []int64{-6}, "f32s": []float32{0.5, float32(math.Inf(1))}, "f64s": []float64{0.1}, "bools": []bool{true, false},
	}
	var pairs []gguf.Pair
	for key, v := range values {
		pairs = append(pairs, gguf.Pair{Key: key, Value: v})
	}
	file := encode(t, nil, pairs)
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Keys()) != len(values) {
		t.Errorf("%d keys", len(f.Keys()))
	}
	var again []gguf.Pair
	for i, key := range f.Keys() {
		if key != pairs[i].Key {
			t.Errorf("key %d is %q, want %q", i, key, pairs[i].Key)
		}
		v := f.Metadata()[key]
		again = append(again, gguf.Pair{Key: key, Value: v})
		got, err := v.Any()
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		want := values[key]
		if list, ok := got.([]any); ok { // compare as printed, with their types
			if r := reflect.ValueOf(want); r.Len() != len(list) {
				t.Errorf("%s has %d elements", key, len(list))
				continue
			}
			for i := range list {
				if w := reflect.ValueOf(want).Index(i).Interface(); list[i] != w {
					t.Errorf("%s[%d] is %T %v, want %T %v", key, i, list[i], list[i], w, w)
				}
			}
		} else if got != want {
			t.Errorf("%s is %T %v, want %T %v", key, got, got, want, want)
		}
	}
	if !bytes.Equal(encode(t, nil, again), file) {
		t.Error("Values written again give other bytes")
	}
}

func TestGetters(t *testing.T) {
	f, err := open(encode(t, nil, []gguf.Pair{
		{Key: "n", Value: uint16(7)}, {Key: "minus", Value: int32(-7)}, {Key: "huge", Value: uint64(math.MaxUint64)}, {Key: "x", Value: float32(0.5)},
		{Key: "text", Value: "seven"}, {Key: "yes", Value: true}, {Key: "texts", Value: []string{"a", "bc"}}, {Key: "ints", Value: []int32{1, -2}},
		{Key: "floats", Value: []float64{0.25}}, {Key: "hugest", Value: []uint64{1, math.MaxUint64}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, got any, err error, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) || err != nil {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	u, err := f.Uint("n")
	check("n", u, err, uint64(7))
	u, err = f.Uint("huge")
	check("huge", u, err, uint64(math.MaxUint64))
	i, err := f.Int("minus")
	check("minus", i, err, int64(-7))
	x, err := f.Float("x")
	check("x", x, err, 0.5)
	x, err = f.Float("minus")
	check("minus as float", x, err, -7.0)
	s, err := f.String("text")
	check("text", s, err, "seven")
	b, err := f.Bool("yes")
	check("yes", b, err, true)
	texts, err := f.Strings("texts")
	check("texts", texts, err, []string{"a", "bc"})
	ints, err := f.Ints("ints")
	check("ints", ints, err, []int64{1, -2})
	floats, err := f.Floats32("floats")
	check("floats", floats, err, []float32{0.25})

	for name, get := range map[string]func(string) error{
		"String":   func(k string) error { _, err := f.String(k); return err },
		"Bool":     func(k string) error { _, err := f.Bool(k); return err },
		"Uint":     func(k string) error { _, err := f.Uint(k); return err },
		"Int":      func(k string) error { _, err := f.Int(k); return err },
		"Float":    func(k string) error { _, err := f.Float(k); return err },
		"Strings":  func(k string) error { _, err := f.Strings(k); return err },
		"Ints":     func(k string) error { _, err := f.Ints(k); return err },
		"Floats32": func(k string) error { _, err := f.Floats32(k); return err },
	} {
		wrong := map[string]string{"String": "n", "Bool": "n", "Uint": "minus", "Int": "huge", "Float": "text", "Strings": "ints", "Ints": "hugest", "Floats32": "texts"}[name]
		if err := get(wrong); !errors.Is(err, gguf.ErrKind) || !strings.Contains(err.Error(), "test.gguf") || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s of %s: %v", name, wrong, err)
		}
		if err := get("absent"); !errors.Is(err, gguf.ErrNoKey) {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
	if f.Has("absent") || !f.Has("n") {
		t.Error("Has")
	}
}

// TestWindows reads random windows of every type and compares them with the whole,
// and the whole with Dequantize.
func TestWindows(t *testing.T) {
	var entries []gguf.Entry
	for _, typ := range types() {
		block, _ := typ.Block()
		raw := randomBlocks(typ, 3*2048/block)
		entries = append(entries, gguf.Entry{Name: typ.String(), Type: typ, Shape: []int{3, 2048}, Data: raw})
	}
	f, err := open(encode(t, entries, []gguf.Pair{{Key: "general.alignment", Value: uint32(64)}}))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, e := range entries {
		wg.Go(func() {
			x, ok := f.Tensor(e.Name)
			if !ok || x.Len() != 6144 || x.Size() != int64(len(e.Data)) || x.Type != e.Type || x.Offset()%64 != 0 {
				t.Errorf("tensor %+v", x)
				return
			}
			want := make([]float32, x.Len())
			gguf.Dequantize(want, e.Data, e.Type)
			rng := rand.New(rand.NewPCG(1, 2))
			windows := [][2]int{{0, 6144}, {6144, 6144}, {0, 0}, {5, 5}}
			for range 50 {
				a := rng.IntN(6145)
				windows = append(windows, [2]int{a, a + rng.IntN(min(600, 6145-a))})
			}
			for _, w := range windows {
				got := make([]float32, w[1]-w[0])
				if err := x.ReadFloat32(context.Background(), got, w[0]); err != nil {
					t.Errorf("%s %v: %v", e.Name, w, err)
				}
				for i := range got {
					if math.Float32bits(got[i]) != math.Float32bits(want[w[0]+i]) {
						t.Errorf("%s %v: element %d is %v, want %v", e.Name, w, i, got[i], want[w[0]+i])
						return
					}
				}
			}
			for _, w := range [][2]int{{-1, 1}, {6144, 1}, {0, 6145}, {math.MaxInt, 1}} {
				if err := x.ReadFloat32(context.Background(), make([]float32, w[1]), w[0]); !errors.Is(err, dtype.ErrRange) {
					t.Errorf("%s %v: %v", e.Name, w, err)
				}
			}
			raw := make([]byte, 7)
			if err := x.ReadRaw(context.Background(), raw, 3); err != nil || !bytes.Equal(raw, e.Data[3:10]) {
				t.Errorf("%s: raw bytes, %v", e.Name, err)
			}
			if err := x.ReadRaw(context.Background(), raw, x.Size()-6); !errors.Is(err, dtype.ErrRange) {
				t.Errorf("%s: raw bytes beyond the end: %v", e.Name, err)
			}
		})
	}
	wg.Wait()
}

// TestLongTensor reads more than fits the buffer at once.
func TestLongTensor(t *testing.T) {
	raw := randomBlocks(gguf.Q4_K, 4000)
	f, err := open(encode(t, []gguf.Entry{{Name: "x", Type: gguf.Q4_K, Shape: []int{4000, 256}, Data: raw}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	want, got := make([]float32, 4000*256), make([]float32, 4000*256-100)
	gguf.Dequantize(want, raw, gguf.Q4_K)
	x, _ := f.Tensor("x")
	if err := x.ReadFloat32(context.Background(), got, 50); err != nil {
		t.Fatal(err)
	}
	sameBits(t, got, want[50:len(want)-50])
	if raceEnabled {
		return // the race detector drops pooled buffers at random
	}
	if n := testing.AllocsPerRun(20, func() {
		if err := x.ReadFloat32(context.Background(), got, 50); err != nil {
			t.Fatal(err)
		}
	}); n >= 1 {
		t.Errorf("%v allocations a read", n)
	}
}

func TestShapes(t *testing.T) {
	data := make([]byte, 4*24)
	var entries []gguf.Entry
	for i, shape := range [][]int{{}, {24}, {4, 6}, {2, 3, 4}, {1, 2, 3, 4}, {0}, {3, 0}} {
		n, _ := dtype.Count(shape, 4)
		entries = append(entries, gguf.Entry{Name: fmt.Sprint(i), Type: gguf.F32, Shape: shape, Data: data[:4*n]})
	}
	f, err := open(encode(t, entries, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		x, ok := f.Tensor(e.Name)
		if !ok || fmt.Sprint(x.Shape) != fmt.Sprint(e.Shape) || x.Size() != int64(len(e.Data)) {
			t.Errorf("%v became %+v", e.Shape, x)
			continue
		}
		readTensor(t, x)
	}
}

// TestVersion2 differs from version 3 in the number only.
func TestVersion2(t *testing.T) {
	file := small(t)
	file[4] = 2
	if _, err := open(file); err != nil {
		t.Errorf("%v", err)
	}
}
