package convert

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/model"
)

// finish copies the files beside the weights, writes the manifest, and gives the
// directory, of these files and the tensors' and no others, its name.
func (c *conversion) finish(ctx context.Context) error {
	m, err := c.writeManifest(ctx)
	if err != nil {
		return err
	}
	beside, err := c.attest(ctx, m)
	if err != nil {
		return err
	}
	keep := map[string]bool{model.ManifestName: true}
	for _, name := range beside {
		keep[name] = true
	}
	for _, f := range m.AllFiles() {
		keep[f.File] = true
	}
	return c.work.publish(keep)
}

// writeManifest makes what there is a model directory.
func (c *conversion) writeManifest(ctx context.Context) (*model.Manifest, error) {
	m, err := c.manifest(ctx)
	if err == nil {
		err = atomicfile.Write(c.stage(model.ManifestName), m.Encode)
	}
	if err == nil {
		err = c.keepFile(model.ManifestName)
	}
	return m, err
}

// manifest writes the other files and describes all.
func (c *conversion) manifest(ctx context.Context) (*model.Manifest, error) {
	files, err := c.otherFiles(ctx)
	if err != nil {
		return nil, err
	}
	m := c.skeleton()
	m.Files, m.Certificate, c.report.Certificate = files, c.certificate, c.certificate
	if m.Sources, err = c.sources(ctx, func(int) bool { return true }); err != nil {
		return nil, err
	}
	complete(m, c.entries, &c.report)
	return m, nil
}

// skeleton says of all tensors together what is known before any is converted.
func (c *conversion) skeleton() *model.Manifest {
	m := &model.Manifest{
		Tool: model.Tool, ModelID: c.job.ModelID, Format: c.options.Method.storage().format(), Codec: c.options.Codec,
		BlockRows: c.options.BlockRows, Options: c.job.describe(&c.options), Repository: c.src.Repository(),
	}
	if m.ModelID == "" {
		m.ModelID = modelID(c.job.Source)
		if m.Repository != "" {
			m.ModelID, _, _ = strings.Cut(m.Repository, "@")
		}
	}
	if c.src.Metadata() != nil {
		m.SourceGGUF = c.src.WeightFiles()[0]
	}
	if k := c.calibration; k != nil && k.statistics != nil {
		m.ExpertUse = k.statistics.ExpertUse()
	}
	return m
}

// complete adds the tensors, all of them, which entries and the report's have in the order of the source, and what follows from
// them; the report gets that too.
func complete(m *model.Manifest, entries []model.Tensor, report *Report) {
	if len(m.Sources) == 1 {
		m.SourceSHA256 = m.Sources[0].SHA256
	}
	var weights, bits float64
	m.Tensors = make(map[string]model.Tensor, len(entries))
	for i, t := range entries {
		r := report.Tensors[i].Matrix
		if r != nil && m.Codec == "" {
			m.Codec = r.Codec
		}
		m.Tensors[t.Name] = t
		m.Stats.OriginalBytes += t.OriginalBytes
		m.Stats.CompressedBytes += report.Tensors[i].Bytes
		if r != nil && t.SameAs == "" {
			weights += float64(r.Rows) * float64(r.Cols)
			bits += 8 * float64(r.Bytes)
		}
	}
	m.Stats.TensorCount = len(entries)
	m.Stats.OverallRatio = float64(m.Stats.OriginalBytes) / float64(max(1, m.Stats.CompressedBytes))
	m.RootScheme = model.RootScheme
	m.RootSHA256 = m.Root()
	report.Stats, report.Root = m.Stats, m.RootSHA256
	report.BitsPerWeight = bits / max(1, weights)
}

// otherFiles writes what a model needs beside its tensors.
func (c *conversion) otherFiles(ctx context.Context) ([]model.File, error) {
	var files []model.File
	if c.src.Whole() {
		var err error
		if files, err = c.copyCompanions(ctx); err != nil {
			return nil, err
		}
	}
	if c.src.Metadata() == nil {
		return files, nil
	}
	if err := writeMetadata(c.src.Metadata(), c.stage(model.MetadataName)); err != nil {
		return nil, err
	}
	written := []string{model.MetadataName}
	if !slices.ContainsFunc(files, func(f model.File) bool { return f.File == "config.json" }) {
		if ok, err := writeConfig(c.src, c.stage("config.json")); err != nil {
			return nil, err
		} else if ok {
			written = append(written, "config.json")
		}
	}
	for _, name := range written {
		f, err := c.describeFile(ctx, name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// describeFile describes a staged file that is no tensor's and gives it its name.
func (c *conversion) describeFile(ctx context.Context, name string) (model.File, error) {
	sum, n, err := model.HashFile(ctx, c.stage(name))
	if err == nil {
		err = c.keepFile(name)
	}
	return model.File{File: name, Bytes: n, SHA256: sum}, err
}

// sources describes the files with weights, those whose places in order are wanted.
func (c *conversion) sources(ctx context.Context, wanted func(i int) bool) ([]model.File, error) {
	var files []model.File
	for i, name := range c.src.WeightFiles() {
		if !wanted(i) {
			continue
		}
		sum, n, err := c.src.Hash(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := c.checkFile(name, sum); err != nil {
			return nil, err
		}
		files = append(files, model.File{File: name, Bytes: n, SHA256: sum})
	}
	return files, nil
}

// modelID names a model after its source.
func modelID(source string) string {
	if path, err := filepath.Abs(source); err == nil {
		source = path
	}
	base := filepath.Base(source)
	for _, ending := range []string{".safetensors", ".gguf", ".npy", ".bin", ".pth", ".pt"} {
		base = strings.TrimSuffix(base, ending)
	}
	return base
}
