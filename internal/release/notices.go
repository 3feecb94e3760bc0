package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/regularfile"
)

// notices returns the licences of all that the program links for a platform, Go's library
// first, which they ask to go along with copies.
func (s *source) notices(ctx context.Context, p platform) ([]byte, error) {
	goroot, err := output(s.goCommand(ctx, p, "env", "GOROOT"))
	if err != nil {
		return nil, err
	}
	listed, err := output(s.goCommand(ctx, p, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", command))
	if err != nil {
		return nil, err
	}
	modules := strings.FieldsFunc(string(listed), func(r rune) bool { return r == '\n' || r == '\r' })
	slices.Sort(modules)
	modules = slices.Insert(slices.Compact(modules), 0, "Go's standard library\t"+strings.TrimSpace(string(goroot)))
	var b bytes.Buffer
	for _, m := range modules {
		name, dir, _ := strings.Cut(m, "\t")
		texts, err := licences(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(&b, "%s\n\n%s\n\n", name, bytes.TrimSpace(texts))
	}
	return b.Bytes(), nil
}

// licences returns the texts of a module's licence and of what it asks to be said.
func licences(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") && !strings.HasPrefix(name, "NOTICE") {
			continue
		}
		text, err := regularfile.ReadAll(filepath.Join(dir, e.Name()), largestText)
		if err != nil {
			return nil, err
		}
		list = append(list, bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no licence", dir)
	}
	return bytes.Join(list, []byte("\n\n")), nil
}
