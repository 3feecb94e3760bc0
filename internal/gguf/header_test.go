package gguf_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

// sentinels are all errors that bad bytes may give.
var sentinels = []error{gguf.ErrFormat, gguf.ErrVersion, gguf.ErrTruncated, gguf.ErrHeader, gguf.ErrType, gguf.ErrShape, gguf.ErrOffset, gguf.ErrSplit, gguf.ErrKind}

func isSentinel(err error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

// small is a file with some of everything.
func small(t testing.TB) []byte {
	q8, err := gguf.AppendFloat32(nil, make([]float32, 64), gguf.Q8_0)
	if err != nil {
		t.Fatal(err)
	}
	return encode(t, []gguf.Entry{
		{Name: "a", Type: gguf.F32, Shape: []int{3}, Data: make([]byte, 12)},
		{Name: "b", Type: gguf.Q8_0, Shape: []int{2, 32}, Data: q8},
	}, []gguf.Pair{
		{Key: "general.architecture", Value: "llama"}, {Key: "general.alignment", Value: uint32(32)},
		{Key: "tokens", Value: []string{"a", "bc", "def"}}, {Key: "scores", Value: []float32{1, 2, 3}}, {Key: "flag", Value: true},
	})
}

// TestTruncation cuts a file at every byte before its last tensor's end.
func TestTruncation(t *testing.T) {
	file := small(t)
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := f.Tensor("b")
	for n := range int(b.Offset() + b.Size()) {
		if _, err := open(file[:n]); !errors.Is(err, gguf.ErrTruncated) || !strings.Contains(err.Error(), "test.gguf") {
			t.Fatalf("%d of %d bytes: %v", n, len(file), err)
		}
	}
	path := filepath.Join(t.TempDir(), "shrinks.gguf")
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	if f, err = gguf.Open(path); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(path, b.Offset()+1); err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Tensors() {
		err := x.ReadFloat32(context.Background(), make([]float32, x.Len()), 0)
		if x.Name == "b" && (!errors.Is(err, gguf.ErrTruncated) || !strings.Contains(err.Error(), `"b"`)) || x.Name == "a" && err != nil {
			t.Errorf("%s: %v", x.Name, err)
		}
	}
	if _, err := gguf.NewFile(context.Background(), bytes.NewReader(file[:50]), int64(len(file)), "test.gguf"); !errors.Is(err, gguf.ErrTruncated) {
		t.Error(err)
	}
}

// forge builds headers by hand.
type forge []byte

func (f forge) u32(v uint32) forge { return binary.LittleEndian.AppendUint32(f, v) }
func (f forge) u64(v uint64) forge { return binary.LittleEndian.AppendUint64(f, v) }
func (f forge) str(s string) forge { return append(f.u64(uint64(len(s))), s...) }
func (f forge) zeros(n int) forge  { return append(f, make([]byte, n)...) }

// start begins a file of version 3.
func start(tensors, pairs uint64) forge { return forge("GGUF").u32(3).u64(tensors).u64(pairs) }

// tensor adds the description of one.
func (f forge) tensor(name string, typ gguf.Type, offset uint64, dims ...uint64) forge {
	f = f.str(name).u32(uint32(len(dims)))
	for _, d := range dims {
		f = f.u64(d)
	}
	return f.u32(uint32(typ)).u64(offset)
}

func TestForgedHeaders(t *testing.T) {
	const huge = 1 << 62
	for name, c := range map[string]struct {
		file forge
		want error
	}{
		"other magic":             {forge("GGML").zeros(60), gguf.ErrFormat},
		"zip":                     {forge("PK\x03\x04").zeros(60), gguf.ErrFormat},
		"version 1":               {forge("GGUF").u32(1).zeros(60), gguf.ErrVersion},
		"version 4":               {forge("GGUF").u32(4).zeros(60), gguf.ErrVersion},
		"big-endian":              {forge("GGUF\x00\x00\x00\x03").zeros(60), gguf.ErrVersion},
		"tensors without end":     {start(huge, 0).zeros(60), gguf.ErrHeader},
		"pairs without end":       {start(0, huge).zeros(60), gguf.ErrHeader},
		"more tensors than bytes": {start(1000, 0).zeros(60), gguf.ErrHeader}, // the second empty name
		"more pairs than bytes":   {start(0, 3).zeros(30), gguf.ErrHeader},
		"long key":                {start(0, 1).u64(huge).zeros(60), gguf.ErrHeader},
		"key beyond the end":      {start(0, 1).u64(1000).zeros(60), gguf.ErrTruncated},
		"long string":             {start(0, 1).str("k").u32(8).u64(math.MaxUint64).zeros(60), gguf.ErrTruncated},
		"unknown kind":            {start(0, 1).str("k").u32(13).zeros(60), gguf.ErrHeader},
		"array of unknown kind":   {start(0, 1).str("k").u32(9).u32(13).u64(1).zeros(60), gguf.ErrHeader},
		"long array":              {start(0, 1).str("k").u32(9).u32(10).u64(huge).zeros(60), gguf.ErrTruncated},
		"overflowing array":       {start(0, 1).str("k").u32(9).u32(10).u64(1 << 61).zeros(60), gguf.ErrTruncated},
		"array beyond the end":    {start(0, 1).str("k").u32(9).u32(10).u64(50).zeros(60), gguf.ErrTruncated},
		"array of long strings":   {start(0, 1).str("k").u32(9).u32(8).u64(2).str("x").u64(math.MaxUint64).zeros(60), gguf.ErrTruncated},
		"nested too deep":         {start(0, 1).str("k").u32(9).u32(9).u64(1).u32(9).u64(1).u32(9).u64(1).u32(9).u64(1).u32(0).u64(0).zeros(60), gguf.ErrHeader},
		"bool of 2":               {append(start(0, 1).str("k").u32(7), 2).zeros(60), gguf.ErrHeader},
		"bools of 1 and 7":        {append(start(0, 1).str("k").u32(9).u32(7).u64(2), 1, 7).zeros(60), gguf.ErrHeader},
		"key twice":               {start(0, 2).str("k").u32(4).u32(1).str("k").u32(4).u32(1).zeros(60), gguf.ErrHeader},
		"alignment 0":             {start(0, 1).str("general.alignment").u32(4).u32(0).zeros(60), gguf.ErrHeader},
		"alignment 12":            {start(0, 1).str("general.alignment").u32(4).u32(12).zeros(60), gguf.ErrHeader},
		"alignment 2^40":          {start(0, 1).str("general.alignment").u32(10).u64(1 << 40).zeros(60), gguf.ErrHeader},
		"alignment text":          {start(0, 1).str("general.alignment").u32(8).str("32").zeros(60), gguf.ErrKind},
		"tensor twice":            {start(2, 0).tensor("t", gguf.F32, 0, 1).tensor("t", gguf.F32, 32, 1).zeros(99), gguf.ErrHeader},
		"five dimensions":         {start(1, 0).tensor("t", gguf.F32, 0, 1, 1, 1, 1, 1).zeros(99), gguf.ErrShape},
		"2^32 - 1 dimensions":     {start(1, 0).str("t").u32(math.MaxUint32).zeros(99), gguf.ErrShape},
		"dimension 2^63":          {start(1, 0).tensor("t", gguf.F32, 0, 1<<63).zeros(99), gguf.ErrShape},
		"overflowing shape":       {start(1, 0).tensor("t", gguf.F32, 0, 1<<31, 1<<31, 1<<31).zeros(99), gguf.ErrShape},
		"zero after overflow":     {start(1, 0).tensor("t", gguf.F32, 0, 0, 1<<60, 1<<60).zeros(99), gguf.ErrShape},
		"2^60 elements":           {start(1, 0).tensor("t", gguf.Q4_0, 0, 1<<30, 1<<29).zeros(99), gguf.ErrTruncated},
		"type 4":                  {start(1, 0).tensor("t", 4, 0, 32).zeros(99), gguf.ErrType},
		"type Q8_1":               {start(1, 0).tensor("t", 9, 0, 32).zeros(99), gguf.ErrType},
		"type 43":                 {start(1, 0).tensor("t", 43, 0, 32).zeros(99), gguf.ErrType},
		"type 2^32 - 1":           {start(1, 0).tensor("t", math.MaxUint32, 0, 32).zeros(99), gguf.ErrType},
		"part of a block":         {start(1, 0).tensor("t", gguf.Q4_0, 0, 16, 2).zeros(99), gguf.ErrShape},
		"scalar of blocks":        {start(1, 0).tensor("t", gguf.Q4_0, 0).zeros(99), gguf.ErrShape},
		"misaligned":              {start(1, 0).tensor("t", gguf.F32, 16, 1).zeros(99), gguf.ErrOffset},
		"offset 2^63":             {start(1, 0).tensor("t", gguf.F32, 1<<63, 1).zeros(99), gguf.ErrOffset},
		"offset 2^62":             {start(1, 0).tensor("t", gguf.F32, huge, 1).zeros(99), gguf.ErrTruncated},
		"offset past the end":     {start(1, 0).tensor("t", gguf.F32, 256, 1).zeros(99), gguf.ErrTruncated},
		"data past the end":       {start(1, 0).tensor("t", gguf.F32, 0, 100).zeros(99), gguf.ErrTruncated},
		"overlap":                 {start(2, 0).tensor("t", gguf.F32, 0, 9).tensor("u", gguf.F32, 32, 1).zeros(99), gguf.ErrOffset},
		"same place":              {start(2, 0).tensor("t", gguf.F32, 0, 1).tensor("u", gguf.F32, 0, 1).zeros(99), gguf.ErrOffset},
		"empty file":              {nil, gguf.ErrTruncated},
		"second of three":         {append(start(0, 1).str("split.count").u32(2), 3, 0).zeros(60), gguf.ErrSplit},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(c.file)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if !strings.HasPrefix(err.Error(), "test.gguf: ") {
				t.Errorf("no file named: %v", err)
			}
			t.Log(err)
		})
	}
}

