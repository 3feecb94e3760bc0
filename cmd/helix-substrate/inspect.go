package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	helix "github.com/helix-substrate/helix-substrate"
)

type inspectCommand struct {
	Path   string `input:"model" arg:"" name:"path" placeholder:"PATH" help:"A CDNA file, a sidecar, a model directory, or a checkpoint as for convert: of a repository, headers are read in ranges."`
	Token  string `text:"" name:"token" placeholder:"T" help:"The hub's access token (default: HF_TOKEN, or what 'hf auth login' stored)."`
	File   string `text:"" name:"file" placeholder:"NAME" help:"Which of a directory's or repository's files, such as one of its GGUF files."`
	Root   string `text:"" name:"root" placeholder:"SHA256" help:"The root that a model directory must have, known from elsewhere."`
	Blocks bool   `name:"blocks" help:"List a file's blocks too."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (c *inspectCommand) Help() string {
	return "Examples:\n  helix-substrate inspect model-dir\n  helix-substrate inspect w.cdna2.hxz --blocks\n  helix-substrate inspect model.gguf"
}

func (c *inspectCommand) Run(env *environment) error {
	d, err := helix.Inspect(env.ctx, c.Path, helix.InspectOptions{Token: c.Token, File: c.File, Root: c.Root})
	if err != nil {
		return err
	}
	show := func(description any, print func()) error {
		if c.JSON {
			return writeJSON(env.stdout, description)
		}
		print()
		return nil
	}
	switch {
	case d.Model != nil:
		return show(d.Model, func() { printModel(env.stdout, c.Path, d.Model) })
	case d.Sidecar != nil:
		return show(d.Sidecar, func() { printSidecar(env.stdout, d.Sidecar) })
	case d.Checkpoint != nil:
		return show(d.Checkpoint, func() { printCheckpoint(env.stdout, d.Checkpoint) })
	}
	if !c.Blocks {
		d.File.Blocks = nil
	}
	env.note(d.File.Note)
	return show(d.File, func() { printFile(env.stdout, d.File) })
}

func printModel(w io.Writer, path string, m *helix.ModelDescription) {
	rows := make([][]string, 0, len(m.Tensors))
	for _, name := range slices.Sorted(maps.Keys(m.Tensors)) {
		t := m.Tensors[name]
		row := []string{name, t.Format, shape(t.Shape...), size(t.Bytes), "exact", "", ""}
		if !t.IsArray() {
			dims := t.OriginalShape
			if m.Unverified != nil {
				dims = t.CDNAShape // which the file has too
			}
			row = append(row[:2], shape(dims...), size(t.CompressedBytes))
			if f := t.Fidelity; f != nil && m.Unverified == nil {
				row = append(row, decimal(f.BitsPerWeight, 3), snr(f.SNRdB), decimal(f.Cosine, 6))
			} else {
				row = append(row, "", "", "")
			}
		}
		rows = append(rows, row)
	}
	writeTable(w, []string{"tensor", "format", "shape", "size", "bits", "SNR", "cosine"}, rows)
	if m.Unverified != nil {
		fmt.Fprintf(w, "\n%s: %d tensors; unverified, and left out above: %s\n", path, len(rows), strings.Join(m.Unverified, ", "))
		return
	}
	s := m.Stats
	fmt.Fprintf(w, "\n%s: %d tensors, codec %s, %s from %s (%.2f×)\n", path, len(rows), m.Codec,
		size(s.CompressedBytes), size(s.OriginalBytes), s.OverallRatio)
}

func printFile(w io.Writer, f *helix.FileDescription) {
	format, unit := fmt.Sprintf("CDNA version %d", f.Version), "indices"
	switch {
	case f.DType != "":
		format, unit = "CDNA lossless", "bytes"
	case f.Lattice != nil:
		format, unit = "CDNA lattice", "codes"
	}
	fields := []field{{"format", format}, {"tensor", f.Tensor}, {"shape", shape(f.Shape[:]...)}}
	if f.DType != "" {
		fields = append(fields, field{"dtype", f.DType})
	}
	fields = append(fields,
		field{"blocks", blockSummary(f.NumBlocks, min(f.BlockRows, f.Shape[0]), f.Encoding)},
		field{"size", fmt.Sprintf("%s, %.3f bits per weight", size(f.Bytes), f.Bits)})
	if f.Codebook != nil {
		fields = append(fields, field{"codebook", fmt.Sprintf("%g … %g", slices.Min(f.Codebook), slices.Max(f.Codebook))})
	}
	if l := f.Lattice; l != nil {
		fields = append(fields, latticeFields(l, f.Shape)...)
	}
	fields = append(fields, field{"created", f.Created})
	if fs := f.Fidelity; fs != nil && f.DType == "" {
		if fs.CosineNoSidecar != nil {
			fields = append(fields, field{"cosine without sidecar", decimal(*fs.CosineNoSidecar, 7)})
		}
		if db, ok := fs.Number("snr_db"); ok {
			fields = append(fields, field{"SNR", decimal(db, 2) + " dB"})
		}
	}
	writeFields(w, fields)
	printBlocks(w, f.Blocks, unit)
}

// latticeFields describes what a lattice file has besides.
func latticeFields(l *helix.LatticeDescription, shape [2]int) []field {
	return []field{
		{"column classes", fmt.Sprintf("%d", len(l.Classes))},
		{"in memory", fmt.Sprintf("%s, %.3f bits per weight; %s of exceptions", size(l.Resident),
			float64(l.Resident)*8/(float64(shape[0])*float64(shape[1])), size(l.Exceptions))},
		{"escapes", fmt.Sprint(l.Escapes)},
	}
}

// printBlocks lists blocks, if there are any; unit is what they hold.
func printBlocks(w io.Writer, blocks []helix.BlockDescription, unit string) {
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

func printSidecar(w io.Writer, s *helix.SidecarDescription) {
	writeFields(w, []field{
		{"format", "HXZO outlier sidecar"},
		{"tensor", s.Tensor},
		{"shape", shape(s.Shape[:]...)},
		{"outliers", fmt.Sprint(s.Outliers)},
		{"created", s.Created},
	})
}

func printCheckpoint(w io.Writer, d *helix.CheckpointDescription) {
	rows := make([][]string, len(d.Tensors))
	for i, t := range d.Tensors {
		rows[i] = []string{t.Name, t.DType, shape(t.Shape...), size(t.Bytes), t.File}
	}
	writeTable(w, []string{"tensor", "dtype", "shape", "size", "file"}, rows)
	fmt.Fprintf(w, "\n%s: %d tensors in %d files, %d weights, %s\n", d.Path, len(rows), len(d.Files), d.Weights, size(d.Bytes))
	if d.Quantization != "" {
		fmt.Fprintf(w, "quantized: %s; listed and read as the weights that it stands for\n", d.Quantization)
	}
	if d.Refused != "" {
		fmt.Fprintf(w, "not read, listed as it is stored: %s\n", d.Refused)
	}
}
