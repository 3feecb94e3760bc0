package ranges

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/helix-substrate/helix-substrate/storage"
)

// Files are files of one place, far away, which are read through one window. Each is held to the version that was there
// first, whoever opens it. Its methods are safe for concurrent use.
type Files struct {
	retry  *Retry
	window *Window

	mu    sync.Mutex
	files map[string]*shared // that were opened
}

// absent makes what a server refuses missing too, where it has given another file: stores answer so for what is not there
// to those who may not list it.
func (f *Files) absent(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(err, fs.ErrPermission) && len(f.files) > 0 {
		return fmt.Errorf("%w, or %w", err, fs.ErrNotExist)
	}
	return err
}

// shared is a file, for all who opened it. Its version stays when nobody has it open.
type shared struct {
	content *Pinned
	reader  *Reader // nil without users, but of a small file
	users   int
}

// NewFiles returns no files yet, to be read through a window.
func NewFiles(retry *Retry, window *Window) *Files {
	return &Files{retry: retry, window: window, files: map[string]*shared{}}
}

// Open opens the file that is called name in messages, which get asks for. Its content's version is that of the first
// time. Errors are fs.ErrNotExist, fs.ErrPermission, and those of the package.
func (f *Files) Open(ctx context.Context, name string, get Get) (storage.File, error) {
	f.mu.Lock()
	s := f.files[name]
	if s != nil {
		defer f.mu.Unlock()
		return f.use(s), nil
	}
	f.mu.Unlock()
	c, err := pin(ctx, name, get, f.window.unit, f.retry)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, f.absent(err))
	}
	r := New(c, f.retry, f.window)
	if c.size > 0 { // what the first answer has
		if _, err := r.ReadAtContext(ctx, make([]byte, 1), 0); err != nil {
			r.Close()
			c.takeFirst().Close()
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if first := f.files[name]; first != nil { // another was faster
		r.Close()
		if first.content.version != c.version {
			return nil, fmt.Errorf("%s: %w", name, ErrChanged)
		}
		return f.use(first), nil
	}
	s = &shared{content: c, reader: r}
	f.files[name] = s
	return f.use(s), nil
}

// use returns the file for one more user. The lock is held.
func (f *Files) use(s *shared) *file {
	if s.reader == nil {
		s.reader = New(s.content, f.retry, f.window)
	}
	s.users++
	return &file{s.reader, s.content, sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		// A small file came whole with the first answer, and stays in the window for who opens it again.
		if s.users--; s.users == 0 && s.content.size > f.window.unit {
			s.reader.Close()
			s.reader = nil
		}
	})}
}

// file is a file that one user opened.
type file struct {
	*Reader
	content *Pinned
	close   func()
}

// Stamp is what tells the file's version.
func (f *file) Stamp() string {
	return fmt.Sprintf("%d bytes, %s%s", f.content.size, f.content.tag, f.content.modified)
}

// Close ends the use of the file; that of its last user ends the requests for it too.
func (f *file) Close() error {
	f.close()
	return nil
}

// Uncached returns the file as what can be told of reads that come.
func (f *file) Uncached() io.ReaderAt { return f.Reader }
