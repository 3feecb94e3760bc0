package cdna

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var sentinels = []error{
	ErrFormat, ErrVersion, ErrTruncated, ErrHeader, ErrShape, ErrBlockCount, ErrBlockIndex, ErrBlockSize, ErrCodec, ErrLevel, ErrChecksum, ErrCorrupt, ErrSidecar,
}

func isSentinel(err error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

// verifyBytes opens and verifies b, and reads all rows.
func verifyBytes(b []byte) error {
	f, err := openBytes(b)
	if err != nil {
		return err
	}
	if err := f.Verify(context.Background(), 1); err != nil {
		return err
	}
	return f.ReadRows(context.Background(), make([]byte, f.Rows()*f.Cols()), 0, f.Rows(), nil)
}

// A forgery is a v2 file of stored blocks put together by hand, without a head sum: [5, 3] in blocks of 2 rows.
type forgery struct {
	header string
	count  uint32
	table  []byte
	blocks []byte
}

func newForgery() *forgery {
	p := &forgery{
		header: `{"schema":"cdna2_hxz_v1","tensor_name":"w","shape":[5,3],"dtype":"uint8","codebook_size":256,"block_rows":2,"num_blocks":3,"encoding":"none","created_utc":"x"}`,
		count:  3, blocks: []byte("abcdefABCDEFxyz"),
	}
	for i, n := range []int{6, 6, 3} {
		p.table = binary.LittleEndian.AppendUint64(p.table, uint64(p.start()+6*i))
		p.table = binary.LittleEndian.AppendUint32(p.table, uint32(n))
		p.table = binary.LittleEndian.AppendUint32(p.table, uint32(n))
		sum := sha256.Sum256(p.blocks[6*i:][:n])
		p.table = append(p.table, sum[:]...)
	}
	return p
}

// start is where the blocks of an unchanged forgery begin.
func (p *forgery) start() int { return prefixLen + len(p.header) + codebookBytes + 4 + 3*indexEntryLen }

func (p *forgery) bytes() []byte {
	b := append([]byte(magicV2), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p.header)))
	b = append(b, p.header...)
	b = append(b, make([]byte, codebookBytes)...)
	b = binary.LittleEndian.AppendUint32(b, p.count)
	return append(append(b, p.table...), p.blocks...)
}

// swap replaces text in the header and moves the blocks' offsets with it.
func (p *forgery) swap(old, new string) {
	if !strings.Contains(p.header, old) {
		panic(old)
	}
	p.header = strings.Replace(p.header, old, new, 1)
	for i := range 3 {
		p.setOffset(i, p.offset(i)+uint64(len(new)-len(old)))
	}
}

func (p *forgery) offset(i int) uint64 { return binary.LittleEndian.Uint64(p.table[48*i:]) }
func (p *forgery) setOffset(i int, v uint64) {
	binary.LittleEndian.PutUint64(p.table[48*i:], v)
}
func (p *forgery) setCompLen(i int, v uint32) {
	binary.LittleEndian.PutUint32(p.table[48*i+8:], v)
}
func (p *forgery) setDecompLen(i int, v uint32) {
	binary.LittleEndian.PutUint32(p.table[48*i+12:], v)
}

