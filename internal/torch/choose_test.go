package torch_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/torch"
)

func TestChoose(t *testing.T) {
	for names, want := range map[string]string{
		"config.json pytorch_model.bin training_args.bin":           "pytorch_model.bin",
		"pytorch_model.bin pytorch_model.bin.index.json":            "pytorch_model.bin",
		"a-1.bin a-2.bin pytorch_model.bin.index.json":              "pytorch_model.bin.index.json",
		"a-1.bin a-2.bin a.bin.index.json":                          "a.bin.index.json",
		"consolidated.00.pth params.json":                           "consolidated.00.pth",
		"consolidated.pth params.json other.pth":                    "consolidated.pth",
		"model.pt vocab.txt .hidden.pt":                             "model.pt",
		"consolidated.00.pth consolidated.01.pth pytorch_model.bin": "pytorch_model.bin",
	} {
		if got, err := torch.Choose(strings.Fields(names)); got != want || err != nil {
			t.Errorf("%s: %q %v", names, got, err)
		}
	}
	for names, want := range map[string]error{
		"": fs.ErrNotExist, "config.json model.safetensors": fs.ErrNotExist,
		"a.bin b.pth": torch.ErrIndex, "a.bin.index.json b.bin.index.json": torch.ErrIndex,
		"consolidated.00.pth consolidated.01.pth": torch.ErrIndex,
	} {
		if got, err := torch.Choose(strings.Fields(names)); got != "" || !errors.Is(err, want) {
			t.Errorf("%s: %q %v", names, got, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := torch.Open("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := torch.Open(t.TempDir()); !errors.Is(err, regularfile.ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
}
