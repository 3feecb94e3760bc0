package cdna

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/helix-substrate/helix-substrate/dtype"
)

// floats returns n weights of a bell curve as elements of type t.
func floats(n int, t dtype.Type) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	var b []byte
	for range n {
		v := r.NormFloat64() * 0.02
		bits := math.Float32bits(float32(v))
		switch t {
		case dtype.F64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		case dtype.F32:
			b = binary.LittleEndian.AppendUint32(b, bits)
		case dtype.BF16, dtype.F16:
			b = binary.LittleEndian.AppendUint16(b, uint16(bits>>16))
		default:
			b = append(b, byte(bits>>20))
		}
	}
	return b
}

// writeLossless writes a file in chunks and returns its bytes.
func writeLossless(t testing.TB, o LosslessOptions, data []byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "w"+LosslessSuffix)
	w, err := CreateLossless(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for at := 0; at < len(data); at += 997 {
		if _, err := w.Write(data[at:min(at+997, len(data))]); err != nil {
			t.Fatal(err)
		}
	}
	stats, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || stats.TotalBytes != int64(len(b)) || stats.IndexBytes != int64(len(data)) {
		t.Fatalf("%+v, %d bytes, %v", stats, len(b), err)
	}
	return b
}

func openLosslessBytes(b []byte) (*Lossless, error) {
	return NewLossless(context.Background(), bytes.NewReader(b), int64(len(b)), "test")
}

// verifyLossless opens and verifies b, and reads all of it.
func verifyLossless(b []byte) ([]byte, error) {
	f, err := openLosslessBytes(b)
	if err != nil {
		return nil, err
	}
	if err := f.Verify(context.Background(), 1); err != nil {
		return nil, err
	}
	data := make([]byte, f.Rows()*f.Cols()*f.DType().Size())
	return data, f.ReadRows(context.Background(), data, 0, f.Rows(), nil)
}

func TestLosslessRoundTrip(t *testing.T) {
	for _, kind := range losslessTypes {
		for _, codec := range []string{"", "none", "huff0", "zstd", "lz4", "brotli"} {
			const rows, cols = 37, 23
			width := kind.Size()
			data := floats(rows*cols, kind)
			o := LosslessOptions{TensorName: "w.ü", Rows: rows, Cols: cols, DType: kind, BlockRows: 5, Codec: codec, Threads: 1, Extra: map[string]any{"who": "test"}}
			b := writeLossless(t, o, data)
			o.Threads = 3
			if again := writeLossless(t, o, data); !bytes.Equal(b, again) {
				t.Fatalf("%s, %s: the bytes depend on the threads", kind, codec)
			}
			f, err := openLosslessBytes(b)
			if err != nil {
				t.Fatal(err)
			}
			h := f.Header()
			if h.TensorName != "w.ü" || f.DType() != kind || f.Rows() != rows || f.Cols() != cols || f.NumBlocks() != 8 || string(h.Extra["who"]) != `"test"` {
				t.Errorf("%+v", h)
			}
			if got, err := verifyLossless(b); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%s, %s: %v", kind, codec, err)
			}
			part := make([]byte, 9*cols*width)
			if err := f.ReadRows(context.Background(), part, 3, 12, nil); err != nil || !bytes.Equal(part, data[3*cols*width:12*cols*width]) {
				t.Errorf("rows: %v", err)
			}
			want, got := make([]float32, rows*cols), make([]float32, 300)
			dtype.Decode(want, data, kind)
			if err := f.ReadFloat32(context.Background(), got, 200, nil); err != nil {
				t.Error(err)
			}
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(want[200+i]) {
					t.Fatalf("%s: weight %d is %v, want %v", kind, 200+i, got[i], want[200+i])
				}
			}
			for _, offset := range []int{-1, rows*cols - 299} {
				if err := f.ReadFloat32(context.Background(), got, offset, nil); !errors.Is(err, ErrShape) {
					t.Errorf("offset %d: %v", offset, err)
				}
			}
		}
	}
}

