package helix_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	helix "github.com/helix-substrate/helix-substrate"
	source "github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/compare"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/export"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/overwrite"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/storage"
)

// elsewhere is a place that hides that it is a directory.
type elsewhere struct{ storage.Place }

// TestOpenAt: a model in any place answers as the one at its path, and is the same by its
// fingerprint.
func TestOpenAt(t *testing.T) {
	original := t.TempDir()
	if err := demo.Extract(original); err != nil {
		t.Fatal(err)
	}
	converted := filepath.Join(t.TempDir(), "converted")
	if _, err := convert.Directory(t.Context(), convert.Job{Source: original, Output: converted, Options: convert.Options{Method: convert.Entropy}}); err != nil {
		t.Fatal(err)
	}
	o := helix.ModelOptions{Context: 64}
	for _, dir := range []string{original, converted} {
		at, err := source.At(t.Context(), elsewhere{storage.Dir(dir)}, "there")
		if err != nil {
			t.Fatal(err)
		}
		m, err := helix.OpenAt(t.Context(), at, o)
		if err != nil {
			t.Fatal(err)
		}
		here := open(t, dir, o)
		how := helix.GenerateOptions{MaxTokens: 8}
		if got, want := must(t, m.Generate(t.Context(), "Once", how)), must(t, here.Generate(t.Context(), "Once", how)); got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		want, err := record.Fingerprint(t.Context(), dir, "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := record.FingerprintAt(t.Context(), at, ""); err != nil || !reflect.DeepEqual(got.Claim, want.Claim) {
			t.Errorf("%s: %+v, %v; want %+v", dir, got, err, want.Claim)
		}
	}
}

// TestElsewhere: conversion, comparison and export of what lies in a place are those of what
// lies on disk, byte by byte.
func TestElsewhere(t *testing.T) {
	original, out := t.TempDir(), t.TempDir()
	if err := demo.Extract(original); err != nil {
		t.Fatal(err)
	}
	there := elsewhere{storage.Dir(original)}
	name := func(s string) string { return filepath.Join(out, s) }
	job := convert.Job{Source: "there", Place: there, Output: name("there"), ModelID: "demo", Options: convert.Options{Method: convert.Entropy}}
	a, err := convert.Directory(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	b, err := convert.Directory(t.Context(), convert.Job{Source: original, Output: name("here"), ModelID: "demo", Options: convert.Options{Method: convert.Entropy}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Root != b.Root {
		t.Errorf("roots %s and %s", a.Root, b.Root)
	}
	checks, err := convert.Rebuild(t.Context(), name("here"), job)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.Err != nil {
			t.Error(c.Err)
		}
	}
	job.Output, job.Remote = name("remote"), true
	if _, err := convert.Directory(t.Context(), job); !errors.Is(err, convert.ErrOption) {
		t.Errorf("remote: %v", err)
	}
	// A place that is a directory is protected as one.
	within := convert.Job{Source: "there", Place: storage.Dir(original), Output: filepath.Join(original, "out")}
	if _, err := convert.Directory(t.Context(), within); !errors.Is(err, overwrite.ErrOutput) {
		t.Errorf("output in the place: %v", err)
	}
	at, err := source.At(t.Context(), there, "there")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := export.Place(t.Context(), at, name("there.gguf"), export.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := export.File(t.Context(), original, name("here.gguf"), export.Options{}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(original, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	at.Place = storage.Dir(original)
	if _, err := export.Place(t.Context(), at, filepath.Join(original, "again.safetensors"), export.Options{}); !errors.Is(err, overwrite.ErrOutput) {
		t.Errorf("an export into its place: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(original, "config.json")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the place's config.json was replaced (%v)", err)
	}
	first, err := os.ReadFile(name("there.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(name("here.gguf")); err != nil || !bytes.Equal(first, second) {
		t.Errorf("exports differ (%v)", err)
	}
	opened, err := at.Open(t.Context(), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if r, err := compare.Checkpoints(t.Context(), opened, opened, nil); err != nil || !r.Identical || r.A != "there" {
		t.Errorf("compared: %+v, %v", r, err)
	}
}

// TestRoundingElsewhere: values that float32 does not hold are told of and refused wherever an
// array lies.
func TestRoundingElsewhere(t *testing.T) {
	const header = "\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }"
	head := header + strings.Repeat(" ", 79-len(header)) + "\n"
	for _, c := range []struct {
		value float64
		right func(*convert.Report, error) bool
	}{
		{0.1, func(r *convert.Report, err error) bool { return err == nil && len(r.Notes) == 1 }},
		{0.5, func(r *convert.Report, err error) bool { return err == nil && r.Notes == nil }},
		{1e300, func(_ *convert.Report, err error) bool { return errors.Is(err, npy.ErrDType) }},
	} {
		dir := t.TempDir()
		data := binary.LittleEndian.AppendUint64([]byte(head), math.Float64bits(c.value))
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(2))
		if err := os.WriteFile(filepath.Join(dir, "w.npy"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := convert.Directory(t.Context(), convert.Job{
			Source: "there", Place: elsewhere{storage.Dir(dir)}, File: "w.npy", Output: filepath.Join(t.TempDir(), "out"),
			Options: convert.Options{Method: convert.Entropy},
		})
		if !c.right(r, err) {
			t.Errorf("%v: %+v, %v", c.value, r, err)
		}
	}
}
