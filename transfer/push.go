package transfer

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/oci"
	"github.com/helix-substrate/helix-substrate/internal/s3"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// together is how many files are on their way at a time.
const together = 4

// PushOptions say how a model is sent. The zero value is ready.
type PushOptions struct {
	Threads int // that verify; 0 means one
	// Mount is another repository of the same registry, such as "models/tinystories", whose layers are taken where they are
	// the same, instead of being sent.
	Mount string
	// Create makes a repository of the hub, a private one, if there is none.
	Create bool
	// Message is the commit's at the hub; "" says what was done.
	Message string
	// Progress is told the bytes that are there and in all, and the file at work; it may be called by several goroutines, one at a time.
	Progress func(done, total int64, file string)
}

// Pushed is what was sent.
type Pushed struct {
	Address   string `json:"address"` // that names this version: by digest, by commit
	Root      string `json:"root_sha256"`
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
	Sent      int    `json:"sent_files"` // those that were not there
	SentBytes int64  `json:"sent_bytes"`
}

// target is where a model is sent to.
type target interface {
	// begin is told what will be sent; content reads a file for as long as the transfer lasts.
	begin(ctx context.Context, files []model.File, content func(model.File) io.ReaderAt) error
	// send stores a file, unless it is there, and tells whether it was sent.
	send(ctx context.Context, f model.File, content io.ReaderAt, progress func(done int64)) (sent bool, err error)
	// finish makes a model of the files, and returns its address.
	finish(ctx context.Context, m *model.Manifest, files []model.File) (string, error)
}

// Push verifies the model directory dir as [model.Model.Verify] does and sends it to an address: oci://registry/name:tag,
// hf://owner/name or s3://bucket/prefix. What an earlier transfer has sent is not sent again. Errors are ErrAddress, ErrDamaged,
// ErrName, and the place's: those of [checkpoint.Find].
func Push(ctx context.Context, dir, address string, o PushOptions) (*Pushed, error) {
	to, err := targetAt(ctx, address, o)
	if err != nil {
		return nil, err
	}
	return push(ctx, dir, to, o)
}

// targetAt finds out what an address means.
func targetAt(ctx context.Context, address string, o PushOptions) (target, error) {
	repo, atHub := strings.CutPrefix(address, "hf://")
	switch {
	case oci.Is(address):
		at, err := oci.Parse(address)
		if err != nil {
			return nil, err
		}
		return newArtifact(at, o, oci.Options{})
	case s3.Is(address):
		return newBucket(address, s3.Options{})
	case atHub:
		r, err := hub.ParseRepo(repo)
		if err != nil {
			return nil, err
		}
		client, err := hub.FromEnvironment()
		if err != nil {
			return nil, err
		}
		return &repository{client: client, repo: r, options: o}, nil
	}
	return nil, fmt.Errorf("%q: %w; write oci://registry/name:tag, hf://owner/name or s3://bucket/prefix", address, ErrAddress)
}

func push(ctx context.Context, dir string, to target, o PushOptions) (*Pushed, error) {
	m, err := model.Open(dir)
	if err != nil {
		return nil, err
	}
	if m.Manifest.RootScheme == 0 {
		return nil, fmt.Errorf("%s: its manifest's root does not cover its files; convert the model again: %w", dir, ErrDamaged)
	}
	checks, err := m.Verify(ctx, max(1, o.Threads))
	if err != nil {
		return nil, err
	}
	for _, c := range checks {
		if c.Err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, c.Err)
		}
	}
	list, err := filesOf(ctx, m)
	if err != nil {
		return nil, err
	}
	raw, err := model.OpenUnverified(dir) // whose files are as they lie there
	if err != nil {
		return nil, err
	}
	s := &sending{to: to, files: list, content: func(f model.File) io.ReaderAt { return fileContent{ctx, raw, f.File} }, progress: o.Progress}
	for _, f := range list {
		s.total += f.Bytes
	}
	return s.run(ctx, m.Manifest)
}

// fileContent reads a file of a model. It is opened for each read, as a model may have more files than a process may have open.
type fileContent struct {
	ctx   context.Context
	model *model.Model
	name  string
}

func (c fileContent) ReadAt(p []byte, off int64) (int, error) {
	f, err := c.open()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAtContext(c.ctx, p, off)
}

func (c fileContent) open() (storage.File, error) {
	if c.name == model.ManifestName {
		return storage.OpenFile(c.model.Path(c.name))
	}
	return c.model.Open(c.ctx, c.name)
}

// filesOf lists all files of a model, with the manifest at its end.
func filesOf(ctx context.Context, m *model.Model) ([]model.File, error) {
	list := m.Manifest.AllFiles()
	sum, size, err := m.Hash(ctx, model.ManifestName)
	if err != nil {
		return nil, err
	}
	list = append(list, model.File{File: model.ManifestName, Bytes: size, SHA256: sum})
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.File
	}
	return list, filename.CheckAll(names)
}

// sending is a model on its way.
type sending struct {
	to       target
	files    []model.File
	content  func(model.File) io.ReaderAt
	progress func(done, total int64, file string)

	mu          sync.Mutex
	done, total int64
	result      Pushed
}

func (s *sending) run(ctx context.Context, m *model.Manifest) (*Pushed, error) {
	s.result = Pushed{Root: m.Root(), Files: len(s.files), Bytes: s.total}
	if err := s.to.begin(ctx, s.files, s.content); err != nil {
		return nil, err
	}
	g, grouped := errgroup.WithContext(ctx)
	g.SetLimit(together)
	for _, f := range s.files {
		g.Go(func() error {
			if grouped.Err() != nil {
				return context.Cause(grouped)
			}
			last := int64(0)
			progress := func(done int64) {
				s.tell(done-last, f.File)
				last = done
			}
			sent, err := s.to.send(grouped, f, s.content(f), progress)
			if err != nil {
				return err
			}
			progress(f.Bytes)
			if sent {
				s.count(f.Bytes)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var err error
	s.result.Address, err = s.to.finish(ctx, m, s.files)
	if err != nil {
		return nil, err
	}
	return &s.result, nil
}

// tell adds to what is done.
func (s *sending) tell(n int64, file string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done += n; s.progress != nil {
		s.progress(s.done, s.total, file)
	}
}

func (s *sending) count(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Sent++
	s.result.SentBytes += bytes
}

// nameOf is what a model is called.
func nameOf(m *model.Manifest) string {
	name := path.Base(strings.ReplaceAll(m.ModelID, `\`, "/")) // the same on every system
	if name == "/" || name == "." {
		return ""
	}
	return name
}
