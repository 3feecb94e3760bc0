package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/storage"
)

// repositoryPlace is a repository at a commit.
type repositoryPlace struct {
	client   *hub.Client
	snapshot *hub.Snapshot
}

// Names lists the files at the repository's root.
func (p *repositoryPlace) Names(context.Context) ([]string, error) {
	var names []string
	for _, f := range p.snapshot.Files {
		if !strings.Contains(f.Path, "/") {
			names = append(names, f.Path)
		}
	}
	return names, nil
}

// Path is what a file is called in messages.
func (p *repositoryPlace) Path(name string) string { return p.snapshot.Repo.String() + ": " + name }

func (p *repositoryPlace) commit() string { return p.snapshot.Repo.ID + "@" + p.snapshot.Commit }

// file finds a file; a missing one is fs.ErrNotExist too.
func (p *repositoryPlace) file(name string) (hub.File, error) {
	f, err := p.snapshot.File(name)
	if errors.Is(err, hub.ErrFileNotFound) {
		err = fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	}
	return f, err
}

// cachedPlace downloads what is opened.
type cachedPlace struct {
	repositoryPlace
	progress func(done, total int64, file string)
}

// Open downloads a file, unless the cache has it.
func (p *cachedPlace) Open(ctx context.Context, name string) (storage.File, error) {
	f, err := p.file(name)
	if err != nil {
		return nil, err
	}
	var progress func(done, total int64)
	if p.progress != nil {
		progress = func(done, total int64) { p.progress(done, total, name) }
	}
	path, err := p.client.Download(ctx, p.snapshot, f, progress)
	if err != nil {
		return nil, err
	}
	file, err := storage.OpenFile(path)
	if err != nil {
		return nil, err
	}
	return &cachedFile{file, stamp(f)}, nil
}

// cachedFile is a downloaded file. Its stamp is the hub's, so that a conversion
// goes on whether the file is read from there or from the cache.
type cachedFile struct {
	storage.File
	stamp string
}

func (f *cachedFile) Stamp() string { return f.stamp }

// stamp tells contents apart by the hub's hash.
func stamp(f hub.File) string { return fmt.Sprintf("%d bytes, %s", f.Size, f.Blob()) }