func TestForgedV2(t *testing.T) {
	swap := func(old, new string) func(*forgery) { return func(p *forgery) { p.swap(old, new) } }
	for name, c := range map[string]struct {
		change func(*forgery)
		want   error
	}{
		"unchanged":          {func(p *forgery) {}, nil},
		"padded header":      {swap(`"x"}`, "\"x\"} \n\t "), nil},
		"unknown keys":       {swap(`{"schema"`, `{"new":{"a":1,"a":2},"schema"`), nil},
		"null is absent":     {swap(`"created_utc":"x"`, `"created_utc":null,"fidelity_stats":null`), nil},
		"empty header":       {func(p *forgery) { p.swap(p.header, "") }, ErrHeader},
		"not JSON":           {swap(`"dtype"`, `dtype`), ErrHeader},
		"trailing JSON":      {swap(`"x"}`, `"x"}{}`), ErrHeader},
		"array":              {func(p *forgery) { p.swap(p.header, "[1]") }, ErrHeader},
		"not UTF-8":          {swap(`"w"`, "\"\xff\""), ErrHeader},
		"duplicate key":      {swap(`"dtype"`, `"shape":[5,3],"dtype"`), ErrHeader},
		"duplicate escaped":  {swap(`"dtype"`, `"\u0073hape":[5,3],"dtype"`), ErrHeader},
		"duplicate fidelity": {swap(`"dtype"`, `"fidelity_stats":{"mse":1,"mse":2},"dtype"`), ErrHeader},
		"fidelity type":      {swap(`"dtype"`, `"fidelity_stats":{"cosine_no_sidecar":"1"},"dtype"`), ErrHeader},
		"fidelity no object": {swap(`"dtype"`, `"fidelity_stats":[],"dtype"`), ErrHeader},
		"schema":             {swap("hxz_v1", "hxz_v9"), ErrHeader},
		"no schema":          {swap(`"schema":"cdna2_hxz_v1",`, ""), ErrHeader},
		"no name":            {swap(`"tensor_name":"w",`, ""), ErrHeader},
		"name type":          {swap(`"tensor_name":"w"`, `"tensor_name":7`), ErrHeader},
		"no shape":           {swap(`"shape":[5,3],`, ""), ErrHeader},
		"shape null":         {swap(`[5,3]`, "null"), ErrHeader},
		"shape of floats":    {swap(`[5,3]`, "[5.0,3]"), ErrHeader},
		"shape of strings":   {swap(`[5,3]`, `["5","3"]`), ErrHeader},
		"1-D shape":          {swap(`[5,3]`, "[15]"), ErrShape},
		"3-D shape":          {swap(`[5,3]`, "[5,3,1]"), ErrShape},
		"null in shape":      {swap(`[5,3]`, "[5,null]"), ErrShape},
		"zero rows":          {swap(`[5,3]`, "[0,3]"), ErrShape},
		"negative shape":     {swap(`[5,3]`, "[-5,-3]"), ErrShape},
		"overflowing shape":  {swap(`[5,3]`, "[4294967296,4294967296]"), ErrShape},
		"beyond int64":       {swap(`[5,3]`, "[99999999999999999999,3]"), ErrHeader},
		"huge rows":          {swap(`[5,3]`, "[9223372036854775807,1]"), ErrBlockCount},
		"other rows":         {swap(`[5,3]`, "[6,3]"), ErrBlockSize},
		"other cols":         {swap(`[5,3]`, "[5,4]"), ErrBlockSize},
		"dtype":              {swap("uint8", "uint4"), ErrHeader},
		"codebook_size":      {swap(":256", ":16"), ErrHeader},
		"block_rows zero":    {swap(`"block_rows":2`, `"block_rows":0`), ErrShape},
		"block_rows":         {swap(`"block_rows":2`, `"block_rows":3`), ErrBlockCount},
		"no block_rows":      {swap(`"block_rows":2,`, ""), ErrBlockCount}, // 32
		"num_blocks":         {swap(`"num_blocks":3`, `"num_blocks":4`), ErrBlockCount},
		"count":              {func(p *forgery) { p.count = 2 }, ErrBlockCount},
		"huge count": {func(p *forgery) {
			p.swap(`[5,3]`, "[8589934590,3]")
			p.swap(`"num_blocks":3`, `"num_blocks":4294967295`)
			p.count = math.MaxUint32
		}, ErrTruncated},
		"unknown encoding":    {swap(`"none"`, `"gzip"`), ErrCodec},
		"other encoding":      {swap(`"none"`, `"zstd"`), ErrCorrupt},
		"no encoding":         {swap(`"encoding":"none",`, ""), ErrCorrupt}, // brotli
		"overlap":             {func(p *forgery) { p.setOffset(1, p.offset(1)-1) }, ErrBlockIndex},
		"gap":                 {func(p *forgery) { p.setOffset(2, p.offset(2)+1); p.blocks = append(p.blocks, 0) }, ErrBlockIndex},
		"out of order":        {func(p *forgery) { a, b := p.offset(0), p.offset(1); p.setOffset(0, b); p.setOffset(1, a) }, ErrBlockIndex},
		"inside the head":     {func(p *forgery) { p.setOffset(0, 8) }, ErrBlockIndex},
		"beyond the end":      {func(p *forgery) { p.setOffset(2, 1<<40) }, ErrBlockIndex},
		"negative offset":     {func(p *forgery) { p.setOffset(1, math.MaxUint64) }, ErrBlockIndex},
		"comp_len zero":       {func(p *forgery) { p.setCompLen(1, 0) }, ErrBlockSize},
		"comp_len short":      {func(p *forgery) { p.setCompLen(1, 5) }, ErrBlockSize},
		"comp_len oversized":  {func(p *forgery) { p.swap(`"none"`, `"zstd"`); p.setCompLen(1, math.MaxUint32) }, ErrBlockSize},
		"comp_len past end":   {func(p *forgery) { p.swap(`"none"`, `"zstd"`); p.setCompLen(2, 4) }, ErrTruncated},
		"decomp_len":          {func(p *forgery) { p.setDecompLen(1, 7) }, ErrBlockSize},
		"decomp_len huge":     {func(p *forgery) { p.setDecompLen(2, math.MaxUint32) }, ErrBlockSize},
		"trailing bytes":      {func(p *forgery) { p.blocks = append(p.blocks, 0) }, ErrBlockIndex},
		"wrong hash":          {func(p *forgery) { p.table[48+20] ^= 1 }, ErrChecksum},
		"wrong data":          {func(p *forgery) { p.blocks[14] ^= 1 }, ErrChecksum},
		"head sum elsewhere":  {swap(`{"schema"`, `{"head_sha256":"`+noHeadSum+`","schema"`), ErrHeader},
		"head sum short":      {swap(`"x"}`, `"x","head_sha256":"00"}`), ErrHeader},
		"head sum wrong":      {swap(`"x"}`, `"x","head_sha256":"`+noHeadSum+`"}`), ErrChecksum},
		"head sum not string": {swap(`"x"}`, `"x","head_sha256":0}`), ErrHeader},
	} {
		p := newForgery()
		c.change(p)
		err := verifyBytes(p.bytes())
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "test.cdna2.hxz: ") {
			t.Errorf("%s: error does not name the file: %v", name, err)
		}
	}
}

