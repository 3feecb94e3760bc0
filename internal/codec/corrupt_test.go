package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// everyCodec calls f with a codec of each name and level worth telling apart.
func everyCodec(t *testing.T, f func(t *testing.T, c Codec)) {
	for name, levels := range map[string][]int{"none": {0}, "huff0": {0}, "zstd": {0, 3}, "lz4": {0, 9}, "brotli": {0, 5}} {
		for _, level := range levels {
			t.Run(fmt.Sprintf("%s %d", name, level), func(t *testing.T) { f(t, mustNew(t, name, level)) })
		}
	}
}

func TestDecodeRefusesOtherLengths(t *testing.T) {
	everyCodec(t, func(t *testing.T, c Codec) {
		for _, n := range []int{0, 1, 100, 5000, 140_000} {
			for what, data := range inputs(n) {
				if n > 5000 && what != "gaussian 4" && what != "phases" {
					continue
				}
				packed, _ := c.Encode(nil, data)
				for _, wrong := range []int{n - 1, n + 1, n / 2, 2*n + 3, 0} {
					if wrong < 0 || wrong == n {
						continue
					}
					if err := c.Decode(make([]byte, wrong), packed); !errors.Is(err, ErrCorrupt) {
						t.Errorf("%s, %d bytes into %d: %v", what, n, wrong, err)
					}
				}
				for _, more := range []string{"\x00", "x", "\x00\x00\x00\x00", string(packed)} {
					if more == "" {
						continue
					}
					longer := append(bytes.Clone(packed), more...)
					if err := c.Decode(make([]byte, n), longer); !errors.Is(err, ErrCorrupt) {
						t.Errorf("%s, %d bytes: trailing %d bytes: %v", what, n, len(more), err)
					}
				}
				if n == 5000 && (what == "gaussian 4" || what == "incompressible") {
					longer := append(bytes.Clone(packed), make([]byte, 100_000)...)
					if err := c.Decode(make([]byte, n), longer); !errors.Is(err, ErrCorrupt) {
						t.Errorf("%s, %d bytes: long trail: %v", what, n, err)
					}
				}
			}
		}
	})
}

func TestDecodeRefusesTruncation(t *testing.T) {
	everyCodec(t, func(t *testing.T, c Codec) {
		for what, data := range inputs(500) {
			packed, _ := c.Encode(nil, data)
			for n := range packed {
				if err := c.Decode(make([]byte, len(data)), packed[:n]); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("%s: %d of %d bytes: %v", what, n, len(packed), err)
				}
			}
		}
	})
}

// Damage need not be noticed (the file's hashes are for that), but must be
// survived: an error that says so, or some data, and nothing outside dst.
func TestDecodeSurvivesDamage(t *testing.T) {
	everyCodec(t, func(t *testing.T, c Codec) {
		r := rand.New(rand.NewPCG(5, 5))
		for _, n := range []int{40, 700, 6000} {
			for what, data := range inputs(n) {
				packed, _ := c.Encode(nil, data)
				for range 30 {
					damaged := bytes.Clone(packed)
					for range 1 + r.IntN(3) {
						damaged[r.IntN(min(len(damaged), 1+r.IntN(len(damaged))))] ^= 1 << r.IntN(8)
					}
					guarded := bytes.Repeat([]byte{0x5a}, n+64)
					err := c.Decode(guarded[32:32+n], damaged)
					if err != nil && !errors.Is(err, ErrCorrupt) {
						t.Fatalf("%s, %d bytes: %v", what, n, err)
					}
					if g := bytes.Repeat([]byte{0x5a}, 32); !bytes.Equal(guarded[:32], g) || !bytes.Equal(guarded[32+n:], g) {
						t.Fatalf("%s, %d bytes: wrote outside dst", what, n)
					}
				}
			}
		}
	})
}

// What level 0 writes, the fast readers read by themselves.
func TestFastReadersReadTheirOwn(t *testing.T) {
	for _, n := range []int{0, 1, 5, 64, 1000, 30_000, 200_000} {
		for what, data := range inputs(n) {
			got := make([]byte, n)
			packed, _ := mustNew(t, "brotli", 0).Encode(nil, data)
			if !new(literalsReader).decode(got, packed) || !bytes.Equal(got, data) {
				t.Errorf("brotli, %s, %d bytes", what, n)
			}
			clear(got)
			packed, _ = mustNew(t, "zstd", 0).Encode(nil, data)
			frame, err := parseZstdFrame(packed)
			if err == nil {
				err = frame.decodeLiterals(new(literalsDecoder), got)
			}
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("zstd, %s, %d bytes: %v", what, n, err)
			}
		}
	}
}

