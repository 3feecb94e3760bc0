package gguf_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/gguf"
)

func TestWriterErrors(t *testing.T) {
	one := make([]byte, 4)
	for name, c := range map[string]struct {
		entries  []gguf.Entry
		metadata []gguf.Pair
		want     error
	}{
		"short data":     {[]gguf.Entry{{Name: "t", Type: gguf.F32, Shape: []int{2}, Data: one}}, nil, gguf.ErrShape},
		"same name":      {[]gguf.Entry{{Name: "t", Shape: []int{1}, Data: one}, {Name: "t", Shape: []int{1}, Data: one}}, nil, gguf.ErrHeader},
		"five dims":      {[]gguf.Entry{{Name: "t", Shape: []int{1, 1, 1, 1, 1}, Data: one}}, nil, gguf.ErrShape},
		"negative":       {[]gguf.Entry{{Name: "t", Shape: []int{-1}, Data: one}}, nil, gguf.ErrShape},
		"unknown type":   {[]gguf.Entry{{Name: "t", Type: 5, Shape: []int{1}, Data: one}}, nil, gguf.ErrType},
		"part of block":  {[]gguf.Entry{{Name: "t", Type: gguf.Q8_0, Shape: []int{31}, Data: one}}, nil, gguf.ErrShape},
		"plain int":      {nil, []gguf.Pair{{Key: "k", Value: 1}}, gguf.ErrKind},
		"nil":            {nil, []gguf.Pair{{Key: "k"}}, gguf.ErrKind},
		"zero Value":     {nil, []gguf.Pair{{Key: "k", Value: gguf.Value{}}}, gguf.ErrKind},
		"same key":       {nil, []gguf.Pair{{Key: "k", Value: true}, {Key: "k", Value: true}}, gguf.ErrHeader},
		"odd alignment":  {nil, []gguf.Pair{{Key: "general.alignment", Value: uint32(3)}}, gguf.ErrHeader},
		"text alignment": {nil, []gguf.Pair{{Key: "general.alignment", Value: "3"}}, gguf.ErrKind},
	} {
		if err := gguf.Write(&bytes.Buffer{}, c.entries, c.metadata); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	w, err := gguf.NewWriter(&bytes.Buffer{}, []gguf.Entry{{Name: "t", Shape: []int{1}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, gguf.ErrShape) {
		t.Error(err)
	}
	if n, err := w.Write(make([]byte, 5)); n != 4 || !errors.Is(err, gguf.ErrShape) {
		t.Errorf("%d, %v", n, err)
	}
}

// TestChunkedWriter writes the same file byte by byte.
func TestChunkedWriter(t *testing.T) {
	entries := []gguf.Entry{
		{Name: "a", Type: gguf.F32, Shape: []int{3}, Data: []byte("abcdefghijkl")},
		{Name: "empty", Type: gguf.F32, Shape: []int{0}},
		{Name: "b", Type: gguf.I8, Shape: []int{5}, Data: []byte("mnopq")},
	}
	want := encode(t, entries, nil)
	var b bytes.Buffer
	w, err := gguf.NewWriter(&b, entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []byte("abcdefghijklmnopq") {
		if _, err := w.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || !bytes.Equal(b.Bytes(), want) {
		t.Errorf("other bytes, %v", err)
	}
}

// FuzzRoundTrip: what can be read is written again with the same metadata, tensors and
// bytes, and that once more as the same file.
func FuzzRoundTrip(f *testing.F) {
	file := small(f)
	f.Add(file)
	for i := range 12 {
		damaged := bytes.Clone(file)
		damaged[24+i*17] ^= 1 << (i % 8)
		f.Add(damaged)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		first, err := open(file)
		if err != nil {
			return
		}
		written := again(t, first)
		second, err := open(written)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again(t, second), written) || !slices.Equal(first.Keys(), second.Keys()) || !reflect.DeepEqual(first.Metadata(), second.Metadata()) {
			t.Fatal("other metadata or bytes")
		}
		a, b := first.Tensors(), second.Tensors()
		if len(a) != len(b) {
			t.Fatalf("%d tensors, want %d", len(b), len(a))
		}
		for i := range a {
			if a[i].Name != b[i].Name || a[i].Type != b[i].Type || !slices.Equal(a[i].Shape, b[i].Shape) || !bytes.Equal(raw(t, a[i]), raw(t, b[i])) {
				t.Fatalf("%+v, want %+v", b[i], a[i])
			}
		}
	})
}

func raw(t *testing.T, x *gguf.Tensor) []byte {
	t.Helper()
	data := make([]byte, x.Size())
	if err := x.ReadRaw(context.Background(), data, 0); err != nil {
		t.Fatal(err)
	}
	return data
}

// again writes all that a file holds.
func again(t *testing.T, f *gguf.File) []byte {
	t.Helper()
	var pairs []gguf.Pair
	for _, key := range f.Keys() {
		pairs = append(pairs, gguf.Pair{Key: key, Value: f.Metadata()[key]})
	}
	var entries []gguf.Entry
	for _, x := range f.Tensors() {
		entries = append(entries, gguf.Entry{Name: x.Name, Type: x.Type, Shape: x.Shape, Data: raw(t, x)})
	}
	var b bytes.Buffer
	if err := gguf.Write(&b, entries, pairs); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
