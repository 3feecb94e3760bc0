package cdna

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

func TestReadRejectsWrongBuffers(t *testing.T) {
	f := mustOpen(t, sample(t, "zstd")) // [7, 40] in 3 blocks
	buf := make([]byte, 1000)
	b := f.Block(1)
	comp := buf[:b.CompLen]
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"block -1":       {f.ReadCompressed(context.Background(), comp, -1), ErrBlockIndex},
		"block 3":        {f.CheckBlock(3, buf[:120]), ErrBlockIndex},
		"compressed":     {f.ReadCompressed(context.Background(), buf[:b.CompLen-1], 1), ErrBlockSize},
		"decompress src": {f.Decompress(buf[:120], comp[1:], 1), ErrBlockSize},
		"decompress dst": {f.Decompress(buf[:119], comp, 1), ErrBlockSize},
		"check":          {f.CheckBlock(1, buf[:121]), ErrBlockSize},
		"rows backwards": {f.ReadRows(context.Background(), nil, 3, 2, nil), ErrShape},
		"rows -1":        {f.ReadRows(context.Background(), buf[:80], -1, 1, nil), ErrShape},
		"rows beyond":    {f.ReadRows(context.Background(), buf[:80], 6, 8, nil), ErrShape},
		"rows buffer":    {f.ReadRows(context.Background(), buf[:79], 1, 3, nil), ErrShape},
		"no rows":        {f.ReadRows(context.Background(), nil, 7, 7, nil), nil},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	for _, i := range []int{-1, 3} {
		if _, err := f.ReadBlock(context.Background(), buf[:120], i, nil); !errors.Is(err, ErrBlockIndex) {
			t.Errorf("ReadBlock %d: %v", i, err)
		}
	}
	if _, err := f.ReadBlock(context.Background(), buf[:119], 0, nil); !errors.Is(err, ErrBlockSize) {
		t.Errorf("ReadBlock: %v", err)
	}
}

// The first bad block is named whatever the number of threads.
func TestVerifyNamesTheFirstBadBlock(t *testing.T) {
	indices := bell(64 * 50)
	b := writeV2(t, WriterOptions{Rows: 64, Cols: 50, BlockRows: 1, Codec: "none"}, indices, nil)
	for _, i := range []int{60, 41, 17} {
		b[len(b)-64*50+i*50] ^= 1
	}
	f := mustOpen(t, b)
	for threads := range 9 {
		if err := f.Verify(context.Background(), threads); !errors.Is(err, ErrChecksum) || !strings.Contains(err.Error(), "block 17 ") {
			t.Fatalf("%d threads: %v", threads, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Verify(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Many goroutines read rows of one file through one verifier; run it with -race.
func TestConcurrentReadRows(t *testing.T) {
	indices := bell(90 * 33)
	for _, encoding := range []string{"none", "zstd", "brotli"} {
		f := mustOpen(t, writeV2(t, WriterOptions{Rows: 90, Cols: 33, BlockRows: 4, Codec: encoding}, indices, nil))
		v := NewVerifier(TrustCached, f.NumBlocks(), 0)
		var group sync.WaitGroup
		for g := range 8 {
			group.Go(func() {
				r := rand.New(rand.NewPCG(uint64(g), 0))
				for range 40 {
					a := r.IntN(91)
					b := a + r.IntN(91-a)
					got := make([]byte, (b-a)*33)
					if err := f.ReadRows(context.Background(), got, a, b, v); err != nil {
						t.Error(err)
					} else if !bytes.Equal(got, indices[a*33:b*33]) {
						t.Errorf("rows %d to %d differ", a, b)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestReadBlockVerifies(t *testing.T) {
	f := mustOpen(t, sample(t, "zstd"))
	buf := make([]byte, f.MaxBlockLen())
	read := func(i int, v *Verifier) bool {
		t.Helper()
		verified, err := f.ReadBlock(context.Background(), buf[:f.Block(i).DecompLen], i, v)
		if err != nil {
			t.Fatal(err)
		}
		return verified
	}
	always, cached := NewVerifier(Always, f.NumBlocks(), 0), NewVerifier(TrustCached, f.NumBlocks(), 0)
	if !read(1, nil) || !read(1, always) || !read(1, always) {
		t.Error("always did not verify")
	}
	if !read(1, cached) || read(1, cached) || !read(2, cached) {
		t.Error("trust-cached must verify the first time only")
	}
	// What is not verified is not noticed; that is the policy's bargain.
	bad := sample(t, "none")
	bad[len(bad)-1] ^= 1
	f = mustOpen(t, bad)
	last := f.NumBlocks() - 1
	cached = NewVerifier(TrustCached, f.NumBlocks(), 0)
	for range 2 { // a failed check does not count as done
		if _, err := f.ReadBlock(context.Background(), buf[:f.Block(last).DecompLen], last, cached); !errors.Is(err, ErrChecksum) {
			t.Error(err)
		}
	}
}

// TestRecognized: a block is verified once, and what is read later must be the same bytes, whether or not it would be verified.
func TestRecognized(t *testing.T) {
	for _, encoding := range []string{"none", "zstd"} {
		whole := sample(t, encoding)
		f := mustOpen(t, whole)
		v, buf := NewVerifier(Recognized, f.NumBlocks(), 0), make([]byte, f.MaxBlockLen())
		last := f.NumBlocks() - 1
		for pass := range 3 {
			for i := range last + 1 {
				if verified, err := f.ReadBlock(t.Context(), buf[:f.Block(i).DecompLen], i, v); err != nil || verified != (pass == 0) {
					t.Fatalf("%s, pass %d, block %d: %v, %v", encoding, pass, i, verified, err)
				}
			}
		}
		b := f.Block(last)
		for _, at := range []int64{b.Offset, b.Offset + int64(b.CompLen) - 1} {
			whole[at] ^= 1 // below the open file
			if _, err := f.ReadBlock(t.Context(), buf[:b.DecompLen], last, v); !errors.Is(err, ErrChecksum) && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: byte %d changed: %v", encoding, at, err)
			}
			whole[at] ^= 1
			if verified, err := f.ReadBlock(t.Context(), buf[:b.DecompLen], last, v); err != nil || verified {
				t.Errorf("%s: %v, %v of the right bytes again", encoding, verified, err)
			}
		}
		// A block of another one's right bytes is not recognized as it.
		if !v.Need(0, whole[b.Offset:][:b.CompLen]) {
			t.Error("another block's bytes are recognized")
		}
	}
}

func TestReadBlockDoesNotAllocate(t *testing.T) {
	for _, encoding := range []string{"none", "zstd", "huff0"} {
		f := mustOpen(t, writeV2(t, WriterOptions{Rows: 64, Cols: 500, Codec: encoding}, bell(32000), nil))
		dst := make([]byte, f.MaxBlockLen())
		for _, v := range []*Verifier{nil, NewVerifier(Recognized, f.NumBlocks(), 0)} {
			n := testing.AllocsPerRun(100, func() {
				if _, err := f.ReadBlock(context.Background(), dst, 0, v); err != nil {
					t.Fatal(err)
				}
			})
			if n >= 1 && !raceEnabled {
				t.Errorf("%s: %v allocations a block", encoding, n)
			}
		}
	}
}