// A section may use the table of the one before, but not of another block's.
func TestTablesDoNotOutliveABlock(t *testing.T) {
	data := bytes.Repeat(gaussian(maxChunk, 4, 1), 2)
	packed, _ := mustNew(t, "huff0", 0).Encode(nil, data)
	d, got := new(literalsDecoder), make([]byte, maxChunk)
	_, second, err := d.decode(got, packed)
	if err != nil || sectionKind(second[0]&3) != sectionRepeat {
		t.Fatalf("the second section has a table of its own (%v)", err)
	}
	if _, _, err := d.decode(got, second); err != nil || !bytes.Equal(got, data[maxChunk:]) {
		t.Fatalf("wrong data (%v)", err)
	}
	d.reset()
	if _, _, err := d.decode(got, second); err == nil {
		t.Error("decoded with a table from before")
	}
}

// We may be stricter than a format's library, never laxer: a stream that
// differs from a sound one in a bit must not be read here if it is not there.
func TestDecodeIsAsStrictAsTheLibraries(t *testing.T) {
	for _, name := range []string{"zstd", "lz4", "brotli"} {
		c := mustNew(t, name, 0)
		for what, data := range inputs(60) {
			packed, _ := c.Encode(nil, data)
			for i := range 8 * len(packed) {
				packed[i/8] ^= 1 << (i % 8)
				got := make([]byte, len(data))
				if c.Decode(got, packed) == nil {
					want, err := reference(name, packed)
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s, %s: bit %d flipped: the reference decoder disagrees (%v)", name, what, i, err)
					}
				}
				packed[i/8] ^= 1 << (i % 8)
			}
		}
	}
}

// Brotli wants the shortest form of a length. The library reads its input in
// pieces of 32 KiB, and what follows may begin with the next.
func TestBrotliStrictness(t *testing.T) {
	c := mustNew(t, "brotli", 0)
	var w bitWriter
	appendBrotliWindow(&w)
	w.add(0, 1) // ISLAST
	w.add(1, 2) // five nibbles
	w.add(3-1, 20)
	w.add(1, 1) // ISUNCOMPRESSED
	w.align()
	w.out = append(w.out, "abc"...)
	if err := c.Decode(make([]byte, 3), finishBrotli(&w)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("length with a leading zero: %v", err)
	}

	packed, _ := c.Encode(nil, uniform(32<<10-4, 256, 1))
	if len(packed) != 32<<10 {
		t.Fatalf("%d bytes", len(packed))
	}
	if err := c.Decode(make([]byte, 32<<10-4), append(packed, 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte after 32 KiB: %v", err)
	}
}

// bombs are streams that claim far more than they may.
func bombs(t testing.TB) map[string][][]byte {
	huge := make([]byte, 64<<20)
	m := map[string][][]byte{}
	for _, name := range []string{"huff0", "zstd", "lz4", "brotli"} {
		packed, err := mustNew(t, name, 0).Encode(nil, huge)
		if err != nil {
			t.Fatal(err)
		}
		m[name] = append(m[name], packed)
	}
	// Zstandard: 2^62 bytes claimed; a window of gigabytes.
	claim := binary.LittleEndian.AppendUint32(nil, zstdMagic)
	claim = append(claim, 3<<6|1<<5)
	claim = binary.LittleEndian.AppendUint64(claim, 1<<62)
	claim = append(appendZstdBlockHeader(claim, zstdRLE, maxChunk, true), 0)
	window := binary.LittleEndian.AppendUint32(nil, zstdMagic)
	window = append(window, 1<<2, 22<<3) // checksum, so that it goes to the library; 4 GiB window
	for i := range 500 {
		window = append(appendZstdBlockHeader(window, zstdRLE, maxChunk, i == 499), 1)
	}
	m["zstd"] = append(m["zstd"], claim, append(window, 0, 0, 0, 0))
	return m
}

func TestBombsAreBounded(t *testing.T) {
	for name, streams := range bombs(t) {
		c := mustNew(t, name, 0)
		for i, packed := range streams {
			dst := make([]byte, 1000)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := c.Decode(dst, packed)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, bomb %d: %v", name, i, err)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
				t.Errorf("%s, bomb %d: allocated %d bytes", name, i, got)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	codecs := make([]Codec, 0, 5)
	for i, name := range Names() {
		codecs = append(codecs, mustNew(f, name, 0))
		for _, n := range []int{0, 10, 300} {
			for _, data := range inputs(n) {
				packed, err := codecs[i].Encode(nil, data)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(uint8(i), uint16(n), packed)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, n uint16, packed []byte) {
		c := codecs[int(which)%len(codecs)]
		dst := make([]byte, n)
		err := c.Decode(dst, packed)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		// Where we see a sound stream, so does the format's own decoder.
		want, err := reference(c.Name(), packed)
		if !errors.Is(err, errors.ErrUnsupported) && (err != nil || !bytes.Equal(want, dst)) {
			t.Fatalf("%s: the reference decoder disagrees (%v)", c.Name(), err)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	for _, n := range []int{0, 1, 30, 2000} {
		for _, data := range inputs(n) {
			f.Add(data)
		}
	}
	codecs := make([]Codec, 0, 5)
	for _, name := range Names() {
		codecs = append(codecs, mustNew(f, name, 0))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range codecs {
			checkRoundTrip(t, c, "fuzz", data)
		}
	})
}
