package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/model"
)

// Options say how a checkpoint is opened.
type Options struct {
	// File, if not empty, is the file to open of several candidates in a directory or
	// repository; or what a GGUF file's name says of its quantization, such as "Q4_K_M".
	File string
	// Stored leaves quantized weights as they are stored: codes, scales and the like.
	Stored bool
	// Remote reads a repository in ranges instead of downloading it.
	Remote bool
	// Headers says that little more than headers will be read: a repository is read
	// in ranges.
	Headers bool
	// Token is used at the hub instead of that of the environment.
	Token string
	// Progress, if not nil, is called while a file is downloaded with the bytes
	// that have arrived and the file's size.
	Progress func(done, total int64, file string)
}

// Open opens what a user calls a model: a path, or a repository of the Hugging Face hub such
// as "mistralai/Mistral-7B-v0.1@main". The tensors of a model directory read as the weights
// that they stand for; those of lossless files have the source's bytes. Errors: those of
// OpenSource and of model.Open.
func Open(ctx context.Context, name string, o Options) (*Checkpoint, error) {
	if model.IsModel(name) {
		m, err := model.Open(name)
		if err != nil {
			return nil, err
		}
		return openConverted(ctx, m)
	}
	return OpenSource(ctx, name, o)
}

// OpenSource is Open for what can be converted: a model directory, which is converted
// already, is ErrUnknown. Errors: those of OpenPath, and the hub's (ErrRepo to ErrUnavailable).
func OpenSource(ctx context.Context, name string, o Options) (*Checkpoint, error) {
	repo, file, ok := repository(name)
	if !ok {
		if IsFar(name) {
			return nil, fmt.Errorf("%s: only paths and repositories of the hub are converted: %w", ranges.Shown(name), hub.ErrRepo)
		}
		if o.Remote {
			return nil, fmt.Errorf("%s: only a repository can be read remotely: %w", name, hub.ErrRepo)
		}
		return OpenPath(ctx, name, o)
	}
	if o.File == "" {
		o.File = file
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
	place := repositoryPlace{client: client, snapshot: snapshot}
	if o.Remote || o.Headers && !client.Offline {
		return OpenPlace(ctx, &remotePlace{place, ranges.NewWindow(ranges.DefaultWindow)}, repo.String(), o)
	}
	return OpenPlace(ctx, &cachedPlace{place, o.Progress}, repo.String(), o)
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

// Repository returns the repository and commit that the checkpoint's files come
// from, as "owner/name@commit"; empty if they come from elsewhere.
func (c *Checkpoint) Repository() string {
	switch p := c.place.(type) {
	case *remotePlace:
		return p.commit()
	case *cachedPlace:
		return p.commit()
	}
	return ""
}
