package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// weights returns n normally distributed numbers as elements of width bytes:
// bfloat16, float32 or float64; width 1 is the top byte of bfloat16.
func weights(n, width int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(width)))
	var b []byte
	for range n {
		v := r.NormFloat64() * 0.02
		bits := math.Float32bits(float32(v))
		switch width {
		case 1:
			b = append(b, byte(bits>>24))
		case 2:
			b = binary.LittleEndian.AppendUint16(b, uint16(bits>>16))
		case 4:
			b = binary.LittleEndian.AppendUint32(b, bits)
		case 8:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	return b
}

func planesOf(t testing.TB, name string, width int) Codec {
	t.Helper()
	inner, err := New(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	return NewPlanes(inner, width)
}

func TestPlanesRoundTrip(t *testing.T) {
	for _, name := range Names() {
		for _, width := range []int{1, 2, 4, 8} {
			for _, n := range []int{0, 1, 2, 3, 4, 7, 8, 9, 17, 255, 256, 1000, pieceElements - 1, pieceElements, pieceElements + 1} {
				c := planesOf(t, name, width)
				src := weights(n, width)
				packed, err := c.Encode([]byte("x"), src)
				if err != nil || packed[0] != 'x' {
					t.Fatal(err)
				}
				got := make([]byte, len(src))
				if err := c.Decode(got, packed[1:]); err != nil || !bytes.Equal(got, src) {
					t.Fatalf("%s, %d elements of %d: %v", name, n, width, err)
				}
			}
		}
	}
}

// TestPlanesLayout takes a packed piece apart by hand: rotated left by one bit, the
// top byte of a bfloat16 is its exponent, the low one mantissa and sign.
func TestPlanesLayout(t *testing.T) {
	src := binary.LittleEndian.AppendUint16(nil, 0xbf81) // −1.0078125: sign 1, exponent 127, mantissa 1
	src = binary.LittleEndian.AppendUint16(src, 0x3f82)  // sign 0, mantissa 2
	packed, err := planesOf(t, "huff0", 2).Encode(nil, src)
	want := []byte{2, 0, 0, 0, 1<<1 | 1, 2 << 1, 2, 0, 0, 0, 127, 127}
	if err != nil || !bytes.Equal(packed, want) {
		t.Errorf("% x, want % x, %v", packed, want, err)
	}
}

// TestPlanesGain says what splitting is for: bfloat16 weights of a bell curve have
// 2.6 bits of exponent.
func TestPlanesGain(t *testing.T) {
	const n = 200_000
	for width, most := range map[int]float64{2: 0.68, 4: 0.85, 8: 0.94} {
		src := weights(n, width)
		packed, err := planesOf(t, "zstd", width).Encode(nil, src)
		if err != nil {
			t.Fatal(err)
		}
		if ratio := float64(len(packed)) / float64(len(src)); ratio > most {
			t.Errorf("width %d: %.3f of the source", width, ratio)
		}
	}
	widened := make([]byte, 0, 4*n) // float32 that holds bfloat16 only
	for _, two := range [][]byte{weights(n, 2)} {
		for i := 0; i < len(two); i += 2 {
			widened = append(widened, 0, 0, two[i], two[i+1])
		}
	}
	packed, err := planesOf(t, "zstd", 4).Encode(nil, widened)
	if ratio := float64(len(packed)) / float64(len(widened)); err != nil || ratio > 0.35 {
		t.Errorf("widened bfloat16: %.3f of the source, %v", ratio, err)
	}
}

// TestPlanesRatio holds the bound that readers of files rely on.
func TestPlanesRatio(t *testing.T) {
	for _, name := range Names() {
		for _, width := range []int{1, 2, 4, 8} {
			src := make([]byte, width*(pieceElements+5))
			packed, err := planesOf(t, name, width).Encode(nil, src)
			if err != nil || overpacked(len(packed), len(src)) {
				t.Errorf("%s, width %d: %d bytes of zeros in %d, %v", name, width, len(src), len(packed), err)
			}
		}
	}
}

func TestPlanesRefuse(t *testing.T) {
	c := planesOf(t, "huff0", 2)
	if _, err := c.Encode(nil, make([]byte, 3)); !errors.Is(err, ErrLength) {
		t.Error(err)
	}
	src := weights(1000, 2)
	packed, err := c.Encode(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, len(src))
	for n := range packed {
		if err := c.Decode(dst, packed[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	for _, bad := range [][]byte{append(bytes.Clone(packed), 0), {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0, 0, 0, 0, 0}} {
		if err := c.Decode(dst, bad); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	if err := c.Decode(dst[1:], packed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("odd length: %v", err)
	}
}

func TestPlanesAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "width")
		name := rapid.SampledFrom(Names()).Draw(t, "codec")
		src := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")
		src = src[:len(src)/width*width]
		inner, err := New(name, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := NewPlanes(inner, width)
		packed, err := c.Encode(nil, src)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(src))
		if err := c.Decode(got, packed); err != nil || !bytes.Equal(got, src) {
			t.Fatalf("%v", err)
		}
	})
}

func FuzzPlanes(f *testing.F) {
	for _, width := range []int{1, 2, 4} {
		packed, err := planesOf(f, "zstd", width).Encode(nil, weights(300, width))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, uint8(width), uint16(300*width))
	}
	f.Fuzz(func(t *testing.T, packed []byte, width uint8, length uint16) {
		w := []int{1, 2, 4, 8}[width%4]
		dst := make([]byte, length)
		if err := planesOf(t, "zstd", w).Decode(dst, packed); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func BenchmarkPlanesDecode(b *testing.B) {
	for _, name := range []string{"huff0", "zstd"} {
		for _, width := range []int{2, 4} {
			b.Run(fmt.Sprintf("%s/width=%d", name, width), func(b *testing.B) {
				c := planesOf(b, name, width)
				src := weights(128<<10, width)
				packed, err := c.Encode(nil, src)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					if err := c.Decode(src, packed); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(packed))/float64(len(src)), "ratio")
			})
		}
	}
}
