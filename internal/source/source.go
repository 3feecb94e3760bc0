// Package source opens what a user calls a model: a path, or a repository of the
// Hugging Face hub such as "mistralai/Mistral-7B-v0.1@main".
//
//	c, err := source.Open(ctx, "owner/name", source.Options{Remote: true})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	fmt.Println(c.Tensors())
//
// What exists as a path is one. A repository's files are downloaded into the cache
// that huggingface_hub uses too, those that are opened and no others; or, with
// Options.Remote, read in ranges and not stored.
package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/hub"
)

// Options say how a source is opened.
type Options struct {
	// Remote reads a repository in ranges instead of downloading it.
	Remote bool
	// Headers says that little more than headers will be read: a repository is read
	// in ranges.
	Headers bool
	// Token is used instead of that of the environment.
	Token string
	// File is the one to open of several candidates in a directory or repository,
	// such as one of its GGUF files; or what a GGUF file's name says of its quantization.
	File string
	// Stored leaves quantized weights as they are stored (see checkpoint.Options).
	Stored bool
	// Progress, if not nil, is called while a file is downloaded with the bytes
	// that have arrived and the file's size.
	Progress func(done, total int64, file string)
}

// Open opens a checkpoint. Requests end with ctx, which must live as long as the
// checkpoint. Errors: those of checkpoint.Open and of package hub.
func Open(ctx context.Context, name string, o Options) (*checkpoint.Checkpoint, error) {
	how := checkpoint.Options{File: o.File, Stored: o.Stored}
	repo, file, ok := repository(name)
	if !ok {
		if o.Remote {
			return nil, fmt.Errorf("%s: only a repository can be read remotely: %w", name, hub.ErrRepo)
		}
		return checkpoint.OpenPath(name, how)
	}
	if how.File == "" {
		how.File = file
	}
	client, err := hub.FromEnvironment()
	if err != nil {
		return nil, err
	}
	if o.Token != "" {
		client.Token = hub.Token(o.Token)
	}
	snapshot, err := client.Snapshot(ctx, repo)
	if err != nil {
		return nil, fmt.Errorf("%s is no path here, and as a repository of the hub: %w", name, err)
	}
	place := repositoryPlace{ctx: ctx, client: client, snapshot: snapshot}
	if o.Remote || o.Headers && !client.Offline {
		return checkpoint.OpenPlace(&remotePlace{place, hub.NewWindow(hub.DefaultWindow)}, repo.String(), how)
	}
	return checkpoint.OpenPlace(&cachedPlace{place, o.Progress}, repo.String(), how)
}

// repository tells whether a name means a repository, and perhaps a file of it: it is no path
// here, and reads as one (see reference).
func repository(name string) (hub.Repo, string, bool) {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) && !strings.Contains(name, "://") {
		return hub.Repo{}, "", false
	}
	return reference(name)
}

// IsRepository tells whether a name would be opened as a repository of the hub.
func IsRepository(name string) bool {
	_, _, ok := repository(name)
	return ok
}

// Repository returns the repository and commit that a checkpoint's files come
// from, as "owner/name@commit"; empty if they come from elsewhere.
func Repository(c *checkpoint.Checkpoint) string {
	switch p := c.Place().(type) {
	case *remotePlace:
		return p.commit()
	case *cachedPlace:
		return p.commit()
	}
	return ""
}
