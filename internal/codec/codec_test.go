package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"pgregory.net/rapid"
)

// gaussian returns n indices of a normal distribution on an even grid whose
// step makes the entropy about bits.
func gaussian(n int, bits float64, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	sigma := math.Exp2(bits) / math.Sqrt(2*math.Pi*math.E)
	out := make([]byte, n)
	for i := range out {
		out[i] = uint8(max(0, min(255, math.Round(128+sigma*r.NormFloat64()))))
	}
	return out
}

// entropy is the order-0 entropy of data in bits a byte.
func entropy(data []byte) float64 {
	var counts [256]int
	for _, b := range data {
		counts[b]++
	}
	h := 0.0
	for _, c := range counts {
		if c != 0 {
			p := float64(c) / float64(len(data))
			h -= p * math.Log2(p)
		}
	}
	return h
}

// uniform returns n indices spread evenly over the given number of symbols.
func uniform(n, symbols int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(255 - r.IntN(symbols))
	}
	return out
}

// skewed returns n indices, each half as likely as the one before it, with now
// and then any other: codes as long as the limits allow.
func skewed(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	out := make([]byte, n)
	for i := range out {
		if out[i] = byte(math.Log2(1 / (1 - r.Float64()))); r.IntN(200) == 0 {
			out[i] = byte(r.Uint32())
		}
	}
	return out
}

// kinds are the kinds of data that the tests pack.
var kinds = []struct {
	name string
	make func(n int) []byte
}{
	{"gaussian 4", func(n int) []byte { return gaussian(n, 4, uint64(n)) }},
	{"gaussian 6", func(n int) []byte { return gaussian(n, 6, uint64(n)) }},
	{"skewed", func(n int) []byte { return skewed(n, uint64(n)) }},
	{"constant 0", func(n int) []byte { return make([]byte, n) }},
	{"constant 255", func(n int) []byte { return bytes.Repeat([]byte{255}, n) }},
	{"two symbols", func(n int) []byte { return uniform(n, 2, uint64(n)) }},
	{"three symbols", func(n int) []byte { return uniform(n, 3, uint64(n)) }},
	{"four symbols", func(n int) []byte { return uniform(n, 4, uint64(n)) }},
	{"five symbols", func(n int) []byte { return uniform(n, 5, uint64(n)) }},
	{"130 symbols", func(n int) []byte { return uniform(n, 130, uint64(n)) }},
	{"230 symbols", func(n int) []byte { return uniform(n, 230, uint64(n)) }},
	{"incompressible", func(n int) []byte { return uniform(n, 256, uint64(n)) }},
	{"one rare", func(n int) []byte {
		return append(make([]byte, max(0, n-1)), bytes.Repeat([]byte{200}, min(n, 1))...)
	}},
	{"phases", func(n int) []byte {
		out := append(gaussian(n/3, 3, 9), uniform(n/3, 256, 9)...)
		return append(out, bytes.Repeat([]byte{7}, n-len(out))...)
	}},
}

// inputs is one of each kind, of length n.
func inputs(n int) map[string][]byte {
	m := make(map[string][]byte, len(kinds))
	for _, k := range kinds {
		m[k.name] = k.make(n)
	}
	return m
}

func mustNew(t testing.TB, name string, level int) Codec {
	t.Helper()
	c, err := New(name, level)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	zstdReference = func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			panic(err)
		}
		return d
	}()
	brotliReference = brotli.NewReader(nil)
	lz4Reference    = lz4.NewReader(nil)
)

// reference unpacks with the format's library, knowing nothing of the length.
func reference(name string, packed []byte) ([]byte, error) {
	switch name {
	case "zstd":
		return zstdReference.DecodeAll(packed, nil)
	case "brotli":
		if err := brotliReference.Reset(bytes.NewReader(packed)); err != nil {
			return nil, err
		}
		return io.ReadAll(brotliReference)
	case "lz4":
		lz4Reference.Reset(bytes.NewReader(packed))
		return io.ReadAll(lz4Reference)
	default: // ours alone
		return nil, errors.ErrUnsupported
	}
}

func checkRoundTrip(t *testing.T, c Codec, what string, data []byte) {
	t.Helper()
	prefix := []byte("before")
	packed, err := c.Encode(prefix, data)
	if err != nil {
		t.Fatalf("%s, %s, %d bytes: %v", c.Name(), what, len(data), err)
	}
	if !bytes.HasPrefix(packed, prefix) {
		t.Fatalf("%s, %s, %d bytes: Encode does not append", c.Name(), what, len(data))
	}
	packed = packed[len(prefix):]
	got := bytes.Repeat([]byte{0xaa}, len(data))
	if err := c.Decode(got, packed); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%s, %s, %d bytes: wrong data (%v)", c.Name(), what, len(data), err)
	}
	got, err = reference(c.Name(), packed)
	if err != errors.ErrUnsupported && (err != nil || !bytes.Equal(got, data)) {
		t.Fatalf("%s, %s, %d bytes: reference decoder: wrong data (%v)", c.Name(), what, len(data), err)
	}
	const framing = 64 // stored, a block may grow by its headers alone
	if limit := len(data) + len(data)/10000 + framing; len(packed) > limit {
		t.Fatalf("%s, %s, %d bytes: grew to %d", c.Name(), what, len(data), len(packed))
	}
}

