package cdna

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/codec"
)

// allocated returns how many bytes f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// forgeBlocks is the head of a v2 file that claims n blocks of rows indices each, packed into one byte each, and these.
func forgeBlocks(n, rows int) []byte {
	header := fmt.Sprintf(`{"schema":"cdna2_hxz_v1","tensor_name":"w","shape":[%d,1],"dtype":"uint8","codebook_size":256,"block_rows":%d,"num_blocks":%d,"encoding":"brotli"}`,
		n*rows, rows, n)
	b := append([]byte(magicV2), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	b = append(b, header...)
	b = append(b, make([]byte, codebookBytes)...)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	start := len(b) + n*indexEntryLen
	for i := range n {
		b = binary.LittleEndian.AppendUint64(b, uint64(start+i))
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, uint32(rows))
		b = append(b, make([]byte, 32)...)
	}
	return append(b, make([]byte, n)...)
}

// A small file must not make a reader, or those who trust its shape, believe in gigabytes: neither in one block nor in
// many that are each believable.
func TestBombV2(t *testing.T) {
	const free = 16 << 20
	for _, c := range []struct {
		blocks, rows int
		believed     bool
	}{
		{1, free, true},
		{1, free + 1025, false},
		{1, math.MaxUint32, false},
		{2, free / 2, true},
		{16, free/16 + 1024, true},
		{16, free/16 + 1025, false},
		{2, free, false},
		{20000, free, false},
		{20000, 2000, false},
	} {
		_, err := openBytes(forgeBlocks(c.blocks, c.rows))
		if c.believed && err != nil || !c.believed && !errors.Is(err, ErrBlockSize) {
			t.Errorf("%d blocks of %d indices in a byte each: %v", c.blocks, c.rows, err)
		}
	}
}

// Nothing packs better than a constant matrix, and however large it is, a file that is written can be read.
func TestConstantMatrixIsBelieved(t *testing.T) {
	const n = 20 << 20
	plain := bytes.Repeat([]byte{9}, n)
	for _, name := range codec.Names() {
		for _, shape := range [][2]int{{1, n}, {n >> 12, 1 << 12}} { // a block above the floor; many below
			o := WriterOptions{Rows: shape[0], Cols: shape[1], Codec: name}
			f := mustOpen(t, writeV2(t, o, plain, nil))
			got := make([]byte, n)
			if err := f.ReadRows(context.Background(), got, 0, shape[0], nil); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s, %v: %v", name, shape, err)
			}
		}
	}
}

func forgeV1(rows, cols, plain uint32, stream []byte) []byte {
	b := make([]byte, headV1, headV1+len(stream))
	copy(b, magicV1)
	for at, v := range map[int]uint32{4: 1, 8: rows, 12: cols, 1040: plain, 1044: uint32(len(stream))} {
		binary.LittleEndian.PutUint32(b[at:], v)
	}
	return append(b, stream...)
}

func TestBombV1(t *testing.T) {
	// A stream of 4 MB of zeros behind a header that announces 16 bytes.
	bomb, err := deflate(1, make([]byte, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyBytes(forgeV1(4, 4, 16, bomb)); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
	// The other way round: Deflate could hold what is announced, but this stream does not.
	little, err := deflate(9, bell(1000))
	if err != nil {
		t.Fatal(err)
	}
	empty := append(little, make([]byte, 1<<20)...)
	b := forgeV1(1<<20, 1000, 1000<<20, empty)
	if n := allocated(func() {
		if err := verifyBytes(b); !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	}); n > 16<<20 {
		t.Errorf("%d MiB allocated for a stream of 1000 bytes", n>>20)
	}
}

func TestBombSidecar(t *testing.T) {
	const count = 300 << 20
	header := fmt.Sprintf(`{"schema":"hxzo_outlier_sidecar_v1","tensor_name":"w","shape":[1048576,1048576],"num_outliers":%d,"value_dtype":"float16","position_encoding":"delta_varint"}`, count)
	stream, err := deflate(9, binary.BigEndian.AppendUint32(nil, count))
	if err != nil {
		t.Fatal(err)
	}
	b := append([]byte(magicSidecar), 0, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(len(header)))
	b = append(append(b, header...), stream...)
	b = append(b, make([]byte, 1<<20)...)
	if n := allocated(func() {
		if _, err := readSidecar(b); !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	}); n > 16<<20 {
		t.Errorf("%d MiB allocated for a stream of 4 bytes", n>>20)
	}
}
