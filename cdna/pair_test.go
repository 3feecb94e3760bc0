package cdna

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var samplePairOptions = WriterOptions{TensorName: "w", Rows: 300, Cols: 300, Sidecar: true}

// writePair writes a matrix that names its sidecar by its sum, or none if sum is nil.
func writePair(t *testing.T, o WriterOptions, sum *[32]byte) ([]byte, error) {
	t.Helper()
	var m memory
	w, err := NewWriter(&m, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bell(o.Rows * o.Cols)); err != nil {
		t.Fatal(err)
	}
	if sum != nil {
		w.SetSidecar(*sum)
	}
	_, err = w.Finish(nil)
	return m.b, err
}

func TestSidecarSum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.hxzo")
	s := sampleSidecar()
	size, sum, err := CreateSidecar(path, s)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || int64(len(raw)) != size || sha256.Sum256(raw) != sum || s.SHA256 != sum {
		t.Errorf("%d bytes, %x, %x: not those of the file (%v)", size, sum, s.SHA256, err)
	}
	if read, err := OpenSidecar(path); err != nil || read.SHA256 != sum {
		t.Errorf("OpenSidecar: %v", err)
	}
	if read, err := readSidecar(raw); err != nil || read.SHA256 != sum {
		t.Errorf("ReadSidecar: %v", err)
	}
}

func TestSetSidecar(t *testing.T) {
	sum := sha256.Sum256([]byte("sidecar"))
	b, err := writePair(t, samplePairOptions, &sum)
	if err != nil {
		t.Fatal(err)
	}
	f := mustOpen(t, b)
	if h := f.Header(); h.SidecarSHA256 != hex.EncodeToString(sum[:]) || len(h.Extra) != 0 {
		t.Errorf("%+v", h)
	}
	if p := plainV2(t, b); p.header["sidecar_sha256"] != hex.EncodeToString(sum[:]) {
		t.Errorf("%v", p.header)
	}

	// Room that is not used leaves no key.
	b, err = writePair(t, samplePairOptions, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h := mustOpen(t, b).Header(); h.SidecarSHA256 != "" || strings.Contains(string(b), "sidecar_sha256") {
		t.Errorf("%+v", h)
	}

	// Without room, and by the back door.
	o := samplePairOptions
	o.Sidecar = false
	if _, err := writePair(t, o, &sum); !errors.Is(err, ErrHeader) {
		t.Errorf("no room: %v", err)
	}
	o.Extra = map[string]any{"sidecar_sha256": "x"}
	if _, err := NewWriter(&memory{}, o); !errors.Is(err, ErrHeader) {
		t.Errorf("as an extra key: %v", err)
	}

	// All of the room for fidelity_stats stays.
	stats := &FidelityStats{}
	stats.SetNumber(strings.Repeat("x", fidelityRoom-len(`,"fidelity_stats":{"":1.5}`)), 1.5)
	w, err := NewWriter(&memory{}, WriterOptions{Rows: 1, Cols: 1, Sidecar: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	w.SetSidecar(sum)
	if _, err := w.Finish(stats); err != nil {
		t.Error(err)
	}
}

func TestForgedSidecarSum(t *testing.T) {
	good := strings.Repeat("0123456789abcdef", 4)
	for value, want := range map[string]error{
		`"` + good + `"`:                    nil,
		`null`:                              nil,
		`7`:                                 ErrHeader,
		`""`:                                ErrHeader,
		`"` + good[1:] + `"`:                ErrHeader,
		`"` + strings.ToUpper(good) + `"`:   ErrHeader,
		`"` + strings.Repeat("x", 64) + `"`: ErrHeader,
	} {
		p := newForgery()
		p.swap(`"dtype"`, `"sidecar_sha256":`+value+`,"dtype"`)
		if err := verifyBytes(p.bytes()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", value, err, want)
		}
	}
}

func TestUpgradeKeepsTheSidecar(t *testing.T) {
	sum := sha256.Sum256([]byte("sidecar"))
	b, err := writePair(t, samplePairOptions, &sum)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "again.cdna2.hxz")
	if _, err := Upgrade(context.Background(), path, mustOpen(t, b), WriterOptions{Codec: "lz4"}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := f.Header().SidecarSHA256; got != hex.EncodeToString(sum[:]) {
		t.Errorf("got %q", got)
	}
}

func TestCheckSidecar(t *testing.T) {
	read := func(change func(*Sidecar)) *Sidecar {
		s := sampleSidecar()
		change(s)
		got, err := readSidecar(sidecarBytes(t, s))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	right := read(func(*Sidecar) {})
	renamed := read(func(s *Sidecar) { s.Header.TensorName = "v" })
	named := samplePairOptions
	unnamed := samplePairOptions
	unnamed.TensorName = ""
	stray := read(func(*Sidecar) {})
	stray.Positions[3] = 90000

	for name, c := range map[string]struct {
		o   WriterOptions
		sum *[32]byte // of the header, nil: absent
		s   *Sidecar
		ok  bool
	}{
		"by sum":                {named, &right.SHA256, right, true},
		"by sum, other name":    {named, &renamed.SHA256, renamed, true},
		"other sum":             {named, &renamed.SHA256, right, false},
		"never read":            {named, &right.SHA256, sampleSidecar(), false},
		"by name":               {named, nil, right, true},
		"other name":            {named, nil, renamed, false},
		"matrix without a name": {unnamed, nil, right, true},
		"sidecar without one":   {named, nil, read(func(s *Sidecar) { s.Header.TensorName = "" }), true},
		"other rows":            {named, nil, read(func(s *Sidecar) { s.Header.Rows = 301 }), false},
		"other cols":            {named, nil, read(func(s *Sidecar) { s.Header.Cols = 301 }), false},
		"transposed":            {WriterOptions{TensorName: "w", Rows: 450, Cols: 200, Sidecar: true}, &right.SHA256, right, false},
		"stray position":        {named, nil, stray, false},
	} {
		b, err := writePair(t, c.o, c.sum)
		if err != nil {
			t.Fatal(err)
		}
		err = mustOpen(t, b).CheckSidecar(c.s)
		if c.ok && err != nil || !c.ok && (!errors.Is(err, ErrSidecar) || !strings.HasPrefix(err.Error(), "test.cdna2.hxz: ")) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// A v1 file has neither name nor sum.
	var v1 bytes.Buffer
	if err := WriteV1(&v1, 300, 300, nil, bell(300*300)); err != nil {
		t.Fatal(err)
	}
	f := mustOpen(t, v1.Bytes())
	if err := f.CheckSidecar(right); err != nil {
		t.Errorf("v1: %v", err)
	}
	if err := f.CheckSidecar(stray); !errors.Is(err, ErrSidecar) {
		t.Errorf("v1, stray position: %v", err)
	}
}
