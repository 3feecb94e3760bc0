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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plainLattice reads a lattice file by its description alone, but for the codec of its blocks: header, integers in the
// matrix's own order, steps and row scales.
func plainLattice(t testing.TB, b []byte) (header map[string]any, z []int64, s, scale []float32) {
	t.Helper()
	le := binary.LittleEndian
	if string(b[:4]) != "HXZZ" || le.Uint16(b[4:]) != 1 {
		t.Fatalf("% x", b[:6])
	}
	end := 8 + int(le.Uint16(b[6:]))
	if err := json.Unmarshal(b[8:end], &header); err != nil || header["schema"] != "cdna_lattice_v1" {
		t.Fatalf("%v, %v", header, err)
	}
	number := func(key string) int { return int(header[key].(float64)) }
	shape := header["shape"].([]any)
	rows, cols := int(shape[0].(float64)), int(shape[1].(float64))
	at := end
	scales := func(n int) (v []float32) {
		for range n {
			if header["scales"] == "BF16" {
				v = append(v, math.Float32frombits(uint32(le.Uint16(b[at:]))<<16))
				at += 2
			} else {
				v = append(v, math.Float32frombits(le.Uint32(b[at:])))
				at += 4
			}
		}
		return v
	}
	s = scales(cols)
	if header["row_scales"] == true {
		scale = scales(rows)
	} else {
		scale = slices.Repeat([]float32{1}, rows)
	}
	var order []int // column at each place
	classes := number("classes")
	for k := range classes {
		for j := range cols {
			if int(b[at+j/2]>>(4*(j%2)))&15 == k {
				order = append(order, j)
			}
		}
	}
	at += (cols+1)/2 + number("model_bytes")
	escapes := b[at : at+number("escape_bytes")]
	at += len(escapes)
	f, err := openLatticeBytes(b) // for the codec
	if err != nil {
		t.Fatal(err)
	}
	z = make([]int64, rows*cols)
	n := int(le.Uint32(b[at:]))
	for i := range n {
		entry := b[at+4+48*i:]
		block := make([]byte, le.Uint32(entry[12:]))
		if err := f.Decompress(block, b[le.Uint64(entry):][:le.Uint32(entry[8:])], i); err != nil {
			t.Fatal(err)
		}
		for k, code := range block {
			row, place := i*number("block_rows")+k/cols, k%cols
			z[row*cols+order[place]] = int64(code) - 128
		}
	}
	next := uint64(0)
	for range number("escapes") {
		distance, k := binary.Uvarint(escapes)
		value, m := binary.Uvarint(escapes[k:])
		z[next+distance] = int64(value>>1) ^ -int64(value&1)
		next += distance + 1
		escapes = escapes[k+m:]
	}
	return header, z, s, scale
}

func TestLatticeLayout(t *testing.T) {
	for i, bf16 := range []bool{true, false, true, true} {
		m := latticeSample(70, 41, bf16)
		switch i { // without row scales the file is the same whether they are said to be 1 or not
		case 2:
			m.RowScale = slices.Repeat([]float32{1}, m.Rows)
		case 3:
			m.RowScale = nil
		}
		b := writeLatticeFile(t, m, LatticeOptions{TensorName: "w", BlockRows: 32})
		header, z, s, scale := plainLattice(t, b)
		if want := map[bool]string{true: "BF16", false: "F32"}[bf16]; header["scales"] != want || header["encoding"] != "rans" || header["row_scales"] != (i < 2) {
			t.Errorf("%v", header)
		}
		want := m.weights()
		for i := range want {
			step := float32(z[i]) * s[i%41]
			if got := step * scale[i/41]; math.Float32bits(got) != math.Float32bits(want[i]) {
				t.Fatalf("weight %d is %v, want %v", i, got, want[i])
			}
		}
		if len(m.Escapes) == 0 {
			t.Error("no escapes to test")
		}
	}
}

