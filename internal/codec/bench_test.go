package codec

import (
	"bytes"
	"testing"
)

func benchmarkCodecs(b *testing.B, run func(b *testing.B, c Codec, data []byte)) {
	const size = 256 << 10
	for _, in := range []struct {
		name string
		data []byte
	}{
		{"bits=4", gaussian(size, 4, 1)},
		{"bits=6", gaussian(size, 6, 1)},
		{"bits=8", uniform(size, 256, 1)},
	} {
		for _, name := range Names() {
			b.Run(in.name+"/"+name, func(b *testing.B) {
				c, err := New(name, 0)
				if err != nil {
					b.Fatal(err)
				}
				packed, err := c.Encode(nil, in.data)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(size)
				b.ReportAllocs()
				run(b, c, in.data)
				b.ReportMetric(float64(len(packed))*8/size, "bits/weight")
				b.ReportMetric(entropy(in.data), "entropy")
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	benchmarkCodecs(b, func(b *testing.B, c Codec, data []byte) {
		var out []byte
		for b.Loop() {
			out, _ = c.Encode(out[:0], data)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	benchmarkCodecs(b, func(b *testing.B, c Codec, data []byte) {
		packed, _ := c.Encode(nil, data)
		out := make([]byte, len(data))
		for b.Loop() {
			if err := c.Decode(out, packed); err != nil {
				b.Fatal(err)
			}
		}
		if !bytes.Equal(out, data) {
			b.Fatal("wrong data")
		}
	})
}
