package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
	"github.com/helix-substrate/helix-substrate/se/route"
)

// ManifestName is the file that makes a directory a model directory.
const ManifestName = "manifest.json"

// MetadataName is a GGUF file without tensors: the metadata of the GGUF file that
// a model was converted from, its vocabulary included.
const MetadataName = "metadata.gguf"

// Version is the release of this library.
const Version = "0.1.0"

// Tool is what manifests say they were written by.
const Tool = "helix-substrate " + Version

// Formats of a tensor in a model directory.
const (
	FormatCDNA2 = "cdna_v2" // compressed: Tensor.File is a CDNA v2 file
	FormatNPY   = "npy"     // exact: Tensor.File is a .npy file

	// FormatLossless is exact and compressed: Tensor.File is a lossless CDNA file of
	// elements of type Tensor.DType.
	FormatLossless = "lossless_v1"
	// FormatLattice is integers with a step per column and a scale per row: Tensor.File is a lattice file.
	FormatLattice = "lattice_v1"
)

// Manifest is manifest.json. Byte counts are of files as they lie on disk;
// OriginalBytes are the source's own bytes, not a float32 expansion of them.
type Manifest struct {
	ModelID      string            `json:"model_id,omitempty"`
	SourceGGUF   string            `json:"source_gguf,omitempty"`
	SourceSHA256 string            `json:"source_sha256,omitempty"` // when the source is one file
	Sources      []File            `json:"sources,omitempty"`       // the files it was converted from
	Files        []File            `json:"files,omitempty"`         // config.json, tokenizer files and the like, copied
	Tool         string            `json:"tool,omitempty"`
	Repository   string            `json:"source_repository,omitempty"` // owner/name@commit
	Options      map[string]any    `json:"options,omitempty"`
	Format       string            `json:"format"`
	Codec        string            `json:"codec"`
	BlockRows    int               `json:"block_rows"` // 0: chosen for each tensor
	Tensors      map[string]Tensor `json:"tensors"`
	Certificate  *Certificate      `json:"certificate,omitempty"`
	ExpertUse    *ExpertUse        `json:"expert_use,omitempty"` // of a mixture that was calibrated, by that text
	Stats        Stats             `json:"stats"`
	RootScheme   int               `json:"root_scheme,omitempty"` // what RootSHA256 is of: see Root
	RootSHA256   string            `json:"root_sha256,omitempty"` // the last key

	text string // SHA-256 of the text that it was read from, its own digits as zeros: see Root
}

// Certificate says how far the model's predictions are from its source's: what was measured, when
// it was converted, on text that its matrices were not designed by.
type Certificate struct {
	MeanKLD    float64 `json:"mean_kld"` // Σ p·ln(p/q), nats a token; p is the source's
	P99KLD     float64 `json:"p99_kld"`
	P999KLD    float64 `json:"p999_kld"`
	SameTop    float64 `json:"same_top_1"`    // share of tokens where both think the same most likely
	Tokens     int     `json:"tokens_scored"` // the second halves of windows of Context tokens
	Context    int     `json:"context"`
	TextSHA256 string  `json:"text_sha256"` // of the text that the windows are of
}

