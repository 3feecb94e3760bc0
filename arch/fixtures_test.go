package arch

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// fixtures are tiny models of every family: see transformer/testdata/fixtures.py.
const fixtures = "../transformer/testdata/fixtures"

func fixtureNames(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, dir := range []string{".", "../encoders"} { // those of testdata/encoders.py
		entries, err := os.ReadDir(filepath.Join(fixtures, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	if len(names) < 18 {
		t.Fatalf("only %d fixtures", len(names))
	}
	return names
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// edited returns a fixture's config.json with some keys replaced, or removed where
// the new value is the word "missing".
func edited(t testing.TB, name string, edits map[string]any) []byte {
	t.Helper()
	var c map[string]any
	readJSON(t, filepath.Join(fixtures, name, "config.json"), &c)
	for key, value := range edits {
		if value == "missing" {
			delete(c, key)
		} else {
			c[key] = value
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type edits = map[string]any

// TestOldSpelling: config.json means the same in the words of transformers 4 and 5.
func TestOldSpelling(t *testing.T) {
	for _, name := range fixtureNames(t) {
		old, err := os.ReadFile(filepath.Join(fixtures, name, "config_old.json"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(old, []byte("rope_parameters")) && !bytes.Contains(old, []byte("global_head_dim")) { // Gemma 4 had them from the first
			t.Fatalf("%s: config_old.json is not old", name)
		}
		got, err := ParseConfig(old)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := os.ReadFile(filepath.Join(fixtures, name, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := ParseConfig(text)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got, want)
		}
	}
}
