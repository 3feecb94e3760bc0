// Package web reads the files of a directory at a web server, in ranges and without storing
// them, as a storage.Place.
//
// A web server lists nothing, so a [Directory] knows only the files that it is asked for. Each
// is held to the version that was there first: its length, and its ETag or the time of its last
// change, in every answer. So a file that changes is an error and never a mixture. What a
// server says of its own content is no proof of it: that is the caller's, by hashes.
package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/storage"
)

// window is the memory through which all files of a directory are read.
const window = 8 << 20

// Options say how a server is asked. The zero value has the defaults of package ranges.
type Options struct {
	Retry ranges.Retry
	Stall time.Duration // see ranges.Requester
}

// Directory is a directory at a web server. It is safe for concurrent use.
type Directory struct {
	at        address
	requester ranges.Requester
	retry     *ranges.Retry
	window    *ranges.Window
	files     *ranges.Files
}

// Open returns the directory at an address, and the last part of its path, which is a file of
// it: "" where the address ends in a slash. Nothing is asked for. Errors are ranges.ErrAddress.
func Open(name string, o Options) (*Directory, string, error) {
	at, last, err := parse(name)
	if err != nil {
		return nil, "", err
	}
	d := &Directory{at, ranges.Requester{HTTP: &http.Client{Transport: ranges.NewTransport()}, Stall: o.Stall}, &o.Retry, ranges.NewFineWindow(window), nil}
	d.files = ranges.NewFiles(d.retry, d.window)
	return d, last, nil
}

// Below returns the folder of that name, which is read through the same window.
func (d *Directory) Below(name string) *Directory {
	return &Directory{d.at.below(name), d.requester, d.retry, d.window, ranges.NewFiles(d.retry, d.window)}
}

// Names is ErrUnsupported: a web server lists nothing.
func (d *Directory) Names(context.Context) ([]string, error) {
	return nil, fmt.Errorf("%s: a web server lists no files: %w", d.at.dir, errors.ErrUnsupported)
}

// Path is a file's address.
func (d *Directory) Path(name string) string {
	if ranges.CheckName(name) != nil {
		return strings.TrimSuffix(d.at.dir.String(), "/")
	}
	return d.at.file(name).String()
}

// Fetched returns how many bytes of content have come from the server so far.
func (d *Directory) Fetched() int64 { return d.window.Fetched() }

// Buffer returns the most that reading holds on the Go heap.
func (d *Directory) Buffer() int64 { return ranges.Connections * ranges.ConnectionBytes }

// Within has reading take a share of what a process may take, and returns how much that is outside the Go heap: see ranges.Window.
func (d *Directory) Within(limit int64) int64 { return d.window.Within(limit) }

// Open opens a file. Its content's version is that of the first time. Errors are
// fs.ErrNotExist, fs.ErrInvalid for a name that could lead out of the directory, fs.ErrPermission, and those of package
// ranges.
func (d *Directory) Open(ctx context.Context, name string) (storage.File, error) {
	if err := ranges.CheckName(name); err != nil {
		return nil, err
	}
	return d.files.Open(ctx, d.Path(name), d.get(name))
}
