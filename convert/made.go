package convert

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/helix-substrate/helix-substrate/model"
	place "github.com/helix-substrate/helix-substrate/storage"
)

// Made is what became of one tensor: what a manifest and a report say of it. Its files lie
// elsewhere; Files names them.
type Made struct {
	Key    string       `json:"key"` // of source, options and program
	Name   string       `json:"name"`
	Entry  model.Tensor `json:"entry"`
	Report TensorReport `json:"report"`
	Part   *MadePart    `json:"part,omitempty"` // of an item that is a part
}

// Files are the names of the tensor's files and their SHA-256, in hex.
func (m *Made) Files() map[string]string {
	files := map[string]string{m.Entry.File: m.Entry.SHA256}
	if s := m.Entry.Sidecar; s != nil {
		files[s.File] = s.SHA256
	}
	return files
}

// Sum is a SHA-256 of all that the tensor's conversion decides, the files' bytes included: two
// machines that made the same have the same. It leaves out how long that took.
func (m *Made) Sum() (string, error) {
	same := *m
	same.Report.Seconds = 0
	text, err := json.Marshal(same)
	return checksum(text), err
}

// check refuses what cannot have come of a tensor: ErrItem.
func (m *Made) check() error {
	for file, sum := range m.Files() {
		if !isTensorFile(file) || !place.IsSum(sum) {
			return fmt.Errorf("tensor %.80q: file %.80q of sha256 %.80q: %w", m.Name, file, sum, ErrItem)
		}
	}
	if r := m.Report; r.Name != m.Name || m.Entry.SameAs != "" || r.SameAs != "" || r.Bytes < 0 || !place.IsSum(m.Entry.SourceSHA256) {
		return fmt.Errorf("tensor %.80q: no description of a conversion: %w", m.Name, ErrItem)
	}
	if r := m.Report.Matrix; r != nil && (r.Rows < 1 || r.Cols < 1 || r.Bytes < 0) {
		return fmt.Errorf("tensor %.80q: a matrix of [%d, %d] in %d bytes: %w", m.Name, r.Rows, r.Cols, r.Bytes, ErrItem)
	}
	return nil
}

// named has the entry know its tensor, which no text of an entry says.
func (m *Made) named() { m.Entry.Name = m.Name }

// reserved are names of files that are no tensor's.
var reserved = append([]string{journalName, shardName, model.ManifestName, model.MetadataName}, companions...)

// isTensorFile tells names that a tensor's file may have, isFileName those that any file in a model directory may.
func isTensorFile(name string) bool { return isFileName(name) && !slices.Contains(reserved, name) }

func isFileName(name string) bool {
	return name != "" && name != "." && name != journalName && len(name) <= 255 && name == filepath.Base(name) && filepath.IsLocal(name)
}
