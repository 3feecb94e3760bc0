package helix

import (
	"context"

	"github.com/helix-substrate/helix-substrate/export"
)

// ExportOptions say in which number format weights are written. The zero value is each tensor's own.
type ExportOptions = export.Options

// Export writes the model at path, a model directory or a checkpoint, to output, a .safetensors or .gguf file that must
// not exist; it appears when it is whole. Beside a file called model.safetensors go config.json, the tokenizer and the
// like, whose paths ExportCompanions names. Errors are ErrExportFormat, ErrExportExists, ErrUnexportable, ErrOutput, those of reading
// and writing, and ctx's.
func Export(ctx context.Context, path, output string, o ExportOptions) (*export.Report, error) {
	return export.File(ctx, path, output, o)
}

// ExportCompanions returns the paths that Export may write beside output.
func ExportCompanions(output string) []string { return export.Companions(output) }

// Errors of exports.
var (
	ErrExportFormat = export.ErrFormat      // an output of neither kind
	ErrExportExists = export.ErrExists      // an output that is there already
	ErrUnexportable = export.ErrUnsupported // a model that GGUF cannot hold
)
