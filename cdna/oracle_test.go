package cdna

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/helix-substrate/helix-substrate/internal/codec"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// This file reads the formats the plain way, straight from their description and with the usual decoders of each
// compression format. It checks as little as possible; it is what the tests believe.

type plainFile struct {
	header   map[string]any
	codebook []float32
	offsets  []uint64
	compLens []uint32
	sums     [][]byte
	indices  []byte
}

func plainV1(t testing.TB, b []byte) plainFile {
	t.Helper()
	le := binary.LittleEndian
	p := plainFile{
		header:   map[string]any{"shape": []any{float64(le.Uint32(b[8:])), float64(le.Uint32(b[12:]))}},
		codebook: plainFloats(b[16:1040]),
	}
	p.indices = plainInflate(t, b[1048:1048+le.Uint32(b[1044:])])
	if len(p.indices) != int(le.Uint32(b[1040:])) {
		t.Fatalf("v1: %d indices, header says %d", len(p.indices), le.Uint32(b[1040:]))
	}
	return p
}

func plainV2(t testing.TB, b []byte) plainFile {
	t.Helper()
	le := binary.LittleEndian
	var p plainFile
	n := int(le.Uint16(b[6:]))
	if err := json.Unmarshal(b[8:8+n], &p.header); err != nil {
		t.Fatal(err)
	}
	p.codebook = plainFloats(b[8+n : 8+n+1024])
	count := int(le.Uint32(b[8+n+1024:]))
	for i := range count {
		e := b[8+n+1028+48*i:]
		offset, comp, plain := le.Uint64(e), le.Uint32(e[8:]), le.Uint32(e[12:])
		block := plainDecode(t, p.header["encoding"].(string), b[offset:offset+uint64(comp)], int(plain))
		if sum := sha256.Sum256(block); !bytes.Equal(sum[:], e[16:48]) {
			t.Fatalf("block %d: wrong sum", i)
		}
		p.offsets, p.compLens, p.sums = append(p.offsets, offset), append(p.compLens, comp), append(p.sums, e[16:48])
		p.indices = append(p.indices, block...)
	}
	return p
}

func plainDecode(t testing.TB, encoding string, packed []byte, n int) []byte {
	t.Helper()
	var out []byte
	var err error
	switch encoding {
	case "none":
		out = packed
	case "huff0": // ours, so there is no other decoder
		var c codec.Codec
		if c, err = codec.New("huff0", 0); err == nil {
			out = make([]byte, n)
			err = c.Decode(out, packed)
		}
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(nil); err == nil {
			out, err = d.DecodeAll(packed, nil)
			d.Close()
		}
	case "lz4":
		out, err = io.ReadAll(lz4.NewReader(bytes.NewReader(packed)))
	case "brotli":
		out, err = io.ReadAll(brotli.NewReader(bytes.NewReader(packed)))
	default:
		err = fmt.Errorf("encoding %q", encoding)
	}
	if err != nil || len(out) != n {
		t.Fatalf("%s: %d bytes, want %d: %v", encoding, len(out), n, err)
	}
	return out
}

func plainSidecar(t testing.TB, b []byte) (header map[string]any, positions []uint64, values []uint16) {
	t.Helper()
	n := int(binary.BigEndian.Uint16(b[6:]))
	if err := json.Unmarshal(b[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	payload := plainInflate(t, b[8+n:])
	m := binary.BigEndian.Uint32(payload)
	raw, vals := payload[4:4+m], payload[4+m:]
	var at uint64
	for len(raw) > 0 {
		step, k := binary.Uvarint(raw)
		at, raw = at+step, raw[k:]
		positions = append(positions, at)
	}
	for ; len(vals) > 0; vals = vals[2:] {
		values = append(values, binary.LittleEndian.Uint16(vals))
	}
	return header, positions, values
}

func plainInflate(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func plainFloats(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}
