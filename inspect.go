package helix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/model"
)

// Description is what Inspect found: one of its fields.
type Description struct {
	Model      *ModelDescription
	File       *FileDescription
	Sidecar    *SidecarDescription
	Checkpoint *CheckpointDescription
}

// ModelDescription is a model directory's manifest.
type ModelDescription struct {
	*model.Manifest
	Unverified []string `json:"unverified,omitempty"` // what in it no root covers
}

// FileDescription is a CDNA file's header.
type FileDescription struct {
	Path      string                     `json:"path"`
	Version   int                        `json:"version"`
	Hashed    bool                       `json:"hashed"` // damage is noticed; false for version 1
	Tensor    string                     `json:"tensor_name"`
	Shape     [2]int                     `json:"shape"`
	Encoding  string                     `json:"encoding"`
	BlockRows int                        `json:"block_rows"`
	NumBlocks int                        `json:"num_blocks"`
	Bytes     int64                      `json:"bytes"`
	Bits      float64                    `json:"bits_per_weight"`
	Created   string                     `json:"created_utc,omitempty"`
	Fidelity  *cdna.FidelityStats        `json:"fidelity_stats,omitempty"`
	Extra     map[string]json.RawMessage `json:"extra,omitempty"`
	DType     string                     `json:"dtype,omitempty"`    // of a lossless file's elements
	Codebook  codebookValues             `json:"codebook,omitempty"` // none in a lossless or lattice file
	Lattice   *LatticeDescription        `json:"lattice,omitempty"`  // of a lattice file
	Blocks    []BlockDescription         `json:"blocks,omitempty"`
	Note      string                     `json:"-"` // what should be known of it, for people
}

// codebookValues are written as the shortest decimals that parse to the same float32, in quotes.
type codebookValues []float32

// MarshalJSON writes the decimals.
func (v codebookValues) MarshalJSON() ([]byte, error) {
	text := make([]string, len(v))
	for i, x := range v {
		text[i] = fmt.Sprint(x)
	}
	return json.Marshal(text)
}

// LatticeDescription is what the head of a lattice file has besides.
type LatticeDescription struct {
	Classes    []int `json:"classes"`        // of columns, by spread: how many it has
	Escapes    int   `json:"escapes"`        // integers that no code holds
	Resident   int64 `json:"resident_bytes"` // memory of the matrix
	Exceptions int64 `json:"exceptions"`     // bytes of these for codes that their tile's width does not hold
}

// BlockDescription is an entry of a file's block index.
type BlockDescription struct {
	Offset   int64  `json:"offset"`
	CompLen  int    `json:"comp_len"`
	Len      int    `json:"decomp_len"`
	FirstRow int    `json:"first_row"`
	Rows     int    `json:"rows"`
	SHA256   string `json:"sha256"`
}

// SidecarDescription is an outlier file's header.
type SidecarDescription struct {
	Created  string               `json:"created_utc"`
	Outliers int                  `json:"num_outliers"`
	Path     string               `json:"path"`
	Shape    [2]int               `json:"shape"`
	Tensor   string               `json:"tensor_name"`
	Policy   cdna.ThresholdPolicy `json:"threshold_policy"`
}

// CheckpointDescription is what a checkpoint's headers say.
type CheckpointDescription struct {
	Path string `json:"path"`
	// Quantization says how the weights are stored; Refused, if it is not empty, why they
	// are not read: then Tensors are what is stored.
	Quantization string              `json:"quantization,omitempty"`
	Refused      string              `json:"refused,omitempty"`
	Files        []string            `json:"files"`
	Bytes        int64               `json:"bytes"`
	Weights      int64               `json:"weights"`
	Tensors      []TensorDescription `json:"tensors"`
}

// TensorDescription is a tensor of a checkpoint.
type TensorDescription struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	Bytes int64  `json:"bytes"`
	File  string `json:"file"`
}

// InspectOptions are for checkpoints and repositories of the hub.
type InspectOptions struct {
	Token string // the hub's access token; empty: HF_TOKEN, or what 'hf auth login' stored
	File  string // which of a directory's or repository's files, such as one of its GGUF files
	Root  string // the root that a model directory must have, in hex; "" for any
}