// sample is a small file with everything in it.
func sample(t testing.TB, encoding string) []byte {
	cosine := 0.99
	return writeV2(t, WriterOptions{
		TensorName: "w", Rows: 7, Cols: 40, BlockRows: 3, Codebook: ramp(), Codec: encoding, Extra: map[string]any{"k": "v"},
	}, bell(280), &FidelityStats{CosineNoSidecar: &cosine})
}

func TestTruncatedV2(t *testing.T) {
	for _, encoding := range []string{"none", "zstd"} {
		whole := sample(t, encoding)
		if err := verifyBytes(whole); err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if err := verifyBytes(whole[:n]); !errors.Is(err, ErrTruncated) {
				t.Fatalf("%s, first %d of %d bytes: %v", encoding, n, len(whole), err)
			}
		}
	}
}

// Thanks to the head sum every flipped bit of a file written here is noticed, or changes nothing: padding bits within
// packed data that still decodes to the same bytes, and the name of the sum's own key, which is then unknown.
func TestFlippedV2(t *testing.T) {
	for _, encoding := range []string{"none", "huff0", "zstd", "lz4", "brotli"} {
		b := sample(t, encoding)
		f := mustOpen(t, b)
		want, _ := decodeFile(t, f)
		name, packed := bytes.Index(b, []byte(keyHeadSum)), int(f.Block(0).Offset)
		for i := range b {
			for _, flip := range []byte{1, 0xff} {
				b[i] ^= flip
				err := verifyBytes(b)
				if err == nil {
					got, _ := decodeFile(t, mustOpen(t, b))
					if inName := i >= name && i < name+len(keyHeadSum); !(inName || i >= packed) || !bytes.Equal(got, want) {
						t.Fatalf("%s, byte %d ^ %#x: not noticed", encoding, i, flip)
					}
				} else if !isSentinel(err) {
					t.Fatalf("%s, byte %d ^ %#x: %v", encoding, i, flip, err)
				}
				b[i] ^= flip
			}
		}
	}
}