func TestRoundTripEverySmallLength(t *testing.T) {
	for _, name := range Names() {
		c := mustNew(t, name, 0)
		for n := range 2001 {
			for i, k := range kinds {
				if n < 70 || n%len(kinds) == i || n >= oneStream-2 && n <= oneStream+2 {
					checkRoundTrip(t, c, k.name, k.make(n))
				}
			}
		}
	}
}

func TestRoundTripLarge(t *testing.T) {
	for _, n := range []int{16383, 16384, 65535 + 256, 65536 + 256, 131071, 131072, 131073, 131080, 300000} {
		for what, data := range inputs(n) {
			for _, name := range Names() {
				checkRoundTrip(t, mustNew(t, name, 0), what, data)
			}
		}
	}
}

// A Brotli metablock holds 16 MiB, an LZ4 block 4 MiB.
func TestRoundTripBeyondFormatBlocks(t *testing.T) {
	if testing.Short() {
		t.Skip("needs 17 MiB blocks")
	}
	data := bytes.Repeat(gaussian(1<<17, 2, 1), 17<<3)
	for _, name := range []string{"brotli", "lz4"} {
		checkRoundTrip(t, mustNew(t, name, 0), "17 MiB", data[:len(data)-5])
	}
	stored := bytes.Repeat(uniform(1<<17, 256, 1), 17<<3)
	checkRoundTrip(t, mustNew(t, "brotli", 0), "17 MiB stored", stored)
}

func TestRoundTripLevels(t *testing.T) {
	for _, level := range []struct {
		name   string
		levels []int
	}{
		{"zstd", []int{1, 3, 9, 22}},
		{"lz4", []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"brotli", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
	} {
		for _, l := range level.levels {
			c := mustNew(t, level.name, l)
			for _, n := range []int{0, 1, 50, 3000} {
				for what, data := range inputs(n) {
					checkRoundTrip(t, c, fmt.Sprintf("%s, level %d", what, l), data)
				}
			}
		}
	}
}

func TestRoundTripProperty(t *testing.T) {
	codecs := make([]Codec, 0, 5)
	for _, name := range Names() {
		codecs = append(codecs, mustNew(t, name, 0))
	}
	rapid.Check(t, func(rt *rapid.T) {
		// A histogram first, then data drawn from it.
		symbols := rapid.SliceOfN(rapid.Byte(), 1, 256).Draw(rt, "symbols")
		decay := rapid.Float64Range(0.3, 1).Draw(rt, "decay")
		n := rapid.IntRange(0, 5000).Draw(rt, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 4))
		data := make([]byte, n)
		for i := range data {
			s := 0
			for s < len(symbols)-1 && r.Float64() < decay {
				s++
			}
			data[i] = symbols[s]
		}
		for _, c := range codecs {
			checkRoundTrip(t, c, "property", data)
		}
	})
}

// Level 0 spends what a Huffman code must and little more: the 11-bit limit of
// Zstandard costs up to 0.6 %, Brotli's 15 bits next to nothing.
func TestRate(t *testing.T) {
	for _, bits := range []float64{2, 3, 4, 5, 6, 7, 7.6} {
		data := gaussian(256<<10, bits, 1)
		var counts [256]uint32
		histogram(&counts, data)
		huffman := float64(huffmanBits(&counts)) / float64(len(data))
		for name, over := range map[string]float64{"huff0": 0.006, "zstd": 0.006, "brotli": 0.001} {
			packed, err := mustNew(t, name, 0).Encode(nil, data)
			if err != nil {
				t.Fatal(err)
			}
			got := float64(len(packed)) * 8 / float64(len(data))
			t.Logf("%-6s %.4f bits, Huffman %.4f, entropy %.4f", name, got, huffman, entropy(data))
			if got > huffman*(1+over) {
				t.Errorf("%s: %.4f bits where a Huffman code takes %.4f", name, got, huffman)
			}
		}
	}
}

