package codec

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// foreign packs data with a format's library in ways that we do not.
func foreign(t testing.TB, name string, data []byte) (streams map[string][]byte) {
	streams = map[string][]byte{}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	switch name {
	case "zstd":
		for what, options := range map[string][]zstd.EOption{
			"checksum":      {zstd.WithEncoderCRC(true)},
			"small window":  {zstd.WithWindowSize(1 << 10), zstd.WithEncoderCRC(false)},
			"best":          {zstd.WithEncoderLevel(zstd.SpeedBestCompression)},
			"no entropy":    {zstd.WithNoEntropyCompression(true), zstd.WithEncoderCRC(false)},
			"with literals": {zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderCRC(false)},
		} {
			var out bytes.Buffer
			w, err := zstd.NewWriter(&out, append(options, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))...)
			check(err)
			_, err = w.Write(data) // a stream does not know its length at first
			check(err)
			check(w.Close())
			streams[what] = out.Bytes()
		}
	case "lz4":
		for what, options := range map[string][]lz4.Option{
			"default":   nil,
			"checksums": {lz4.ChecksumOption(true), lz4.BlockChecksumOption(true), lz4.BlockSizeOption(lz4.Block64Kb)},
			"sized":     {lz4.SizeOption(uint64(len(data))), lz4.CompressionLevelOption(lz4.Level9)},
		} {
			var out bytes.Buffer
			w := lz4.NewWriter(&out)
			check(w.Apply(options...))
			_, err := w.Write(data)
			check(err)
			check(w.Close())
			streams[what] = out.Bytes()
		}
	case "brotli":
		for _, o := range []brotli.WriterOptions{{Quality: 0, LGWin: 10}, {Quality: 1, LGWin: 24}, {Quality: 5, LGWin: 16}, {Quality: 9}} {
			var out bytes.Buffer
			w := brotli.NewWriterOptions(&out, o)
			_, err := w.Write(data[:len(data)/2])
			check(err)
			check(w.Flush())
			_, err = w.Write(data[len(data)/2:])
			check(err)
			check(w.Close())
			streams[fmt.Sprint(o)] = out.Bytes()
		}
	}
	return streams
}

func TestDecodeForeignStreams(t *testing.T) {
	for _, name := range []string{"zstd", "lz4", "brotli"} {
		c := mustNew(t, name, 0)
		for _, n := range []int{0, 1, 100, 70_000} {
			for kind, data := range inputs(n) {
				if n > 100 && kind != "gaussian 4" && kind != "phases" && kind != "skewed" {
					continue
				}
				for what, packed := range foreign(t, name, data) {
					got := make([]byte, n)
					if err := c.Decode(got, packed); err != nil || !bytes.Equal(got, data) {
						t.Errorf("%s, %s, %s, %d bytes: %v", name, what, kind, n, err)
					}
					if err := c.Decode(make([]byte, n+1), packed); !errors.Is(err, ErrCorrupt) {
						t.Errorf("%s, %s, %s, %d bytes into one more: %v", name, what, kind, n, err)
					}
					if err := c.Decode(got, append(bytes.Clone(packed), packed...)); !errors.Is(err, ErrCorrupt) {
						t.Errorf("%s, %s, %s, %d bytes, twice: %v", name, what, kind, n, err)
					}
				}
			}
		}
	}
}

// A checksum that does not match is an error, wherever it is.
func TestDecodeChecksChecksums(t *testing.T) {
	data := gaussian(5000, 4, 1)
	for name, what := range map[string]string{"zstd": "checksum", "lz4": "checksums"} {
		packed := foreign(t, name, data)[what]
		packed[len(packed)-1] ^= 1
		if err := mustNew(t, name, 0).Decode(make([]byte, len(data)), packed); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// testdata/linked.lz4 was written by liblz4 1.9.4: blocks of 64 KiB that refer
// to those before, all checksums, no size in the header.
func TestDecodeLinkedLZ4Blocks(t *testing.T) {
	packed, err := os.ReadFile("testdata/linked.lz4")
	if err != nil {
		t.Fatal(err)
	}
	var period []byte
	for b := range 3 {
		for i := range 251 {
			period = append(period, byte(i*i*7+i/251*b))
		}
	}
	want := bytes.Repeat(period, 400)[:150_000]
	got := make([]byte, len(want))
	c := mustNew(t, "lz4", 0)
	if err := c.Decode(got, packed); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("wrong data (%v)", err)
	}
	for i := range packed { // every byte counts
		packed[i] ^= 0x10
		if err := c.Decode(got, packed); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
		packed[i] ^= 0x10
	}
}