// Every flipped bit is noticed. Of rans and packed it is noticed in the blocks too, for its form has nothing that says nothing.
func TestLatticeFlipped(t *testing.T) {
	for _, codec := range []string{"none", "huff0", "zstd", "lz4", "brotli", "rans", AliasCodec, PackedCodec} {
		m := latticeSample(24, 19, true)
		b := writeLatticeFile(t, m, LatticeOptions{TensorName: "w", BlockRows: 8, Codec: codec})
		want := m.weights()
		f, err := openLatticeBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		packed := int(f.Block(0).Offset)
		for i := range b {
			for _, flip := range []byte{1, 0x80, 0xff} {
				b[i] ^= flip
				got, err := verifyLattice(b)
				if err == nil && (i < packed || codec == "rans" || codec == AliasCodec || codec == PackedCodec || codec == "none" || !sameBits(got, want)) {
					t.Fatalf("%s, byte %d ^ %#x: not noticed", codec, i, flip)
				}
				if err != nil && !isSentinel(err) {
					t.Fatalf("%s, byte %d ^ %#x: %v", codec, i, flip, err)
				}
				b[i] ^= flip
			}
		}
		for n := range b {
			if _, err := verifyLattice(b[:n]); !isSentinel(err) {
				t.Fatalf("%s, first %d bytes: %v", codec, n, err)
			}
		}
		if _, err := verifyLattice(append(bytes.Clone(b), 0)); !errors.Is(err, ErrBlockIndex) {
			t.Errorf("a byte more: %v", err)
		}
	}
}

// forgeLattice is a file whose head has this section, with a right sum, and one stored block of plain bytes.
func forgeLattice(header string, section []byte, plain int) []byte {
	text := []byte(strings.TrimSuffix(header, "}") + `,"head_sha256":"` + noHeadSum + `"}`)
	start := prefixLen + len(text) + len(section) + 4 + indexEntryLen
	table := binary.LittleEndian.AppendUint64(nil, uint64(start))
	table = binary.LittleEndian.AppendUint32(table, uint32(plain))
	table = binary.LittleEndian.AppendUint32(table, uint32(plain))
	table = append(table, make([]byte, 32)...)
	return append(appendHead(magicLattice, text, len(text), section, table), make([]byte, plain)...)
}

