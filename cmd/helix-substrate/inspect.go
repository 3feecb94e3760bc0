package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/model"
)

type inspectCommand struct {
	Path   string `input:"model" arg:"" name:"path" placeholder:"PATH" help:"A CDNA file, a sidecar, a model directory, or a checkpoint as for convert: of a repository, headers are read in ranges."`
	Token  string `text:"" name:"token" placeholder:"T" help:"The hub's access token (default: HF_TOKEN, or what 'hf auth login' stored)."`
	File   string `text:"" name:"file" placeholder:"NAME" help:"Which of a directory's or repository's files, such as one of its GGUF files."`
	Blocks bool   `name:"blocks" help:"List a file's blocks too."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (c *inspectCommand) Help() string {
	return "Examples:\n  helix-substrate inspect model-dir\n  helix-substrate inspect w.cdna2.hxz --blocks\n  helix-substrate inspect model.gguf"
}

func (c *inspectCommand) Run(env *environment) error {
	info, err := os.Stat(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return c.source(env) // a repository, perhaps
	} else if err != nil {
		return err
	}
	if info.IsDir() {
		if model.IsModel(c.Path) {
			return c.model(env)
		}
		return c.source(env)
	}
	kind, err := cdna.DetectFile(c.Path)
	if err != nil {
		return err
	}
	switch kind {
	case cdna.KindUnknown:
		return c.source(env)
	case cdna.KindSidecar:
		return c.sidecar(env)
	case cdna.KindLossless:
		return c.lossless(env)
	}
	return c.file(env)
}

func (c *inspectCommand) model(env *environment) error {
	m, err := model.Open(c.Path)
	if err != nil {
		return err
	}
	if err := m.CheckDerived(); err != nil {
		return fmt.Errorf("%s: %w", m.Path(model.ManifestName), err)
	}
	uncovered := m.Manifest.Uncovered()
	if c.JSON {
		return writeJSON(env.stdout, modelReport{m.Manifest, uncovered})
	}
	var rows [][]string
	for _, t := range m.Tensors() {
		row := []string{t.Name, t.Format, shape(t.Shape...), size(t.Bytes), "exact", "", ""}
		if t.Format != model.FormatNPY {
			dims := t.OriginalShape
			if uncovered != nil {
				dims = t.CDNAShape // which the file has too
			}
			row = append(row[:2], shape(dims...), size(t.CompressedBytes))
			if f := t.Fidelity; f != nil && uncovered == nil {
				row = append(row, decimal(f.BitsPerWeight, 3), snr(f.SNRdB), decimal(f.Cosine, 6))
			} else {
				row = append(row, "", "", "")
			}
		}
		rows = append(rows, row)
	}
	writeTable(env.stdout, []string{"tensor", "format", "shape", "size", "bits", "SNR", "cosine"}, rows)
	s := m.Manifest.Stats
	if uncovered != nil {
		fmt.Fprintf(env.stdout, "\n%s: %d tensors; unverified, and left out above: %s\n", c.Path, len(rows), strings.Join(uncovered, ", "))
		return nil
	}
	fmt.Fprintf(env.stdout, "\n%s: %d tensors, codec %s, %s from %s (%.2f×)\n", c.Path, len(rows), m.Manifest.Codec,
		size(s.CompressedBytes), size(s.OriginalBytes), s.OverallRatio)
	return nil
}

// modelReport is what inspect prints of a model directory as JSON.
type modelReport struct {
	*model.Manifest
	Unverified []string `json:"unverified,omitempty"` // what no root covers
}

// fileReport is what inspect prints of a CDNA file as JSON.
type fileReport struct {
	Path      string        `json:"path"`
	Version   int           `json:"version"`
	Hashed    bool          `json:"hashed"` // damage is noticed; false for version 1
	Tensor    string        `json:"tensor_name"`
	Shape     [2]int        `json:"shape"`
	Encoding  string        `json:"encoding"`
	BlockRows int           `json:"block_rows"`
	NumBlocks int           `json:"num_blocks"`
	Bytes     int64         `json:"bytes"`
	Bits      float64       `json:"bits_per_weight"`
	Created   string        `json:"created_utc,omitempty"`
	Fidelity  any           `json:"fidelity_stats,omitempty"`
	Extra     any           `json:"extra,omitempty"`
	DType     string        `json:"dtype,omitempty"`    // of a lossless file's elements
	Codebook  []string      `json:"codebook,omitempty"` // shortest decimal that parses to the same float32
	Blocks    []blockReport `json:"blocks,omitempty"`
}

type blockReport struct {
	Offset   int64  `json:"offset"`
	CompLen  int    `json:"comp_len"`
	Len      int    `json:"decomp_len"`
	FirstRow int    `json:"first_row"`
	Rows     int    `json:"rows"`
	SHA256   string `json:"sha256"`
}

func (c *inspectCommand) file(env *environment) error {
	f, err := openCDNA(env.ctx, c.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := f.Header()
	r := c.report(&f.Blocks)
	noteVersion1(env, f)
	r.Version, r.Hashed = f.Version(), f.Version() > 1
	if h.Fidelity != nil {
		r.Fidelity = h.Fidelity
	}
	for _, v := range f.Codebook() {
		r.Codebook = append(r.Codebook, fmt.Sprint(v))
	}
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	printFile(env.stdout, r, h, f)
	return nil
}

// report describes what files with and without a codebook have in common.
func (c *inspectCommand) report(f *cdna.Blocks) *fileReport {
	h := f.Header()
	r := &fileReport{
		Path: c.Path, Version: 1, Tensor: h.TensorName, Shape: [2]int{f.Rows(), f.Cols()}, Encoding: h.Encoding,
		BlockRows: h.BlockRows, NumBlocks: f.NumBlocks(), Bytes: f.Size(), Created: h.CreatedUTC, Hashed: true,
		Bits: float64(f.Size()) * 8 / max(1, float64(f.Rows())*float64(f.Cols())),
	}
	if len(h.Extra) > 0 {
		r.Extra = h.Extra
	}
	if c.Blocks {
		for i := range f.NumBlocks() {
			b := f.Block(i)
			r.Blocks = append(r.Blocks, blockReport{b.Offset, b.CompLen, b.DecompLen, b.FirstRow, b.Rows, fmt.Sprintf("%x", b.SHA256)})
		}
	}
	return r
}

func (c *inspectCommand) lossless(env *environment) error {
	f, err := cdna.OpenLossless(c.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := c.report(&f.Blocks)
	r.DType = string(f.DType())
	if c.JSON {
		return writeJSON(env.stdout, r)
	}
	writeFields(env.stdout, []field{
		{"format", "CDNA lossless"},
		{"tensor", r.Tensor},
		{"shape", shape(f.Rows(), f.Cols())},
		{"dtype", r.DType},
		{"blocks", blockSummary(r.NumBlocks, min(r.BlockRows, f.Rows()), r.Encoding)},
		{"size", fmt.Sprintf("%s, %.3f bits per weight", size(r.Bytes), r.Bits)},
		{"created", r.Created},
	})
	printBlocks(env.stdout, r.Blocks, "bytes")
	return nil
}

func printFile(w io.Writer, r *fileReport, h *cdna.Header, f *cdna.File) {
	values := f.Codebook()
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	fields := []field{
		{"format", fmt.Sprintf("CDNA version %d", r.Version)},
		{"tensor", r.Tensor},
		{"shape", shape(f.Rows(), f.Cols())},
		{"blocks", blockSummary(r.NumBlocks, min(r.BlockRows, f.Rows()), r.Encoding)},
		{"size", fmt.Sprintf("%s, %.3f bits per weight", size(r.Bytes), r.Bits)},
		{"codebook", fmt.Sprintf("%g … %g", low, high)},
		{"created", r.Created},
	}
	if fs := h.Fidelity; fs != nil {
		if fs.CosineNoSidecar != nil {
			fields = append(fields, field{"cosine without sidecar", decimal(*fs.CosineNoSidecar, 7)})
		}
		if db, ok := fs.Number("snr_db"); ok {
			fields = append(fields, field{"SNR", decimal(db, 2) + " dB"})
		}
	}
	writeFields(w, fields)
	printBlocks(w, r.Blocks, "indices")
}

// printBlocks lists blocks, if there are any; unit is what they hold.
func printBlocks(w io.Writer, blocks []blockReport, unit string) {
	if len(blocks) == 0 {
		return
	}
	fmt.Fprintln(w)
	rows := make([][]string, len(blocks))
	for i, b := range blocks {
		rows[i] = []string{fmt.Sprint(i), fmt.Sprint(b.FirstRow), fmt.Sprint(b.Rows), fmt.Sprint(b.Offset), fmt.Sprint(b.CompLen), fmt.Sprint(b.Len), b.SHA256}
	}
	writeTable(w, []string{"block", "first row", "rows", "offset", "stored", unit, "sha256"}, rows)
}

func (c *inspectCommand) sidecar(env *environment) error {
	s, err := cdna.OpenSidecar(c.Path)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(env.stdout, map[string]any{
			"path": c.Path, "tensor_name": s.Header.TensorName, "shape": []int{s.Header.Rows, s.Header.Cols},
			"num_outliers": len(s.Positions), "created_utc": s.Header.CreatedUTC, "threshold_policy": s.Header.Policy,
		})
	}
	writeFields(env.stdout, []field{
		{"format", "HXZO outlier sidecar"},
		{"tensor", s.Header.TensorName},
		{"shape", shape(s.Header.Rows, s.Header.Cols)},
		{"outliers", fmt.Sprint(len(s.Positions))},
		{"created", s.Header.CreatedUTC},
	})
	return nil
}
