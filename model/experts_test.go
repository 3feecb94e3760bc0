package model

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestExpertTable: a table is read as it was written, also of layers without experts, and only with its model.
func TestExpertTable(t *testing.T) {
	root := strings.Repeat("ab", 32)
	table := NewExpertTable(root, ExpertUse{Tokens: 3, Uses: [][]int64{nil, {1, 2}, {}}})
	path := filepath.Join(t.TempDir(), "uses.json")
	if err := table.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	read, err := ReadExpertTable(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read.ExpertUse, table.ExpertUse) || read.Check(3, 2) != nil || read.Of(root) != nil {
		t.Errorf("%+v, written %+v", read, table)
	}
	if err := read.Of(strings.Repeat("cd", 32)); !errors.Is(err, ErrExpertUse) {
		t.Errorf("of another model: %v", err)
	}
}