// TestLosslessLayout reads a file by its description alone.
func TestLosslessLayout(t *testing.T) {
	const rows, cols, blockRows = 70, 40, 32
	data := floats(rows*cols, dtype.BF16)
	b := writeLossless(t, LosslessOptions{TensorName: "w", Rows: rows, Cols: cols, DType: dtype.BF16, BlockRows: blockRows, Codec: "zstd"}, data)
	le := binary.LittleEndian
	if string(b[:4]) != "HXZL" || le.Uint16(b[4:]) != 1 {
		t.Fatalf("% x", b[:8])
	}
	end := 8 + int(le.Uint16(b[6:]))
	var h struct {
		Schema, DType, Encoding string
		Shape                   []int
		Head                    string `json:"head_sha256"`
	}
	if err := json.Unmarshal(b[8:end], &h); err != nil || h.Schema != "cdna_lossless_v1" || h.DType != "BF16" || h.Encoding != "zstd" {
		t.Fatalf("%+v, %v", h, err)
	}
	n := int(le.Uint32(b[end:]))
	start := end + 4 + 48*n
	head := bytes.Replace(bytes.Clone(b[:start]), []byte(h.Head), []byte(strings.Repeat("0", 64)), 1)
	if sum := fmt.Sprintf("%x", sha256.Sum256(head)); sum != h.Head {
		t.Errorf("head sum %s, recorded %s", sum, h.Head)
	}
	decoder, _ := zstd.NewReader(nil)
	var got []byte
	for i := range n {
		entry := b[end+4+48*i:]
		packed := b[le.Uint64(entry):][:le.Uint32(entry[8:])]
		elements := int(le.Uint32(entry[12:])) / 2 // below 65536: one piece
		var planes [2][]byte
		for k := range planes {
			length := int(le.Uint32(packed))
			plane := packed[4:][:length]
			if packed = packed[4+length:]; length < elements {
				var err error
				if plane, err = decoder.DecodeAll(plane, nil); err != nil {
					t.Fatal(err)
				}
			}
			planes[k] = plane
		}
		at := len(got)
		for j := range elements {
			v := uint16(planes[0][j]) | uint16(planes[1][j])<<8
			got = le.AppendUint16(got, v>>1|v<<15)
		}
		if sum := sha256.Sum256(got[at:]); !bytes.Equal(sum[:], entry[16:48]) || len(packed) != 0 {
			t.Errorf("block %d: sum differs, or %d bytes left", i, len(packed))
		}
	}
	if !bytes.Equal(got, data) {
		t.Error("other data")
	}
	if len(b) > 3*len(data)/4+1000 {
		t.Errorf("%d bytes for %d", len(b), len(data))
	}
}

// Every flipped bit is noticed, or changes nothing: padding within packed data.
func TestLosslessFlipped(t *testing.T) {
	for _, codec := range []string{"none", "huff0", "zstd", "lz4", "brotli"} {
		data := floats(12*9, dtype.F32)
		b := writeLossless(t, LosslessOptions{TensorName: "w", Rows: 12, Cols: 9, DType: dtype.F32, BlockRows: 5, Codec: codec}, data)
		f, err := openLosslessBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		packed := int(f.Block(0).Offset)
		for i := range b {
			for _, flip := range []byte{1, 0xff} {
				b[i] ^= flip
				got, err := verifyLossless(b)
				if err == nil && (i < packed || !bytes.Equal(got, data)) {
					t.Fatalf("%s, byte %d ^ %#x: not noticed", codec, i, flip)
				}
				if err != nil && !isSentinel(err) {
					t.Fatalf("%s, byte %d ^ %#x: %v", codec, i, flip, err)
				}
				b[i] ^= flip
			}
		}
		for n := range b {
			if _, err := verifyLossless(b[:n]); !isSentinel(err) {
				t.Fatalf("%s, first %d bytes: %v", codec, n, err)
			}
		}
		if _, err := verifyLossless(append(bytes.Clone(b), 0)); !errors.Is(err, ErrBlockIndex) {
			t.Errorf("a byte more: %v", err)
		}
	}
}

// forgeLossless is the head of a file that claims a shape, with a right sum.
func forgeLossless(header string, blocks int, packed, plain uint32) []byte {
	text := []byte(strings.TrimSuffix(header, "}") + `,"head_sha256":"` + noHeadSum + `"}`)
	start := prefixLen + len(text) + 4 + blocks*indexEntryLen
	var table []byte
	for i := range blocks {
		table = binary.LittleEndian.AppendUint64(table, uint64(start)+uint64(i)*uint64(packed))
		table = binary.LittleEndian.AppendUint32(table, packed)
		table = binary.LittleEndian.AppendUint32(table, plain)
		table = append(table, make([]byte, 32)...)
	}
	b := appendHead(magicLossless, text, len(text), nil, table)
	return append(b, make([]byte, blocks*int(packed))...)
}

