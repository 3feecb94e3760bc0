package oci

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/storage"
)

// window is the memory through which all files of an artifact are read.
const window = 8 << 20

// Place is an artifact, whose files are read in ranges. It stays the version that it was when it was opened, whatever
// becomes of the tag. It is safe for concurrent use.
type Place struct {
	client *Client
	layers []Layer // by name
	window *ranges.Window
}

// Open returns the artifact that an address names. Errors are fs.ErrNotExist, ErrCredentials, ErrManifest,
// filename.ErrUnsafe, and those of package ranges.
func Open(ctx context.Context, at Address, o Options) (*Place, error) {
	c, err := NewClient(at, o)
	if err != nil {
		return nil, err
	}
	text, err := c.fetchManifest(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	list, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	slices.SortFunc(list, func(a, b Layer) int { return strings.Compare(a.Name, b.Name) })
	return &Place{client: c, layers: list, window: ranges.NewFineWindow(window)}, nil
}

// Names lists the files at the top.
func (p *Place) Names(context.Context) ([]string, error) {
	var names []string
	for _, l := range p.layers {
		if !strings.Contains(l.Name, "/") {
			names = append(names, l.Name)
		}
	}
	return names, nil
}

// Path is what a file is called in messages.
func (p *Place) Path(name string) string {
	if name == "." {
		return p.client.at.String()
	}
	return p.client.at.String() + ": " + name
}

// Fetched returns how many bytes of content have come from the registry so far.
func (p *Place) Fetched() int64 { return p.window.Fetched() }

// Buffer returns the most that reading holds on the Go heap.
func (p *Place) Buffer() int64 { return ranges.Connections * ranges.ConnectionBytes }

// Within has reading take a share of what a process may take, and returns how much that is outside the Go heap: see ranges.Window.
func (p *Place) Within(limit int64) int64 { return p.window.Within(limit) }

// Open opens a file; nothing is asked for yet. A missing one is fs.ErrNotExist.
func (p *Place) Open(_ context.Context, name string) (storage.File, error) {
	i, ok := slices.BinarySearchFunc(p.layers, name, func(l Layer, name string) int { return strings.Compare(l.Name, name) })
	if !ok {
		return nil, fmt.Errorf("%s: %w", p.Path(name), fs.ErrNotExist)
	}
	b := &blob{client: p.client, layer: p.layers[i], name: p.Path(name)}
	return &file{ranges.New(b, &p.client.retry, p.window), p.layers[i]}, nil
}
