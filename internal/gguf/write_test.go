package gguf_test

import (
	"bytes"
	"errors"
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