func TestLosslessLies(t *testing.T) {
	const good = `{"schema":"cdna_lossless_v1","tensor_name":"w","shape":[4,2],"dtype":"BF16","block_rows":4,"num_blocks":1,"encoding":"none"}`
	if _, err := openLosslessBytes(forgeLossless(good, 1, 16, 16)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		old, new string
		want     error
	}{
		"schema":           {"lossless_v1", "lossless_v2", ErrHeader},
		"the schema of v2": {"cdna_lossless_v1", schemaV2, ErrHeader},
		"integers":         {"BF16", "I16", ErrHeader},
		"unknown dtype":    {"BF16", "F4", ErrHeader},
		"no dtype":         {`"dtype":"BF16",`, "", ErrHeader},
		"wider dtype":      {"BF16", "F32", ErrBlockSize},
		"no block rows":    {`"block_rows":4,`, "", ErrHeader},
		"encoding":         {`"none"`, `"xz"`, ErrCodec},
		"packed":           {`"none"`, `"zstd"`, nil}, // opens; the block is what does not decode
		"huge":             {"[4,2]", "[4611686018427387904,2]", ErrShape},
		"more bytes":       {"[4,2]", "[4,1152921504606846976]", ErrShape},
		"blocks":           {`"num_blocks":1`, `"num_blocks":2`, ErrBlockCount},
		"twice":            {`"dtype"`, `"shape":[4,2],"dtype"`, ErrHeader},
	} {
		b := forgeLossless(strings.Replace(good, c.old, c.new, 1), 1, 16, 16)
		if _, err := openLosslessBytes(b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := verifyLossless(b); !isSentinel(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	const bomb = `{"schema":"cdna_lossless_v1","tensor_name":"w","shape":[%d,%d],"dtype":"F64","block_rows":%d,"num_blocks":%d,"encoding":"brotli"}`
	for _, c := range []struct{ blocks, rows int }{{1, 3 << 20}, {4096, 100_000}} {
		b := forgeLossless(fmt.Sprintf(bomb, c.blocks*c.rows, 1, c.rows, c.blocks), c.blocks, 8, uint32(8*c.rows))
		if _, err := openLosslessBytes(b); !errors.Is(err, ErrBlockSize) {
			t.Errorf("%d blocks of %d numbers in 8 bytes each: %v", c.blocks, c.rows, err)
		}
	}
	b := forgeLossless(good, 1, 16, 16)
	if _, err := openBytes(b); !errors.Is(err, ErrFormat) {
		t.Errorf("read as a codebook file: %v", err)
	}
	if _, err := openLosslessBytes(sample(t, "none")); !errors.Is(err, ErrFormat) {
		t.Errorf("a codebook file read as lossless: %v", err)
	}
	b[len(b)-17]++ // the index
	if _, err := openLosslessBytes(b); !errors.Is(err, ErrChecksum) {
		t.Errorf("head changed: %v", err)
	}
}

func TestLosslessWriterRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w"+LosslessSuffix)
	for name, c := range map[string]struct {
		o    LosslessOptions
		want error
	}{
		"integers": {LosslessOptions{Rows: 1, Cols: 1, DType: dtype.I32}, ErrHeader},
		"no rows":  {LosslessOptions{Cols: 1, DType: dtype.F32}, ErrShape},
		"codec":    {LosslessOptions{Rows: 1, Cols: 1, DType: dtype.F32, Codec: "xz"}, ErrCodec},
		"level":    {LosslessOptions{Rows: 1, Cols: 1, DType: dtype.F32, Codec: "zstd", Level: 99}, ErrLevel},
		"block":    {LosslessOptions{Rows: 1, Cols: 1 << 30, DType: dtype.F64}, ErrShape},
		"name":     {LosslessOptions{Rows: 1, Cols: 1, DType: dtype.F32, TensorName: "\xff"}, ErrHeader},
	} {
		if _, err := CreateLossless(path, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, err := CreateLossless(path, LosslessOptions{Rows: 2, Cols: 2, DType: dtype.F32})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 17)); !errors.Is(err, ErrShape) {
		t.Errorf("too much: %v", err)
	}
	w.Abort()
	if w, err = CreateLossless(path, LosslessOptions{Rows: 2, Cols: 2, DType: dtype.F32}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 15)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); !errors.Is(err, ErrShape) {
		t.Errorf("too little: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func FuzzOpenLossless(f *testing.F) {
	for _, codec := range []string{"none", "huff0", "zstd"} {
		f.Add(writeLossless(f, LosslessOptions{TensorName: "w", Rows: 6, Cols: 30, DType: dtype.BF16, BlockRows: 4, Codec: codec}, floats(180, dtype.BF16)))
	}
	f.Add([]byte(magicLossless))
	f.Fuzz(func(t *testing.T, b []byte) {
		resealed := bytes.Clone(b)
		if len(b) > prefixLen { // past the sum, which fuzzing cannot guess
			if end := prefixLen + int(binary.LittleEndian.Uint16(b[6:])); end < len(b) && end+4 < len(b) {
				blocks := int64(binary.LittleEndian.Uint32(b[end:]))
				if start := int64(end) + 4 + blocks*indexEntryLen; start <= int64(len(b)) && headSumDigits(resealed[:start], end) != nil {
					sealHead(resealed[:start], end)
				}
			}
		}
		for _, b := range [][]byte{b, resealed} {
			g, err := openLosslessBytes(b)
			if err != nil {
				if !isSentinel(err) {
					t.Fatalf("not a sentinel: %v", err)
				}
				continue
			}
			if g.MaxBlockLen() > 1<<20 || g.Rows() > 1<<24/g.Cols() {
				continue // believable by its size, but too much work for one input
			}
			if err := g.Verify(context.Background(), 1); err != nil && !isSentinel(err) {
				t.Fatalf("not a sentinel: %v", err)
			}
			if err := g.ReadFloat32(context.Background(), make([]float32, min(5, g.Rows()*g.Cols())), 0, nil); err != nil && !isSentinel(err) {
				t.Fatalf("not a sentinel: %v", err)
			}
		}
	})
}