// Constant blocks pack to little, but no packed byte stands for more than
// MaxRatio: a reader may hold a file to that.
func TestMaxRatio(t *testing.T) {
	const n = 300 << 10
	for what, data := range map[string][]byte{
		"constant":        bytes.Repeat([]byte{42}, n),
		"one rare":        append(make([]byte, n-1), 1),
		"repeated":        bytes.Repeat(gaussian(1<<10, 4, 1), n>>10),
		"constant, small": bytes.Repeat([]byte{42}, 4097),
	} {
		for name, levels := range map[string][]int{"none": {0}, "huff0": {0}, "zstd": {0, 1, 3, 22}, "lz4": {0, 9}, "brotli": {0, 1, 5, 11}} {
			for _, level := range levels {
				c := mustNew(t, name, level)
				packed, err := c.Encode(nil, data)
				if err != nil || len(packed)*MaxRatio < len(data) {
					t.Errorf("%s %d, %s: %d bytes for %d (%v)", name, level, what, len(packed), len(data), err)
				}
				checkRoundTrip(t, c, what, data)
				if limit := 1600; what == "constant" && (name == "huff0" || name == "zstd" || name == "brotli") && len(packed) > limit {
					t.Errorf("%s %d, %s: %d bytes, want at most %d", name, level, what, len(packed), limit)
				}
			}
		}
	}
}

// A block that packs by less than 2 % is stored: its bytes are there to see.
func TestMinimumGain(t *testing.T) {
	barely := uniform(100_000, 253, 1) // log2(253)/8 = 0.998
	well := uniform(100_000, 210, 1)   // log2(210)/8 = 0.964
	for _, name := range Names() {
		c := mustNew(t, name, 0)
		packed, err := c.Encode(nil, barely)
		if err != nil || !bytes.Contains(packed, barely[:60_000]) {
			t.Errorf("%s: a gain below 2 %% was taken (%v)", name, err)
		}
		packed, err = c.Encode(nil, well)
		packs := name == "huff0" || name == "zstd" || name == "brotli"
		if err != nil || bytes.Contains(packed, well[:60_000]) == packs {
			t.Errorf("%s: a gain of 3.6 %%: stored is %v (%v)", name, packs, err)
		}
	}
	for _, tt := range []struct {
		packed, plain int
		want          bool
	}{{0, 0, true}, {0, 1, true}, {1, 1, false}, {49, 50, true}, {50, 51, false}, {980, 1000, true}, {981, 1000, false}} {
		if got := worthwhile(tt.packed, tt.plain); got != tt.want {
			t.Errorf("worthwhile(%d, %d) = %v", tt.packed, tt.plain, got)
		}
	}
}

// The same input gives the same bytes from a fresh codec, from one used for
// other data, and from many goroutines at once.
func TestDeterministicAndConcurrent(t *testing.T) {
	var data [][]byte
	for _, n := range []int{3, 700, 5_000} {
		for _, what := range []string{"gaussian 4", "skewed", "phases", "two symbols", "incompressible"} {
			data = append(data, inputs(n)[what])
		}
	}
	for name, levels := range map[string][]int{"none": {0}, "huff0": {0}, "zstd": {0, 3}, "lz4": {0, 9}, "brotli": {0, 5}} {
		for _, level := range levels {
			shared := mustNew(t, name, level)
			want := make([][]byte, len(data))
			for i := range data {
				want[i], _ = mustNew(t, name, level).Encode(nil, data[i])
			}
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for k := range 2 * len(data) {
						i := (k*(2*g+1) + g) % len(data)
						packed, err := shared.Encode(nil, data[i])
						if err != nil || !bytes.Equal(packed, want[i]) {
							t.Errorf("%s %d: other bytes for input %d (%v)", name, level, i, err)
						}
						got := make([]byte, len(data[i]))
						if err := shared.Decode(got, packed); err != nil || !bytes.Equal(got, data[i]) {
							t.Errorf("%s %d: wrong data for input %d (%v)", name, level, i, err)
						}
					}
				})
			}
			wg.Wait()
		}
	}
}

func TestNew(t *testing.T) {
	for _, tt := range []struct {
		name  string
		level int
		want  error
	}{
		{"none", 0, nil}, {"none", 1, ErrLevel}, {"huff0", 0, nil}, {"huff0", 1, ErrLevel},
		{"zstd", 22, nil}, {"zstd", 23, ErrLevel}, {"zstd", -1, ErrLevel},
		{"lz4", 9, nil}, {"lz4", 10, ErrLevel}, {"brotli", 11, nil}, {"brotli", 12, ErrLevel},
		{"gzip", 0, ErrUnknown}, {"", 0, ErrUnknown}, {"ZSTD", 0, ErrUnknown},
	} {
		c, err := New(tt.name, tt.level)
		if !errors.Is(err, tt.want) || (tt.want == nil && c.Name() != tt.name) {
			t.Errorf("New(%q, %d) = %v, %v, want %v", tt.name, tt.level, c, err, tt.want)
		}
	}
}
