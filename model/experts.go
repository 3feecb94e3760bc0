package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// ErrExpertUse reports a table of experts' use that is none, or another model's.
var ErrExpertUse = errors.New("not a table of this model's experts")

// ExpertUse says how often a mixture's experts were chosen for the tokens of some text.
type ExpertUse struct {
	Tokens int64 `json:"tokens"`
	// Uses are counts by layer and expert; those of a layer without experts are empty.
	Uses [][]int64 `json:"uses"`
}

// Check refuses counts that are not of so many layers with so many experts, or of none, each; errors are ErrExpertUse.
func (u *ExpertUse) Check(layers, experts int) error {
	if len(u.Uses) != layers {
		return fmt.Errorf("uses of %d layers, the model has %d: %w", len(u.Uses), layers, ErrExpertUse)
	}
	for l, uses := range u.Uses {
		if len(uses) != 0 && len(uses) != experts {
			return fmt.Errorf("layer %d: uses of %d experts, the model has %d: %w", l, len(uses), experts, ErrExpertUse)
		}
		for i, n := range uses {
			if n < 0 || n > u.Tokens {
				return fmt.Errorf("layer %d: %d uses of expert %d by %d tokens: %w", l, n, i, u.Tokens, ErrExpertUse)
			}
		}
	}
	return nil
}

// ExpertTable is a file of ExpertUse that says which model directory it is of.
type ExpertTable struct {
	Path       string `json:"-"`
	Schema     string `json:"schema"`
	RootSHA256 string `json:"root_sha256"` // see Manifest.Root
	ExpertUse
}

const (
	expertSchema = "expert_use_v1"
	maxExperts   = 1 << 26 // bytes of a file: a thousand layers of a thousand experts take less
)

// NewExpertTable returns the table of a model directory with this root.
func NewExpertTable(root string, use ExpertUse) *ExpertTable {
	use.Uses = slices.Clone(use.Uses)
	for l, uses := range use.Uses {
		if uses == nil { // of a layer without experts: written as a list, as it is read
			use.Uses[l] = []int64{}
		}
	}
	return &ExpertTable{Schema: expertSchema, RootSHA256: root, ExpertUse: use}
}

// Write writes the table as its file has it.
func (t *ExpertTable) Write(w io.Writer) error {
	text, err := json.Marshal(t)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// WriteFile writes the table's file, whole or not at all; it replaces one that is there.
func (t *ExpertTable) WriteFile(path string) error { return atomicfile.Write(path, t.Write) }

// ReadExpertTable reads a table's file, strictly. Errors are ErrExpertUse and those of reading.
func ReadExpertTable(path string) (*ExpertTable, error) {
	text, err := regularfile.ReadAll(path, maxExperts)
	if err != nil {
		return nil, err
	}
	t := &ExpertTable{Path: path}
	if err := strictjson.Unmarshal(text, t, ErrExpertUse); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.Schema != expertSchema {
		return nil, fmt.Errorf("%s: schema %q, not %q: %w", path, t.Schema, expertSchema, ErrExpertUse)
	}
	if err := checkSum("root_sha256", t.RootSHA256); err != nil {
		return nil, fmt.Errorf("%s: %v: %w", path, err, ErrExpertUse)
	}
	return t, nil
}

// Of refuses, with ErrExpertUse, the table of a model directory with another root.
func (t *ExpertTable) Of(root string) error {
	if t.RootSHA256 != root {
		return fmt.Errorf("%s: it is of the model %.12s…, this one is %.12s…: %w", t.Path, t.RootSHA256, root, ErrExpertUse)
	}
	return nil
}