// File is a file that is not a tensor.
type File struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Tensor describes one tensor. Matrices (FormatCDNA2, FormatLattice, FormatLossless) fill the
// first group of fields, exact tensors (FormatNPY) the second; lossless ones have a
// DType too.
type Tensor struct {
	Name   string `json:"-"`
	Format string `json:"format"`
	File   string `json:"file"`
	SHA256 string `json:"sha256,omitempty"` // of File
	// HeadSHA256 is a compressed matrix's fingerprint (see cdna.File.Fingerprint), which
	// tells its header, codebook and block index as soon as it is opened.
	HeadSHA256 string `json:"head_sha256,omitempty"`
	// BlockCRC32C are the sums of its blocks as they are packed: see cdna.Blocks.PackedSums.
	BlockCRC32C string `json:"block_crc32c,omitempty"`
	// SameAs is another tensor whose files this one shares: their bytes were the same.
	SameAs       string `json:"same_as,omitempty"`
	SourceSHA256 string `json:"source_sha256,omitempty"` // of the bytes in the source

	OriginalShape    []int     `json:"original_shape,omitempty"`
	CDNAShape        []int     `json:"cdna_shape,omitempty"` // [rows, cols]
	QuantType        string    `json:"quant_type,omitempty"` // of a GGUF source
	SourceDType      string    `json:"source_dtype,omitempty"`
	OriginalBytes    int64     `json:"original_bytes,omitempty"`
	CompressedBytes  int64     `json:"compressed_bytes,omitempty"` // File and Sidecar
	CompressionRatio float64   `json:"compression_ratio,omitempty"`
	Fidelity         *Fidelity `json:"fidelity,omitempty"`
	Sidecar          *Sidecar  `json:"sidecar,omitempty"`
	Entropy          *Entropy  `json:"structural_entropy,omitempty"` // of the source's weights

	Shape []int  `json:"shape,omitempty"`
	DType string `json:"dtype,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

// IsArray tells tensors that lie in .npy files from compressed ones.
func (t *Tensor) IsArray() bool { return t.Format == FormatNPY }

// Entropy is what was measured of a matrix, and where the converter's policy would
// compute it. Which machine does is decided where the model runs: route.Registry.Resolve.
type Entropy struct {
	route.Result
	Decision route.Decision `json:"decision"`
}

// Fidelity is the error against the source's weights, sidecar included. SNRdB
// is absent when the weights are exact.
type Fidelity struct {
	BitsPerWeight float64  `json:"bits_per_weight"`
	SNRdB         *float64 `json:"snr_db,omitempty"`
	MSE           float64  `json:"mse"`
	Cosine        float64  `json:"cosine"`
	MaxAbsError   float64  `json:"max_abs_error"`
	// OutputSNRdB is that of the products with inputs like those of a calibration, BitsInMemory what a
	// weight takes unpacked; of lattice matrices.
	OutputSNRdB  *float64 `json:"output_snr_db,omitempty"`
	BitsInMemory float64  `json:"bits_in_memory,omitempty"`
}

// Sidecar names the file of a matrix's outliers.
type Sidecar struct {
	File     string `json:"file"`
	SHA256   string `json:"sha256,omitempty"`
	Outliers int    `json:"outliers"`
	Bytes    int64  `json:"bytes"`
}

// Stats sums the tensors.
type Stats struct {
	TensorCount     int     `json:"tensor_count"`
	OriginalBytes   int64   `json:"original_bytes"`
	CompressedBytes int64   `json:"compressed_bytes"`
	OverallRatio    float64 `json:"overall_ratio"`
}

// Uncovered names what the manifest says and no root covers, so that anybody may have
// written it; nil for a manifest with a root scheme. What derives from the files, such as
// hashes, is covered by them.
func (m *Manifest) Uncovered() []string {
	if m.RootScheme != 0 {
		return nil
	}
	names := []string{
		"fidelity", "structural_entropy", "stats", "codec", "options", "model_id", "source_repository", "sources", "tool",
		"original_shape", "source_dtype", "quant_type",
	}
	if m.RootSHA256 == "" {
		names = append(names, "the list of files and their hashes")
	}
	return names
}

// Write writes the manifest of the model directory dir, whole or not at all.
func (m *Manifest) Write(dir string) error {
	return atomicfile.Write(filepath.Join(dir, ManifestName), m.Encode)
}

// Encode writes the manifest as its file has it.
func (m *Manifest) Encode(w io.Writer) error {
	b, err := m.encode()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// encode returns the text of the manifest.
func (m *Manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	return append(b, '\n'), err
}

// parseManifest reads and checks a manifest's text, in either form. Errors wrap
// ErrManifest.
func parseManifest(text []byte) (*Manifest, error) {
	parse := parseUnsealed
	if bytes.Contains(text, []byte(`"root_scheme"`)) {
		parse = parseSealed
	}
	m, err := parse(text)
	if err != nil {
		return nil, err
	}
	if m.Tensors == nil {
		return nil, fmt.Errorf("neither tensors nor shards: %w", ErrManifest)
	}
	for name, t := range m.Tensors {
		t.Name = name
		m.Tensors[name] = t
	}
	for _, t := range m.sorted() {
		err := t.check()
		if err == nil && m.RootScheme != 0 {
			err = t.checkSums()
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %v: %w", t.Name, err, ErrManifest)
		}
	}
	for _, f := range m.Files {
		err := checkFile(f.File)
		if err == nil && m.RootScheme != 0 {
			err = checkSum("sha256 of "+f.File, f.SHA256)
		}
		if err != nil {
			return nil, fmt.Errorf("%v: %w", err, ErrManifest)
		}
	}
	return m, nil
}

// parseUnsealed reads a manifest of an earlier release or another program, in either form.
// It may have keys of its own, and null for what is not known; none that can be read in two
// ways.
func parseUnsealed(text []byte) (*Manifest, error) {
	var both struct {
		Manifest
		olderManifest
	}
	if err := strictjson.UnmarshalOpen(text, &both, ErrManifest); err != nil {
		return nil, err
	}
	m := &both.Manifest
	if m.RootScheme != 0 { // the key with escapes
		return parseSealed(text)
	}
	if m.Tensors == nil && both.Shards != nil {
		if err := both.olderManifest.into(m); err != nil {
			return nil, fmt.Errorf("%v: %w", err, ErrManifest)
		}
	}
	return m, nil
}

// parseSealed reads a manifest whose root covers its text. It is strict: what two
// readers could take for two things is refused.
func parseSealed(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := strictjson.Unmarshal(text, m, ErrManifest); err != nil {
		return nil, err
	}
	if m.RootScheme != RootScheme {
		return nil, fmt.Errorf("root_scheme %d is not known here, only %d: %w", m.RootScheme, RootScheme, ErrManifest)
	}
	var err error
	m.text, err = sumText(text, m.RootSHA256)
	return m, err
}

// check refuses entries that point outside the directory or lack what readers need.
func (t *Tensor) check() error {
	if err := checkFile(t.File); err != nil {
		return err
	}
	if t.Sidecar != nil {
		if err := checkFile(t.Sidecar.File); err != nil {
			return err
		}
	}
	switch t.Format {
	case FormatCDNA2, FormatLattice, FormatLossless:
		if len(t.CDNAShape) != 2 || t.CDNAShape[0] < 0 || t.CDNAShape[1] < 0 {
			return fmt.Errorf("cdna_shape %v is not [rows, cols]", t.CDNAShape)
		}
		if t.OriginalShape == nil {
			break
		}
		if _, ok := elements(t.OriginalShape); !ok {
			return fmt.Errorf("original_shape %v", t.OriginalShape)
		}
		if rows, cols := MatrixShape(t.OriginalShape); rows != t.CDNAShape[0] || cols != t.CDNAShape[1] {
			return fmt.Errorf("original_shape %v is stored as [%d, %d], not as cdna_shape %v", t.OriginalShape, rows, cols, t.CDNAShape)
		}
	case FormatNPY:
		if _, ok := elements(t.Shape); !ok {
			return fmt.Errorf("shape %v", t.Shape)
		}
	default:
		return fmt.Errorf("unknown format %q", t.Format)
	}
	return nil
}

// checkSums refuses an entry that lacks a hash which a root scheme demands.
func (t *Tensor) checkSums() error {
	if err := checkSum("sha256", t.SHA256); err != nil {
		return err
	}
	if t.Format != FormatNPY {
		if err := checkSum("head_sha256", t.HeadSHA256); err != nil {
			return err
		}
		if t.BlockCRC32C == "" {
			return errors.New("no block_crc32c")
		}
	}
	if t.Sidecar != nil {
		return checkSum("sha256 of the sidecar", t.Sidecar.SHA256)
	}
	return nil
}

// checkSum refuses what is not a SHA-256 in hex.
func checkSum(name, sum string) error {
	if len(sum) != 2*sha256.Size || strings.Trim(sum, "0123456789abcdef") != "" {
		return fmt.Errorf("%s: %q is not 64 lower-case hexadecimal digits", name, sum)
	}
	return nil
}

// checkFile refuses names that are not inside the directory on every system.
func checkFile(name string) error {
	if name == "" || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\:\x00") {
		return fmt.Errorf("file name %q leaves the directory", name)
	}
	return nil
}

// sorted returns the tensors by name.
func (m *Manifest) sorted() []Tensor {
	ts := make([]Tensor, 0, len(m.Tensors))
	for _, t := range m.Tensors {
		ts = append(ts, t)
	}
	slices.SortFunc(ts, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return ts
}
