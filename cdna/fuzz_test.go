package cdna

import (
	"bytes"
	"context"
	"testing"
)

// readAll opens, verifies and reads b. Whatever b is, the outcome is data or a sentinel error.
func readAll(t *testing.T, b []byte) {
	f, err := openBytes(b)
	if err != nil {
		if !isSentinel(err) {
			t.Fatalf("not a sentinel: %v", err)
		}
		return
	}
	if f.MaxBlockLen() > 1<<20 || f.Rows()*f.Cols() > 1<<24 {
		return // believable by its size, but too much work for one input
	}
	if err := f.Verify(context.Background(), 1); err != nil && !isSentinel(err) {
		t.Fatalf("not a sentinel: %v", err)
	}
	a, z := f.Rows()/3, (f.Rows()+1)/2
	if err := f.ReadRows(context.Background(), make([]byte, (z-a)*f.Cols()), a, z, nil); err != nil && !isSentinel(err) {
		t.Fatalf("not a sentinel: %v", err)
	}
}

func FuzzOpenV2(f *testing.F) {
	for _, encoding := range []string{"none", "huff0", "zstd", "lz4", "brotli"} {
		f.Add(sample(f, encoding))
	}
	f.Add(newForgery().bytes())
	f.Add([]byte(magicV2))
	f.Fuzz(readAll)
}

func FuzzOpenV1(f *testing.F) {
	f.Add(sampleV1(f))
	f.Add([]byte(magicV1))
	f.Fuzz(readAll)
}

func FuzzSidecar(f *testing.F) {
	f.Add(sidecarBytes(f, sampleSidecar()))
	f.Add([]byte(magicSidecar))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readSidecar(b)
		if err != nil {
			if !isSentinel(err) {
				t.Fatalf("not a sentinel: %v", err)
			}
			return
		}
		s.Apply(make([]float32, min(1000, s.Header.Rows*s.Header.Cols)), 0)
		if s.Stray() > 0 {
			return
		}
		var again bytes.Buffer
		if err := s.Write(&again); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
		if got, err := readSidecar(again.Bytes()); err != nil || len(got.Positions) != len(s.Positions) {
			t.Fatalf("%v", err)
		}
	})
}