func TestLatticeLies(t *testing.T) {
	const good = `{"schema":"cdna_lattice_v1","tensor_name":"w","shape":[2,3],"block_rows":2,"num_blocks":1,"encoding":"none",` +
		`"scales":"BF16","row_scales":true,"classes":2,"lines":8,"exceptions":0,"escapes":2,"escape_bytes":6,"model_bytes":0}`
	section := []byte{
		1, 0, 2, 0, 3, 0, // steps
		4, 0, 5, 0, // row scales
		0x10, 0x01, // classes 0, 1, 1
		1, 0x80, 0x02, // position 1: 128
		2, 0x81, 0x02, // position 4: -129
	}
	f, err := openLatticeBytes(forgeLattice(good, section, 6))
	if err != nil || !slices.Equal(f.Escapes(), []Escape{{1, 128}, {4, -129}}) || !slices.Equal(f.Classes(), []byte{0, 1, 1}) {
		t.Fatal(err, f)
	}
	for name, c := range map[string]struct {
		old, new string
		want     error
	}{
		"schema":               {"lattice_v1", "lattice_v2", ErrHeader},
		"the schema of v2":     {"cdna_lattice_v1", schemaV2, ErrHeader},
		"no scales":            {`"scales":"BF16",`, ``, ErrHeader},
		"other scales":         {"BF16", "F16", ErrHeader},
		"wider scales":         {"BF16", "F32", ErrBlockCount},
		"no row scales":        {`"row_scales":true`, `"row_scales":false`, ErrBlockCount},
		"row scales unsaid":    {`"row_scales":true,`, ``, ErrHeader},
		"row scales a number":  {`"row_scales":true`, `"row_scales":1`, ErrHeader},
		"no class":             {`"classes":2`, `"classes":0`, ErrHeader},
		"classes null":         {`"classes":2`, `"classes":null`, ErrHeader},
		"17 classes":           {`"classes":2`, `"classes":17`, ErrHeader},
		"classes no integer":   {`"classes":2`, `"classes":2.0`, ErrHeader},
		"one class fewer":      {`"classes":2`, `"classes":1`, ErrCorrupt},
		"an older form":        {`"classes":2,"lines":8,"exceptions":0`, `"widths":[4,8],"outside":0`, ErrHeader},
		"lines below 0":        {`"lines":8`, `"lines":-1`, ErrHeader},
		"lines too many":       {`"lines":8`, `"lines":9`, ErrHeader},
		"no lines":             {`"lines":8,`, ``, ErrHeader},
		"exceptions below 0":   {`"exceptions":0`, `"exceptions":-1`, ErrHeader},
		"exceptions too many":  {`"exceptions":0`, `"exceptions":600`, ErrHeader},
		"no exceptions":        {`"exceptions":0,`, ``, ErrHeader},
		"escapes below 0":      {`"escapes":2`, `"escapes":-1`, ErrHeader},
		"fewer escapes":        {`"escapes":2`, `"escapes":1`, ErrCorrupt},
		"more escapes":         {`"escapes":2`, `"escapes":3`, ErrHeader},
		"all escapes":          {`"escapes":2`, `"escapes":9223372036854775807`, ErrHeader},
		"escape bytes":         {`"escape_bytes":6`, `"escape_bytes":7`, ErrBlockCount},
		"escape bytes below 0": {`"escape_bytes":6`, `"escape_bytes":-6`, ErrHeader},
		"most escape bytes":    {`"escapes":2,"escape_bytes":6`, `"escapes":6,"escape_bytes":89`, ErrTruncated},
		"model":                {`"model_bytes":0`, `"model_bytes":1`, ErrBlockCount},
		"model below 0":        {`"model_bytes":0`, `"model_bytes":-1`, ErrHeader},
		"model huge":           {`"model_bytes":0`, `"model_bytes":65537`, ErrHeader},
		"model of none":        {`"escapes":2,"escape_bytes":6,"model_bytes":0`, `"escapes":1,"escape_bytes":3,"model_bytes":3`, ErrHeader},
		"no model":             {`"none"`, `"rans"`, ErrCorrupt},
		"in tiles":             {`"none"`, `"packed"`, ErrHeader}, // whose blocks are longer
		"encoding":             {`"none"`, `"xz"`, ErrCodec},
		"packed":               {`"none"`, `"zstd"`, nil}, // opens; the block is what does not decode
		"no block rows":        {`"block_rows":2,`, "", ErrHeader},
		"huge":                 {"[2,3]", "[4611686018427387904,3]", ErrShape},
		"many rows":            {"[2,3]", "[100000000000000000,3]", ErrTruncated},
		"no rows":              {"[2,3]", "[0,3]", ErrShape},
		"fewer rows":           {"[2,3]", "[-2,3]", ErrShape},
		"blocks":               {`"num_blocks":1`, `"num_blocks":2`, ErrBlockCount},
		"twice":                {`"scales"`, `"shape":[2,3],"scales"`, ErrHeader},
		"fidelity":             {`"scales"`, `"fidelity_stats":3,"scales"`, ErrHeader},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%s: %q is not there", name, c.old)
		}
		b := forgeLattice(strings.Replace(good, c.old, c.new, 1), section, 6)
		if _, err := openLatticeBytes(b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := verifyLattice(b); !isSentinel(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		at    int
		bytes []byte
	}{
		"infinite step":        {0, []byte{0x80, 0x7f}},
		"step no number":       {4, []byte{0xc0, 0xff}},
		"infinite row scale":   {8, []byte{0x80, 0xff}},
		"class 2 of 2":         {10, []byte{0x20}},
		"class of no column":   {11, []byte{0x11}},
		"position beyond":      {15, []byte{4}},
		"value that a code is": {13, []byte{0xfe, 0x01}}, // 127
		"negative code":        {16, []byte{0xff, 0x01}}, // -128
		"value above 32 bits":  {12, []byte{0, 0x80, 0x80, 0x80, 0x80, 0x20}},
		"endless value":        {16, []byte{0x80, 0x80}},
		"endless position":     {15, []byte{0x80, 0x80, 0x80}},
	} {
		s := bytes.Clone(section)
		copy(s[c.at:], c.bytes)
		if _, err := openLatticeBytes(forgeLattice(good, s, 6)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := forgeLattice(good, section, 6)
	if _, err := openBytes(b); !errors.Is(err, ErrFormat) {
		t.Errorf("read as a codebook file: %v", err)
	}
	if _, err := openLosslessBytes(b); !errors.Is(err, ErrFormat) {
		t.Errorf("read as a lossless file: %v", err)
	}
	if _, err := openLatticeBytes(sample(t, "none")); !errors.Is(err, ErrFormat) {
		t.Errorf("a codebook file read as a lattice file: %v", err)
	}
}

// A file of few bytes that claims many codes is refused before anything is made for them.
func TestLatticeBomb(t *testing.T) {
	const bomb = `{"schema":"cdna_lattice_v1","tensor_name":"w","shape":[%d,1],"block_rows":%d,"num_blocks":1,"encoding":"zstd",` +
		`"scales":"BF16","row_scales":true,"classes":1,"lines":0,"exceptions":0,"escapes":0,"escape_bytes":0,"model_bytes":0}`
	const rows = 20 << 20
	text := fmt.Sprintf(bomb, rows, rows)
	for _, b := range [][]byte{
		forgeLattice(text, make([]byte, 2+2*rows+1), 8),
		forgeLattice(strings.Replace(text, `"row_scales":true`, `"row_scales":false`, 1), make([]byte, 2+1), 8),
	} {
		if _, err := openLatticeBytes(b); !errors.Is(err, ErrBlockSize) {
			t.Errorf("%d codes in 8 bytes: %v", rows, err)
		}
	}
}

func TestLatticeWriterRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w"+LatticeSuffix)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		change func(m *LatticeMatrix, o *LatticeOptions)
		want   error
	}{
		"no rows":       {func(m *LatticeMatrix, _ *LatticeOptions) { m.Rows = 0 }, ErrShape},
		"fewer codes":   {func(m *LatticeMatrix, _ *LatticeOptions) { m.Codes = m.Codes[1:] }, ErrShape},
		"fewer steps":   {func(m *LatticeMatrix, _ *LatticeOptions) { m.ColumnScale = m.ColumnScale[1:] }, ErrShape},
		"more scales":   {func(m *LatticeMatrix, _ *LatticeOptions) { m.RowScale = append(m.RowScale, 1) }, ErrShape},
		"NaN":           {func(m *LatticeMatrix, _ *LatticeOptions) { m.RowScale[1] = nan }, ErrHeader},
		"infinite":      {func(m *LatticeMatrix, _ *LatticeOptions) { m.ColumnScale[1] = -inf }, ErrHeader},
		"twice":         {func(m *LatticeMatrix, _ *LatticeOptions) { m.Escapes[1] = m.Escapes[0] }, ErrShape},
		"beyond":        {func(m *LatticeMatrix, _ *LatticeOptions) { m.Escapes[1].Position = 1 << 40 }, ErrShape},
		"a code's":      {func(m *LatticeMatrix, _ *LatticeOptions) { m.Escapes[1].Value = 127 }, ErrShape},
		"two values":    {func(m *LatticeMatrix, _ *LatticeOptions) { m.Codes[m.Escapes[1].Position] = 3 }, ErrShape},
		"codec":         {func(_ *LatticeMatrix, o *LatticeOptions) { o.Codec = "xz" }, ErrCodec},
		"level of own":  {func(_ *LatticeMatrix, o *LatticeOptions) { o.Codec, o.Level = PackedCodec, 1 }, ErrLevel},
		"level":         {func(_ *LatticeMatrix, o *LatticeOptions) { o.Level = 3 }, ErrLevel},
		"zstd's level":  {func(_ *LatticeMatrix, o *LatticeOptions) { o.Codec, o.Level = "zstd", 99 }, ErrLevel},
		"classes":       {func(_ *LatticeMatrix, o *LatticeOptions) { o.Classes = 17 }, ErrHeader},
		"fewer classes": {func(_ *LatticeMatrix, o *LatticeOptions) { o.Classes = -1 }, ErrHeader},
		"name":          {func(_ *LatticeMatrix, o *LatticeOptions) { o.TensorName = "\xff" }, ErrHeader},
		"own key":       {func(_ *LatticeMatrix, o *LatticeOptions) { o.Extra = map[string]any{"lines": 1} }, ErrHeader},
		"long header":   {func(_ *LatticeMatrix, o *LatticeOptions) { o.TensorName = strings.Repeat("x", 1<<16) }, ErrHeader},
		"date":          {func(_ *LatticeMatrix, o *LatticeOptions) { o.CreatedUTC = "\xff" }, ErrHeader},
	} {
		m, o := latticeSample(9, 8, true), LatticeOptions{}
		m.Codes[3], m.Codes[5] = LatticeZero, LatticeZero
		m.Escapes = []Escape{{3, 200}, {5, -3000}}
		c.change(m, &o)
		if _, err := CreateLattice(path, m, o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := LatticeSize(m, o); !errors.Is(err, c.want) {
			t.Errorf("size, %s: %v", name, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A code beside an escape, in a block whose sum is right, would be one weight to who puts the escape in its place, another to
// who adds both.
func TestLatticeCodeOfEscape(t *testing.T) {
	m := latticeSample(24, 19, true)
	b := writeLatticeFile(t, m, LatticeOptions{TensorName: "w", BlockRows: 8, Codec: "none"})
	f, err := openLatticeBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Escapes[len(m.Escapes)-1]
	row, column := int(e.Position)/19, int(e.Position)%19
	block := f.Block(row / 8)
	codes := b[block.Offset:][:block.DecompLen]
	codes[(row-block.FirstRow)*19+int(f.Places()[column])] = LatticeZero + 1
	sum := sha256.Sum256(codes)
	copy(b[bytes.Index(b, block.SHA256[:]):], sum[:])
	b = resealLattice(b)
	if f, err = openLatticeBytes(b); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*Lattice{"open": f, "uncached": f.Uncached()} {
		if err := f.ReadFloat32(t.Context(), make([]float32, 24*19), 0, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
		if err := f.Verify(t.Context(), 1); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s, verified: %v, want ErrCorrupt", name, err)
		}
	}
}

// What other formats offer: sums of packed bytes, fingerprints, reading past the page cache.
func TestLatticeContract(t *testing.T) {
	ctx := context.Background()
	m := latticeSample(40, 24, true)
	path := filepath.Join(t.TempDir(), "w"+LatticeSuffix)
	if _, err := CreateLattice(path, m, LatticeOptions{TensorName: "w", BlockRows: 8}); err != nil {
		t.Fatal(err)
	}
	if kind, err := DetectFile(path); kind != KindLattice || err != nil || kind.String() != "CDNA lattice" {
		t.Errorf("%v, %v", kind, err)
	}
	f, err := OpenLattice(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sums, err := f.PackedSums(ctx)
	if err != nil || len(sums) != 8*f.NumBlocks() {
		t.Errorf("%q, %v", sums, err)
	}
	if err := f.ExpectPacked(sums[8:] + sums[:8]); err != nil {
		t.Error(err)
	}
	block := make([]byte, f.Block(0).DecompLen)
	if _, err := f.ReadBlock(ctx, block, 0, nil); !errors.Is(err, ErrChecksum) {
		t.Errorf("with the sum of another block: %v", err)
	}
	if err := f.ExpectPacked(sums); err != nil {
		t.Error(err)
	}
	if print, err := f.Fingerprint(ctx); err != nil || print != f.HeadSHA256() || len(print) != 64 || f.Note() != "" {
		t.Errorf("%q, %v, %q", print, err, f.Note())
	}
	got := make([]float32, 40*24)
	v := NewVerifier(TrustCached, f.NumBlocks(), 0)
	if err := f.Uncached().ReadFloat32(ctx, got, 0, v); err != nil || !sameBits(got, m.weights()) {
		t.Error(err)
	}
	w := f.Weights(v)
	if err := w.ReadRows(ctx, got[:48], 3, 5); err != nil || !sameBits(got[:48], m.weights()[72:120]) || w.Rows() != 40 || w.Cols() != 24 {
		t.Error(err)
	}
}

func FuzzOpenLattice(f *testing.F) {
	for _, codec := range []string{"none", "huff0", "rans", AliasCodec, PackedCodec} {
		f.Add(writeLatticeFile(f, latticeSample(6, 30, codec == "none"), LatticeOptions{TensorName: "w", BlockRows: 4, Codec: codec}))
	}
	f.Add([]byte(magicLattice))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, resealLattice(b)} {
			g, err := openLatticeBytes(b)
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

// resealLattice gives a head that may be one its right sum, which fuzzing cannot guess.
func resealLattice(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < prefixLen {
		return b
	}
	end := prefixLen + int(binary.LittleEndian.Uint16(b[6:]))
	if end > len(b) {
		return b
	}
	h, l, _, err := parseLatticeHeader(b[prefixLen:end])
	if err != nil || h.Rows < 1 || h.Cols < 1 {
		return b
	}
	section, err := l.sectionLen(h.Rows, h.Cols)
	if err != nil || section > int64(len(b)-end-4) {
		return b
	}
	table := end + int(section)
	if start := int64(table) + 4 + int64(binary.LittleEndian.Uint32(b[table:]))*indexEntryLen; start <= int64(len(b)) && headSumDigits(b[:start], end) != nil {
		sealHead(b[:start], end)
	}
	return b
}