// TestNestedArrays reads [[1, 2], [], [3]] and arrays of strings in arrays.
func TestNestedArrays(t *testing.T) {
	file := start(0, 3).
		str("a").u32(9).u32(9).u64(3).
		u32(4).u64(2).u32(1).u32(2).
		u32(4).u64(0).
		u32(4).u64(1).u32(3).
		str("b").u32(9).u32(9).u64(1).u32(8).u64(2).str("x").str("yz").
		str("c").u32(9).u32(9).u64(1).u32(9).u64(1).u32(9).u64(1).u32(4).u64(1).u32(7)
	f, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "[[1 2] [] [3]]", "b": "[[x yz]]", "c": "[[[[7]]]]"} {
		if got, err := f.Metadata()[key].Any(); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s is %v, %v, want %s", key, got, err, want)
		}
	}
	if _, err := f.Ints("a"); !errors.Is(err, gguf.ErrKind) {
		t.Error(err)
	}
}

func FuzzFile(f *testing.F) {
	file := small(f)
	f.Add(file)
	f.Add(file[:100])
	f.Add([]byte(start(0, 1).str("k").u32(9).u32(9).u64(2).u32(8).u64(1).str("x").u32(7).u64(1).zeros(9)))
	f.Add([]byte(start(2, 0).tensor("t", gguf.IQ1M, 0, 256).tensor("u", gguf.TQ1_0, 64, 256).zeros(200)))
	for i := range 20 {
		damaged := bytes.Clone(file)
		damaged[8+i*9] ^= 1 << (i % 8)
		f.Add(damaged)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := open(file)
		if err != nil {
			if !isSentinel(err) {
				t.Fatalf("no sentinel: %v", err)
			}
			return
		}
		for _, v := range m.Metadata() {
			if _, err := v.Any(); err != nil {
				t.Fatal(err)
			}
		}
		for _, key := range m.Keys() {
			_, _ = m.Strings(key)
			_, _ = m.Ints(key)
			_, _ = m.Floats32(key)
		}
		for _, x := range m.Tensors() {
			if x.Offset()+x.Size() > int64(len(file)) {
				t.Fatalf("tensor %q of %d bytes in a file of %d", x.Name, x.Size(), len(file))
			}
			if err := x.ReadFloat32(context.Background(), make([]float32, min(x.Len(), 1000)), x.Len()-min(x.Len(), 1000)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
