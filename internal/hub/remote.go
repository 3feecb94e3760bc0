package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Remote reads a file at the hub without storing it. ReadAt is safe for concurrent
// use. Reads that go forward, from one goroutine or interleaved from several, are
// joined into requests of up to 4 MiB that run ahead of them.
type Remote struct {
	source *source
	window *Window
	ctx    context.Context // of the requests, until Close: a request serves several readers
	cancel context.CancelCauseFunc

	fetched atomic.Int64
	failure atomic.Pointer[error] // ErrChanged: no later read may succeed

	runs [16]run // under the window's lock
	next int     // which of them is replaced next
}

// run is where requests for successive chunks have got to.
type run struct {
	end    int64 // the chunk after the last one fetched; 0 for none
	length int64 // chunks in the last request
}

// OpenRemote returns a reader of a file of a snapshot. Nothing is requested before
// the first read. Reads go through window, or one of their own of DefaultWindow bytes
// if it is nil; requests end with Close.
func (c *Client) OpenRemote(s *Snapshot, f File, window *Window) (*Remote, error) {
	err := checkPath(f.Path)
	if err == nil && c.Offline {
		err = ErrOffline
	}
	if err == nil {
		err = checkFile(s, f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", s.Repo, f.Path, err)
	}
	if window == nil {
		window = NewWindow(DefaultWindow)
	}
	r := &Remote{source: c.source(s, f), window: window}
	r.source.pinned = true
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	return r, nil
}

// Size returns the file's length in bytes.
func (r *Remote) Size() int64 { return r.source.file.Size }

// Fetched returns how many bytes have come from the server so far.
func (r *Remote) Fetched() int64 { return r.fetched.Load() }

// Close stops requests on their way, gives the file's part of the window back and
// makes later reads fail with ErrClosed.
func (r *Remote) Close() error {
	r.cancel(ErrClosed)
	r.window.drop(r)
	return nil
}

// ReadAt is ReadAtContext with context.Background().
func (r *Remote) ReadAt(p []byte, off int64) (int, error) {
	return r.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext reads as io.ReaderAt demands, and stops waiting when ctx is done; what was
// asked for meanwhile still arrives in the window. After ErrChanged all reads fail with it.
// Errors: as Download, without ErrChecksum, and ErrNoRanges, ErrClosed.
func (r *Remote) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("%s: read at the negative offset %d", r.source.name(), off)
	}
	n := 0
	for n < len(p) {
		if off >= r.Size() {
			return n, io.EOF
		}
		k, err := r.readChunk(ctx, p[n:], off)
		n, off = n+k, off+int64(k)
		if err != nil {
			return n, fmt.Errorf("%s: %w", r.source.name(), err)
		}
	}
	return n, nil
}

// readChunk copies from the chunk that holds off.
func (r *Remote) readChunk(ctx context.Context, p []byte, off int64) (int, error) {
	c, err := r.chunk(ctx, off/chunkSize)
	if err != nil {
		return 0, err
	}
	select {
	case <-c.ready:
		err = c.err
	case <-r.ctx.Done():
	case <-ctx.Done():
	}
	if ended := r.ended(ctx); ended != nil {
		err = ended
	}
	n, spent := 0, false
	if err == nil {
		n = copy(p, c.data[off%chunkSize:])
		spent = int(off%chunkSize)+n == len(c.data)
	}
	r.window.unpin(c, spent)
	return n, err
}

// chunk returns the chunk, pinned, and sees to it that it and what a reader that
// goes forward will want next are being fetched.
func (r *Remote) chunk(ctx context.Context, index int64) (*chunk, error) {
	w := r.window
	for {
		w.mu.Lock()
		if err := r.usable(ctx); err != nil {
			w.mu.Unlock()
			return nil, err
		}
		c := w.find(chunkKey{r, index})
		if c == nil {
			r.request(index, true)
			c = w.find(chunkKey{r, index})
		}
		if c != nil {
			r.readAhead(index)
			w.mu.Unlock()
			return c, nil
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-r.ctx.Done():
		case <-ctx.Done():
		}
	}
}

func (r *Remote) usable(ctx context.Context) error {
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return r.ended(ctx)
}

// ended tells why nothing is read any more: the file was closed, or ctx is done.
func (r *Remote) ended(ctx context.Context) error {
	for _, ctx := range []context.Context{r.ctx, ctx} {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// request starts the fetching of a run from index on: of one chunk, or of twice as
// many as the last run if that ended here. The window's lock is held.
func (r *Remote) request(index int64, wanted bool) {
	slot, length := -1, int64(1)
	for i, run := range r.runs {
		if run.end == index && run.length > 0 {
			slot, length = i, min(2*run.length, r.window.longestRun())
			break
		}
	}
	chunks := (r.Size() + chunkSize - 1) / chunkSize
	fetch := r.window.reserve(r, index, min(index+length, chunks), wanted)
	if len(fetch) == 0 {
		return
	}
	if slot < 0 {
		slot, r.next = r.next, (r.next+1)%len(r.runs)
	}
	r.runs[slot] = run{end: index + int64(len(fetch)), length: int64(len(fetch))}
	go r.fetch(fetch)
}

// readAhead starts the next run when index is in the second half of one that goes
// on. The window's lock is held.
func (r *Remote) readAhead(index int64) {
	for _, run := range r.runs {
		if run.length > 1 && index < run.end && index >= run.end-run.length/2 {
			if r.window.chunks[chunkKey{r, run.end}] == nil && run.end*chunkSize < r.Size() {
				r.request(run.end, false)
			}
			return
		}
	}
}

// fetch fills successive chunks; readers get each as soon as it is full.
func (r *Remote) fetch(chunks []*chunk) {
	tries := tries{policy: &r.source.client.Retry}
	filled, since := 0, 0 // bytes of chunks[0], and how many when failures were last forgiven
	for len(chunks) > 0 {
		rest, n, err := r.fill(chunks, filled)
		if len(rest) < len(chunks) || n >= since+progressStep {
			since, tries.failures = n, 0
		}
		chunks, filled = rest, n
		if err == nil {
			continue
		}
		if err = tries.failed(r.ctx, err); err == nil {
			continue
		}
		if errors.Is(err, ErrChanged) {
			r.failure.CompareAndSwap(nil, &err)
		}
		for _, c := range chunks {
			r.window.settle(c, err)
		}
		return
	}
}

// fill makes one request for what is missing of chunks, and returns the chunks that
// are not full yet and how much of their first is there.
func (r *Remote) fill(chunks []*chunk, filled int) ([]*chunk, int, error) {
	last := chunks[len(chunks)-1]
	from := chunks[0].key.index*chunkSize + int64(filled)
	to := last.key.index*chunkSize + int64(len(last.data))
	content, _, err := r.source.open(r.ctx, from, to) // starts at from: the source is pinned
	if err != nil {
		return chunks, filled, err
	}
	defer content.Close()
	for len(chunks) > 0 {
		c := chunks[0]
		n, err := io.ReadFull(content, c.data[filled:])
		r.fetched.Add(int64(n))
		filled += n
		if filled < len(c.data) {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = passing(io.ErrUnexpectedEOF)
			}
			return chunks, filled, err
		}
		r.window.settle(c, nil)
		chunks, filled = chunks[1:], 0
	}
	return nil, 0, nil
}