// Inspect describes what is at path, a CDNA file, a sidecar, a model directory, a checkpoint or
// a repository of the hub, also at an address (see [Open]), reading headers only. A model directory whose manifest says something
// else than its files' headers is model.ErrMismatch.
func Inspect(ctx context.Context, path string, o InspectOptions) (*Description, error) {
	kind, err := checkpoint.Identify(path)
	if err != nil {
		return nil, err
	}
	if kind == checkpoint.Converted || kind == checkpoint.Far {
		return inspectAt(ctx, path, o)
	}
	if o.Root != "" {
		return nil, fmt.Errorf("%s: no model directory, so it has no root: %w", path, ErrRoot)
	}
	switch kind {
	case checkpoint.Source, checkpoint.Repository:
		return describeCheckpoint(path, o, func(so checkpoint.Options) (*checkpoint.Checkpoint, error) {
			return checkpoint.OpenSource(ctx, path, so)
		})
	case checkpoint.Outliers:
		s, err := cdna.OpenSidecar(path)
		if err != nil {
			return nil, err
		}
		h := &s.Header
		return &Description{Sidecar: &SidecarDescription{h.CreatedUTC, len(s.Positions), path, [2]int{h.Rows, h.Cols}, h.TensorName, h.Policy}}, nil
	case checkpoint.Lossless:
		f, err := cdna.OpenLossless(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		d := describeFile(&f.Blocks)
		d.DType = string(f.DType())
		return &Description{File: d}, nil
	case checkpoint.Lattice:
		f, err := cdna.OpenLattice(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		d := describeFile(&f.Blocks)
		d.Fidelity, d.Lattice = f.Header().Fidelity, describeLattice(f)
		return &Description{File: d}, nil
	}
	f, err := cdna.OpenContext(ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := describeFile(&f.Blocks)
	values := f.Codebook()
	d.Version, d.Hashed, d.Note, d.Fidelity, d.Codebook = f.Version(), f.Version() > 1, f.Note(), f.Header().Fidelity, values[:]
	return &Description{File: d}, nil
}

// inspectAt describes a model directory, or what lies far from here.
func inspectAt(ctx context.Context, path string, o InspectOptions) (*Description, error) {
	at, err := checkpoint.FindWithToken(ctx, path, o.Token)
	if err != nil {
		return nil, err
	}
	if at, err = at.Expect(o.Root); err != nil {
		return nil, err
	}
	if !at.Converted() {
		return describeCheckpoint(path, o, func(so checkpoint.Options) (*checkpoint.Checkpoint, error) { return at.Checkpoint(ctx, so) })
	}
	m, err := at.Model(ctx, "")
	if err != nil {
		return nil, err
	}
	if err := m.CheckDerived(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path(model.ManifestName), err)
	}
	return &Description{Model: &ModelDescription{m.Manifest, m.Manifest.Uncovered()}}, nil
}

// describeFile describes what files with and without a codebook have in common.
func describeFile(f *cdna.Blocks) *FileDescription {
	h := f.Header()
	d := &FileDescription{
		Path: f.Name(), Version: 1, Hashed: true, Tensor: h.TensorName, Shape: [2]int{f.Rows(), f.Cols()}, Encoding: h.Encoding,
		BlockRows: h.BlockRows, NumBlocks: f.NumBlocks(), Bytes: f.Size(), Created: h.CreatedUTC, Extra: h.Extra,
		Bits: float64(f.Size()) * 8 / max(1, float64(f.Rows())*float64(f.Cols())),
	}
	for i := range f.NumBlocks() {
		b := f.Block(i)
		d.Blocks = append(d.Blocks, BlockDescription{b.Offset, b.CompLen, b.DecompLen, b.FirstRow, b.Rows, fmt.Sprintf("%x", b.SHA256)})
	}
	return d
}

func describeLattice(f *cdna.Lattice) *LatticeDescription {
	d := &LatticeDescription{Escapes: len(f.Escapes()), Resident: f.ResidentBytes()}
	_, d.Exceptions = f.Packed()
	for k := range f.NumClasses() {
		d.Classes = append(d.Classes, f.Starts()[k+1]-f.Starts()[k])
	}
	return d
}

// describeCheckpoint describes a checkpoint by its headers alone. What is not read, because
// of how it is quantized, is described as it is stored.
func describeCheckpoint(path string, o InspectOptions, open func(checkpoint.Options) (*checkpoint.Checkpoint, error)) (*Description, error) {
	so := checkpoint.Options{Headers: true, Token: o.Token, File: o.File}
	src, err := open(so)
	refused := ""
	if errors.Is(err, checkpoint.ErrQuantization) || errors.Is(err, checkpoint.ErrScale) {
		refused, so.Stored = err.Error(), true
		src, err = open(so)
	}
	if err != nil {
		return nil, err
	}
	defer src.Close()
	d := &CheckpointDescription{Path: path, Quantization: src.Quantization(), Refused: refused, Files: src.WeightFiles(), Bytes: src.Bytes()}
	for _, t := range src.Tensors() {
		d.Weights += int64(t.Len())
		d.Tensors = append(d.Tensors, TensorDescription{t.Name, t.DType, append([]int{}, t.Shape...), t.Size, t.File})
	}
	return &Description{Checkpoint: d}, nil
}
