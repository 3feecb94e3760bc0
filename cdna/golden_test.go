package cdna

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const goldenDir = "../../shared/golden"

// goldens returns the cases of golden/index.json whose name starts with prefix, or skips the test.
func goldens(t testing.TB, prefix string) map[string]json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(goldenDir, "index.json"))
	if err != nil {
		t.Skipf("no golden files here: %v", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	cases := map[string]json.RawMessage{}
	for name, c := range all {
		if strings.HasPrefix(name, prefix) {
			cases[name] = c
		}
	}
	if len(cases) == 0 {
		t.Fatalf("no golden case starts with %q", prefix)
	}
	return cases
}

func goldenFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// npyData returns the data of a .npy file, whose dtype must be descr.
func npyData(t testing.TB, name, descr string) []byte {
	t.Helper()
	b := goldenFile(t, name)
	n := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	if b[6] != 1 || !regexp.MustCompile(`'descr': '`+descr+`'`).Match(b[:n]) {
		t.Fatalf("%s: not a version 1 array of %s: %s", name, descr, b[:n])
	}
	return b[n:]
}

// decodeFile returns the indices of f and its weights as bytes, and verifies it.
func decodeFile(t testing.TB, f *File) (indices, weights []byte) {
	t.Helper()
	if err := f.Verify(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	indices = make([]byte, f.Rows()*f.Cols())
	if err := f.ReadRows(context.Background(), indices, 0, f.Rows(), nil); err != nil {
		t.Fatal(err)
	}
	codebook := f.Codebook()
	for _, i := range indices {
		weights = binary.LittleEndian.AppendUint32(weights, math.Float32bits(codebook[i]))
	}
	return indices, weights
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestGoldenV1(t *testing.T) {
	for name, raw := range goldens(t, "cdna1/") {
		t.Run(name, func(t *testing.T) {
			var c struct {
				File, Decoded string
				Stats         struct {
					Rows, Cols      int
					CompressedBytes int64 `json:"compressed_bytes"`
				}
				DecodedSHA256 string `json:"decoded_sha256"`
			}
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			f, err := Open(filepath.Join(goldenDir, c.File))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Version() != 1 || f.Rows() != c.Stats.Rows || f.Cols() != c.Stats.Cols || f.Size() != headV1+c.Stats.CompressedBytes {
				t.Errorf("version %d, [%d, %d], %d bytes; want %+v", f.Version(), f.Rows(), f.Cols(), f.Size(), c.Stats)
			}
			indices, weights := decodeFile(t, f)
			if hexSum(weights) != c.DecodedSHA256 || !bytes.Equal(weights, npyData(t, c.Decoded, "<f4")) {
				t.Error("decoded weights differ")
			}
			plain := plainV1(t, goldenFile(t, c.File))
			if !bytes.Equal(indices, plain.indices) {
				t.Error("indices differ from the plain reading")
			}

			var again bytes.Buffer
			if err := WriteV1(&again, f.Rows(), f.Cols(), plain.codebook, indices); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again.Bytes()[:1044], goldenFile(t, c.File)[:1044]) {
				t.Error("written head differs from the original's")
			}
			if got := plainV1(t, again.Bytes()); !bytes.Equal(got.indices, indices) {
				t.Error("written indices differ")
			}
		})
	}
}

func TestGoldenV2(t *testing.T) {
	for name, raw := range goldens(t, "cdna2/") {
		t.Run(name, func(t *testing.T) {
			var c struct {
				File, Decoded  string
				Header         map[string]any
				IndicesSHA256  string `json:"indices_sha256"`
				CodebookSHA256 string `json:"codebook_sha256"`
				Blocks         []struct {
					Offset    int64
					CompLen   int `json:"comp_len"`
					DecompLen int `json:"decomp_len"`
					SHA256    string
				}
			}
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			f, err := Open(filepath.Join(goldenDir, c.File))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			checkHeader(t, f, c.Header)
			indices, weights := decodeFile(t, f)
			codebook := f.Codebook()
			if hexSum(indices) != c.IndicesSHA256 || hexSum(appendCodebook(nil, codebook[:])) != c.CodebookSHA256 {
				t.Error("indices or codebook differ")
			}
			if !bytes.Equal(weights, npyData(t, c.Decoded, "<f4")) {
				t.Error("decoded weights differ")
			}
			if f.NumBlocks() != len(c.Blocks) {
				t.Fatalf("%d blocks, want %d", f.NumBlocks(), len(c.Blocks))
			}
			for i, want := range c.Blocks {
				b := f.Block(i)
				if b.Offset != want.Offset || b.CompLen != want.CompLen || b.DecompLen != want.DecompLen || hex.EncodeToString(b.SHA256[:]) != want.SHA256 {
					t.Errorf("block %d: %+v, want %+v", i, b, want)
				}
			}
			rewriteLikeOriginal(t, f, goldenFile(t, c.File))
		})
	}
}

// checkHeader compares f's header with the JSON that the original wrote.
func checkHeader(t *testing.T, f *File, want map[string]any) {
	t.Helper()
	h := f.Header()
	got := map[string]any{
		"schema": "cdna2_hxz_v1", "dtype": "uint8", "codebook_size": 256,
		"tensor_name": h.TensorName, "shape": []int{h.Rows, h.Cols}, "block_rows": h.BlockRows,
		"num_blocks": h.NumBlocks, "encoding": h.Encoding, "created_utc": h.CreatedUTC,
	}
	if h.Fidelity != nil {
		got["fidelity_stats"] = map[string]any{"cosine_no_sidecar": *h.Fidelity.CosineNoSidecar, "sidecar_required": *h.Fidelity.SidecarRequired}
	}
	for key, value := range h.Extra {
		got[key] = value
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("header %s\nwant   %s", a, b)
	}
}

// rewriteLikeOriginal writes f again and compares the header's text with the original's: same keys, order and numbers.
func rewriteLikeOriginal(t *testing.T, f *File, original []byte) {
	t.Helper()
	h := f.Header()
	codebook := f.Codebook()
	indices := make([]byte, f.Rows()*f.Cols())
	if err := f.ReadRows(context.Background(), indices, 0, f.Rows(), nil); err != nil {
		t.Fatal(err)
	}
	written := writeV2(t, WriterOptions{
		TensorName: h.TensorName, Rows: h.Rows, Cols: h.Cols, BlockRows: h.BlockRows, Codebook: codebook[:],
		Codec: h.Encoding, CreatedUTC: h.CreatedUTC,
	}, indices, h.Fidelity)
	text := original[prefixLen : prefixLen+int(binary.LittleEndian.Uint16(original[6:]))]
	open := bytes.TrimSuffix(text, []byte("}"))
	if !bytes.HasPrefix(written[prefixLen:], open) {
		t.Errorf("header written %s\nwant prefix    %s", written[prefixLen:prefixLen+len(text)], open)
	}
	if got := plainV2(t, written); !bytes.Equal(got.indices, indices) || hexSum(appendCodebook(nil, got.codebook)) != hexSum(appendCodebook(nil, codebook[:])) {
		t.Error("the plain reading of the written file differs")
	}
}

func TestGoldenSidecar(t *testing.T) {
	for name, raw := range goldens(t, "hxzo/") {
		t.Run(name, func(t *testing.T) {
			var c struct {
				File, Positions, Values string
			}
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			s, err := OpenSidecar(filepath.Join(goldenDir, c.File))
			if err != nil {
				t.Fatal(err)
			}
			positions, values := npyData(t, c.Positions, "<i8"), npyData(t, c.Values, "<f2")
			if len(s.Positions) != len(positions)/8 || len(s.Values) != len(values)/2 {
				t.Fatalf("%d positions, %d values; want %d, %d", len(s.Positions), len(s.Values), len(positions)/8, len(values)/2)
			}
			for i := range s.Positions {
				if s.Positions[i] != binary.LittleEndian.Uint64(positions[8*i:]) || s.Values[i] != binary.LittleEndian.Uint16(values[2*i:]) {
					t.Fatalf("outlier %d: %d -> %#x", i, s.Positions[i], s.Values[i])
				}
			}

			stray := s.Stray()
			if (stray > 0) != (name == "hxzo/unsorted_input") {
				t.Errorf("%d stray positions", stray)
			}
			if stray > 0 { // the original wrote a position just outside the shape; we do not
				if err := s.Write(io.Discard); !errors.Is(err, ErrSidecar) {
					t.Errorf("writing a stray position: %v", err)
				}
				return
			}

			// Written again from any order, all but the zlib stream is as the original wrote it.
			rand.New(rand.NewPCG(1, 1)).Shuffle(len(s.Positions), func(i, j int) {
				s.Positions[i], s.Positions[j] = s.Positions[j], s.Positions[i]
				s.Values[i], s.Values[j] = s.Values[j], s.Values[i]
			})
			var again bytes.Buffer
			if err := s.Write(&again); err != nil {
				t.Fatal(err)
			}
			original := goldenFile(t, c.File)
			n := prefixLen + int(binary.BigEndian.Uint16(original[6:]))
			if !bytes.HasPrefix(again.Bytes(), original[:n]) {
				t.Errorf("written %s\nwant    %s", again.Bytes()[:n], original[:n])
			}
			if !bytes.Equal(plainInflate(t, again.Bytes()[n:]), plainInflate(t, original[n:])) {
				t.Error("payload differs")
			}
		})
	}
}

// The files of the matmul cases carry extras and all codecs; they only have to open and verify.
func TestGoldenMatmulFiles(t *testing.T) {
	for name, raw := range goldens(t, "matmul/") {
		var c struct{ File, Sidecar string }
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		f, err := Open(filepath.Join(goldenDir, c.File))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		decodeFile(t, f)
		f.Close()
		if c.Sidecar != "" {
			s, err := OpenSidecar(filepath.Join(goldenDir, c.Sidecar))
			if err == nil {
				err = f.CheckSidecar(s)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
