package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/helix-substrate/helix-substrate/overwrite"
)

// verbs returns every verb of the command line by its words.
func verbs(t *testing.T) map[string]*kong.Node {
	t.Helper()
	parser, err := kong.New(new(commandLine))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]*kong.Node{}
	var walk func(n *kong.Node, words string)
	walk = func(n *kong.Node, words string) {
		if len(n.Children) == 0 {
			list[words] = n
		}
		for _, child := range n.Children {
			walk(child, strings.TrimSpace(words+" "+child.Name))
		}
	}
	walk(parser.Model.Node, "")
	return list
}

// TestPathsAreMarked: every string of the command line says whether it is a path that is
// read or written, or none.
func TestPathsAreMarked(t *testing.T) {
	inputs := []overwrite.InputKind{overwrite.One, overwrite.Model}
	outputs := []overwrite.OutputKind{overwrite.File, overwrite.Array, overwrite.Matrix, overwrite.Outliers, overwrite.Report, overwrite.Plot, overwrite.Receipt, overwrite.Directory, overwrite.Log, overwrite.Keys, overwrite.Signature, overwrite.Answers, overwrite.Experts, overwrite.Statistics, overwrite.Scratch}
	known := func(kind string, kinds any) bool {
		list := reflect.ValueOf(kinds)
		for i := range list.Len() {
			if list.Index(i).String() == kind {
				return true
			}
		}
		return false
	}
	for words, verb := range verbs(t) {
		for _, v := range pathValues(verb) {
			kind := v.Target.Type()
			if kind.Kind() == reflect.Slice {
				kind = kind.Elem()
			}
			if kind.Kind() != reflect.String || v.Tag.Enum != "" {
				continue
			}
			marks := 0
			for _, mark := range []string{"input", "output", "text"} {
				if v.Tag.Has(mark) {
					marks++
				}
			}
			if marks != 1 {
				t.Errorf("%s %s: mark it with one of input, output, text: it has %d", words, v.name, marks)
			}
			if v.Tag.Has("input") && !known(v.Tag.Get("input"), inputs) || v.Tag.Has("output") && !known(v.Tag.Get("output"), outputs) {
				t.Errorf("%s %s: unknown kind", words, v.name)
			}
		}
	}
}

