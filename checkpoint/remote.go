package checkpoint

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/storage"
)

// remotePlace reads files in ranges.
type remotePlace struct {
	repositoryPlace
	window *ranges.Window
}

// Fetched returns how many bytes have come from the hub so far.
func (p *remotePlace) Fetched() int64 { return p.window.Fetched() }

// Buffer returns what reading holds on the Go heap at most.
func (p *remotePlace) Buffer() int64 { return ranges.Connections * ranges.ConnectionBytes }

// Within is the window's.
func (p *remotePlace) Within(limit int64) int64 { return p.window.Within(limit) }

// Open asks for nothing yet.
func (p *remotePlace) Open(_ context.Context, name string) (storage.File, error) {
	f, err := p.file(name)
	if err != nil {
		return nil, err
	}
	r, err := p.client.OpenRemote(p.snapshot, f, p.window)
	if err != nil {
		return nil, err
	}
	return &remoteFile{Reader: r, file: f}, nil
}

// remoteFile is a file at the hub. Ranges that are pinned are read from disk.
type remoteFile struct {
	*ranges.Reader
	file hub.File

	mu   sync.RWMutex
	pins []*pin
}

// pin is a range that lies in a file here.
type pin struct {
	from, to int64
	file     *os.File
}

// Stamp is the hub's hash.
func (f *remoteFile) Stamp() string { return stamp(f.file) }

// SHA256 is the hub's, of a large file. What is read of it is tied to the same
// version, but not hashed as a whole.
func (f *remoteFile) SHA256() string { return f.file.SHA256 }

// ReadAt reads as ReadAtContext does.
func (f *remoteFile) ReadAt(p []byte, off int64) (int, error) {
	return f.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext reads from a pinned range, else from the hub.
func (f *remoteFile) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, pin := range f.pins {
		if pin.from <= off && off+int64(len(p)) <= pin.to {
			return pin.file.ReadAt(p, off-pin.from)
		}
	}
	return f.Reader.ReadAtContext(ctx, p, off)
}

// Pin fetches a range into a new file at path that release removes.
func (f *remoteFile) Pin(ctx context.Context, off, n int64, path string) (release func(), err error) {
	n = min(n, f.Size()-off)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	remove := func() {
		file.Close()
		os.Remove(file.Name())
	}
	if _, err = io.Copy(file, io.NewSectionReader(storage.WithContext(ctx, f.Reader), off, n)); err != nil {
		remove()
		return nil, err
	}
	p := &pin{off, off + n, file}
	f.mu.Lock()
	f.pins = append(f.pins, p)
	f.mu.Unlock()
	return func() {
		f.mu.Lock()
		for i, other := range f.pins {
			if other == p {
				f.pins = append(f.pins[:i], f.pins[i+1:]...)
				break
			}
		}
		f.mu.Unlock()
		remove()
	}, nil
}