// Without a head sum, as in files of the original, everything after the codebook is still covered.
func TestFlippedWithoutHeadSum(t *testing.T) {
	p := newForgery()
	b := p.bytes()
	for i := range b {
		b[i] ^= 0x10
		err := verifyBytes(b)
		b[i] ^= 0x10
		if err != nil && !isSentinel(err) || err == nil && i >= prefixLen+len(p.header)+codebookBytes {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

func TestNaNCodebook(t *testing.T) {
	codebook := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Copysign(0, -1)), math.Float32frombits(0x7f800001)}
	got := mustOpen(t, writeV2(t, WriterOptions{Rows: 1, Cols: 1, Codebook: codebook}, []byte{0}, nil)).Codebook()
	for i, v := range codebook {
		if math.Float32bits(got[i]) != math.Float32bits(v) {
			t.Errorf("entry %d: %x, want %x", i, math.Float32bits(got[i]), math.Float32bits(v))
		}
	}
}

func TestAbsentKeysMeanDefaults(t *testing.T) {
	indices := bell(40 * 3)
	b := writeV2(t, WriterOptions{Rows: 40, Cols: 3, BlockRows: 32, Codec: "brotli"}, indices, nil)
	n := prefixLen + int(binary.LittleEndian.Uint16(b[6:]))
	text := string(b[prefixLen:n])
	text = strings.Replace(text, `"block_rows":32,`, "", 1)
	text = strings.Replace(text, `"encoding":"brotli",`, "", 1)
	text = strings.Replace(text, keyHeadSum, "note", 1)
	copy(b[prefixLen:n], text+strings.Repeat(" ", n-prefixLen-len(text)))
	f := mustOpen(t, b)
	if h := f.Header(); h.BlockRows != 32 || h.Encoding != "brotli" {
		t.Errorf("%+v", h)
	}
	if got, _ := decodeFile(t, f); !bytes.Equal(got, indices) {
		t.Error("indices differ")
	}
}

func sampleV1(t testing.TB) []byte {
	var b bytes.Buffer
	if err := WriteV1(&b, 70, 4, ramp(), bell(280)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDamagedV1(t *testing.T) {
	whole := sampleV1(t)
	if err := verifyBytes(whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := verifyBytes(whole[:n]); !errors.Is(err, ErrTruncated) {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
	if err := verifyBytes(append(bytes.Clone(whole), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x40
		err := verifyBytes(b)
		inCodebook := i >= 16 && i < 16+codebookBytes // v1 has no sum of it
		if err == nil && !inCodebook {
			if got, _ := decodeFile(t, mustOpen(t, b)); !bytes.Equal(got, bell(280)) { // zlib has padding bits
				t.Fatalf("byte %d: not noticed", i)
			}
		}
		if err != nil && !isSentinel(err) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

func TestForgedV1(t *testing.T) {
	put := binary.LittleEndian.PutUint32
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   error
	}{
		"version":    {func(b []byte) []byte { put(b[4:], 2); return b }, ErrVersion},
		"zero rows":  {func(b []byte) []byte { put(b[8:], 0); put(b[1040:], 0); return b }, ErrShape},
		"huge shape": {func(b []byte) []byte { put(b[8:], math.MaxUint32); put(b[12:], math.MaxUint32); return b }, ErrShape},
		"plain size": {func(b []byte) []byte { put(b[1040:], 281); return b }, ErrBlockSize},
		"claims too much": {func(b []byte) []byte {
			put(b[8:], 1<<20)
			put(b[12:], 4095)
			put(b[1040:], 4095<<20)
			return b
		}, ErrBlockSize},
		"packed size": {func(b []byte) []byte { put(b[1044:], uint32(len(b))); return b }, ErrTruncated},
		"less inside": {func(b []byte) []byte { put(b[8:], 71); put(b[1040:], 284); return b }, ErrCorrupt},
		"more inside": {func(b []byte) []byte { put(b[8:], 69); put(b[1040:], 276); return b }, ErrCorrupt},
		"bytes after the stream": {func(b []byte) []byte {
			put(b[1044:], uint32(len(b)-headV1+3))
			return append(b, 1, 2, 3)
		}, ErrCorrupt},
		"not zlib": {func(b []byte) []byte { b[headV1] = 0; return b }, ErrCorrupt},
	} {
		if err := verifyBytes(c.change(sampleV1(t))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestOpenForeign(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("directory: %v", err)
	}
	if _, err := OpenSidecar(dir); !errors.Is(err, ErrNotRegular) {
		t.Errorf("directory as sidecar: %v", err)
	}
	for text, want := range map[string]error{"": ErrTruncated, "HX": ErrTruncated, "HXZO....": ErrFormat, "GGUF....": ErrFormat, "HXZ2\x02\x00..": ErrVersion} {
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]Kind{"": KindUnknown, "HXZ": KindUnknown, "HXZC": KindCDNA1, "HXZ2": KindCDNA2, "HXZO1": KindSidecar, "hxz2": KindUnknown} {
		if got, err := Detect(context.Background(), strings.NewReader(text)); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := Detect(context.Background(), brokenReader{}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

func TestDetectFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for text, want := range map[string]Kind{"": KindUnknown, "HXZC": KindCDNA1, "HXZ2....": KindCDNA2, "HXZO": KindSidecar} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := DetectFile(path); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := DetectFile(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	for _, path := range []string{dir, os.DevNull} {
		if _, err := DetectFile(path); !errors.Is(err, ErrNotRegular) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

var errBroken = errors.New("broken disk")

type brokenReader struct{}

func (brokenReader) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

// An error of the disk is passed on, not called damage.
func TestBrokenDisk(t *testing.T) {
	if _, err := NewFile(context.Background(), brokenReader{}, 5000, "f"); !errors.Is(err, errBroken) || isSentinel(err) {
		t.Error(err)
	}
	if _, err := ReadSidecar(context.Background(), brokenReader{}, 5000, "f"); !errors.Is(err, errBroken) || isSentinel(err) {
		t.Error(err)
	}
}