// TestNoOutputIsAnInput tries every output of every verb on every input of it: by its own
// name, by others, by links, on the directory around it and in it. Each is refused in one
// line with exit code 2, and all files stay as they are.
func TestNoOutputIsAnInput(t *testing.T) {
	tried := 0
	for words, verb := range verbs(t) {
		values := pathValues(verb)
		for o, out := range values {
			for i, in := range values {
				if !out.Tag.Has("output") || !in.Tag.Has("input") || out.Tag.Get("output") == string(overwrite.Scratch) {
					continue
				}
				for _, isDir := range []bool{false, true} {
					if isDir && in.Tag.Get("input") != string(overwrite.Model) {
						continue
					}
					for name, path := range clashes(isDir) {
						if out.Tag.Get("output") == string(overwrite.Signature) && name == "inside" && in.name == "R" {
							continue
						}
						tried++
						dir := t.TempDir()
						t.Chdir(dir)
						layInputs(t, isDir)
						if !makeLink(t, name, isDir) {
							continue
						}
						before := snapshot(t, dir)
						var stdout, stderr bytes.Buffer
						args := arguments(t, words, values, map[int]string{i: "in", o: path})
						if code := run(args, strings.NewReader(""), &stdout, &stderr); code != exitUsage {
							t.Errorf("%s: exit code %d\n%s", strings.Join(args, " "), code, &stderr)
						} else if n := strings.Count(stderr.String(), "\n"); n != 1 || !strings.Contains(stderr.String(), overwrite.ErrOutput.Error()) || strings.Contains(stderr.String(), "a file is there") {
							t.Errorf("%s: %q", strings.Join(args, " "), &stderr)
						}
						if after := snapshot(t, dir); !reflect.DeepEqual(before, after) {
							t.Errorf("%s: files have changed", strings.Join(args, " "))
						}
					}
				}
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d command lines were tried", tried)
	}
	t.Logf("%d command lines", tried)
}

// TestNoFileIsReplaced: no output of any verb replaces a file that is none of its kind.
func TestNoFileIsReplaced(t *testing.T) {
	tried := 0
	for words, verb := range verbs(t) {
		values := pathValues(verb)
		for o, out := range values {
			kind := overwrite.OutputKind(out.Tag.Get("output"))
			if !out.Tag.Has("output") || kind == overwrite.Scratch {
				continue
			}
			for _, text := range []string{"my diary\n", "{\n  \"architectures\": []\n}\n", "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"} {
				tried++
				dir := t.TempDir()
				t.Chdir(dir)
				layInputs(t, true)
				if err := os.WriteFile("precious.svg", []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
				before := snapshot(t, dir)
				var stdout, stderr bytes.Buffer
				args := arguments(t, words, values, map[int]string{o: "precious.svg"})
				if code := run(args, strings.NewReader(""), &stdout, &stderr); code == 0 {
					t.Errorf("%s: %s", strings.Join(args, " "), &stdout)
				} else if !slices.Contains([]overwrite.OutputKind{overwrite.File, overwrite.Directory, overwrite.Log, overwrite.Keys, overwrite.Statistics}, kind) && (code != exitUsage || !strings.Contains(stderr.String(), "a file is there")) {
					t.Errorf("%s: exit code %d\n%s", strings.Join(args, " "), code, &stderr)
				}
				if after := snapshot(t, dir); !reflect.DeepEqual(before, after) {
					t.Errorf("%s: files have changed", strings.Join(args, " "))
				}
			}
		}
	}
	if tried < 60 {
		t.Errorf("only %d command lines were tried", tried)
	}
}

// clashes are outputs that must not be where the input is "in", by what they are called.
func clashes(isDir bool) map[string]string {
	paths := map[string]string{
		"same": "in", "dot": "./in", "up": "other/../in", "slash": "in/", "fd": "/proc/self/cwd/in",
		"symlink": "link", "around": ".", "stdout": "-",
	}
	if _, err := os.Stat("/proc/self/cwd"); err != nil {
		delete(paths, "fd")
	}
	if isDir {
		paths["inside"], paths["weights"], paths["deeper"] = "in/new", "in/model.safetensors", "in/sub/file"
		paths["through a link"], paths["hard link"] = "link/new", "hard"
	} else {
		paths["hard link"], paths["chain"] = "hard", "chain"
		delete(paths, "slash")
	}
	return paths
}

func layInputs(t *testing.T, isDir bool) {
	t.Helper()
	mkdir := func(path string) {
		if err := os.MkdirAll(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write := func(path string) {
		if err := os.WriteFile(path, []byte("precious "+path), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	mkdir("other")
	write("filler")
	if !isDir {
		write("in")
		return
	}
	mkdir("in/sub")
	write("in/model.safetensors")
	write("in/sub/file")
}

// makeLink makes the link that a clash needs; false where the system has none.
func makeLink(t *testing.T, clash string, isDir bool) bool {
	t.Helper()
	file := "in"
	if isDir {
		file = "in/model.safetensors"
	}
	switch clash {
	case "symlink", "through a link":
		return os.Symlink("in", "link") == nil
	case "chain":
		return os.Symlink("in", "link") == nil && os.Symlink("other/../link", "chain") == nil
	case "hard link":
		return os.Link(file, "hard") == nil
	}
	return true
}

// arguments are a verb's, with what it needs beside the given values.
func arguments(t *testing.T, words string, values []pathValue, given map[int]string) []string {
	t.Helper()
	args := strings.Fields(words)
	var flags []string
	for i, v := range values {
		path, ok := given[i]
		if !ok {
			switch {
			case !v.Required || v.Tag.Enum != "":
				continue
			case v.Tag.Has("input"):
				path = "filler"
			case v.Tag.Has("output"):
				path = "other/out" + strings.TrimLeft(v.name, "-")
			default:
				path = "1"
			}
		}
		if v.Flag == nil {
			args = append(args, path)
		} else {
			flags = append(flags, v.name+"="+path)
		}
	}
	for _, v := range values {
		if v.Required && v.Tag.Enum != "" && v.Flag != nil {
			flags = append(flags, v.name+"="+strings.Split(v.Tag.Enum, ",")[0])
		}
	}
	return append(args, flags...)
}

// snapshot reads all files below a directory.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var text []byte
			text, err = os.ReadFile(path)
			files[path] = string(text)
		} else {
			files[path] = d.Type().String()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}
