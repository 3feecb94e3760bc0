package ranges

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Content is one version of a file that is far away. It is safe for concurrent use.
type Content interface {
	// Name is what the file is called in messages.
	Name() string
	// Size is its length in bytes.
	Size() int64
	// Open requests bytes [from, to) and returns a body that begins at from and may end
	// early. Errors that Passing made are tried again; ErrChanged ends all reading.
	Open(ctx context.Context, from, to int64) (io.ReadCloser, error)
}

// Reader reads a file in ranges without storing it. ReadAt is safe for concurrent
// use. Reads that go forward, from one goroutine or interleaved from several, are
// joined into requests of up to 4 MiB that run ahead of them.
type Reader struct {
	content Content
	retry   *Retry
	window  *Window
	ctx     context.Context // of the requests, until Close: a request serves several readers
	cancel  context.CancelCauseFunc

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

// New returns a reader of a content, which requests nothing before the first read. Reads go
// through window, or one of their own of DefaultWindow bytes if it is nil; requests end with
// Close.
func New(content Content, retry *Retry, window *Window) *Reader {
	if window == nil {
		window = NewWindow(DefaultWindow)
	}
	r := &Reader{content: content, retry: retry, window: window}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	return r
}

// Size returns the file's length in bytes.
func (r *Reader) Size() int64 { return r.content.Size() }

// Fetched returns how many bytes have come from the server so far.
func (r *Reader) Fetched() int64 { return r.fetched.Load() }

// Close stops requests on their way, gives the file's part of the window back and
// makes later reads fail with ErrClosed.
func (r *Reader) Close() error {
	r.cancel(ErrClosed)
	r.window.drop(r)
	return nil
}

// Forget has what the window holds of the file fetched again when it is read next, by who found it wrong.
func (r *Reader) Forget() { r.window.drop(r) }

// ReadAt is ReadAtContext with context.Background().
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	return r.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext reads as io.ReaderAt demands, and stops waiting when ctx is done; what was
// asked for meanwhile still arrives in the window. After ErrChanged all reads fail with it.
// Errors are the content's, ErrUnavailable and ErrClosed.
func (r *Reader) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("%s: read at the negative offset %d", r.content.Name(), off)
	}
	n := 0
	for n < len(p) {
		if off >= r.Size() {
			return n, io.EOF
		}
		k, err := r.readChunk(ctx, p[n:], off)
		n, off = n+k, off+int64(k)
		if err != nil {
			return n, fmt.Errorf("%s: %w", r.content.Name(), err)
		}
	}
	return n, nil
}

// readChunk copies from the chunk that holds off.
func (r *Reader) readChunk(ctx context.Context, p []byte, off int64) (int, error) {
	c, err := r.chunk(ctx, off/r.window.unit)
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
		n = copy(p, c.data[off%r.window.unit:])
		spent = int(off%r.window.unit)+n == len(c.data)
	}
	r.window.unpin(c, spent)
	return n, err
}

// chunk returns the chunk, pinned, and sees to it that it and what a reader that
// goes forward will want next are being fetched.
func (r *Reader) chunk(ctx context.Context, index int64) (*chunk, error) {
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

func (r *Reader) usable(ctx context.Context) error {
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return r.ended(ctx)
}

// ended tells why nothing is read any more: the file was closed, or ctx is done.
func (r *Reader) ended(ctx context.Context) error {
	for _, ctx := range []context.Context{r.ctx, ctx} {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// request starts the fetching of a run from index on: of one chunk, or of twice as
// many as the last run if that ended here. The window's lock is held.
func (r *Reader) request(index int64, wanted bool) {
	slot, length := -1, int64(1)
	for i, run := range r.runs {
		if run.end == index && run.length > 0 {
			slot, length = i, min(2*run.length, r.window.longestRun())
			break
		}
	}
	chunks := (r.Size()-1)/r.window.unit + 1
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
func (r *Reader) readAhead(index int64) {
	for _, run := range r.runs {
		if run.length > 1 && index < run.end && index >= run.end-run.length/2 {
			if r.window.chunks[chunkKey{r, run.end}] == nil && run.end*r.window.unit < r.Size() {
				r.request(run.end, false)
			}
			return
		}
	}
}

// Ahead begins to fetch n bytes from off on, which will be read soon, as far as the window has
// room; it does not wait.
func (r *Reader) Ahead(off, n int64) {
	r.window.mu.Lock()
	defer r.window.mu.Unlock()
	if n <= 0 || off >= r.Size() || r.ctx.Err() != nil || r.failure.Load() != nil {
		return
	}
	unit := r.window.unit
	i, end := max(0, off)/unit, (min(off+n, r.Size())-1)/unit+1
	for i < end {
		if c := r.window.chunks[chunkKey{r, i}]; c != nil {
			c.spent, c.used = false, r.window.clock
			i++
			continue
		}
		fetch := r.window.reserve(r, i, min(end, i+r.window.longestRun()), false)
		if len(fetch) == 0 {
			return
		}
		go r.fetch(fetch)
		i += int64(len(fetch))
	}
}

// AheadRoom returns how many bytes may be told of by Ahead and not read yet, of all the window's files together: half of the
// window, as what is told of is fetched in whole chunks, and those that are read last must stay a little.
func (r *Reader) AheadRoom() int64 { return r.window.Bytes() / 2 }

// fetch fills successive chunks; readers get each as soon as it is full.
func (r *Reader) fetch(chunks []*chunk) {
	r.window.requests <- struct{}{}
	defer func() { <-r.window.requests }()
	tries := Tries{Policy: r.retry}
	filled, since := 0, 0 // bytes of chunks[0], and how many when failures were last forgiven
	for len(chunks) > 0 {
		rest, n, err := r.fill(chunks, filled)
		if len(rest) < len(chunks) || n >= since+ProgressStep {
			since = n
			tries.Progress()
		}
		chunks, filled = rest, n
		if err == nil {
			continue
		}
		if err = tries.Failed(r.ctx, err); err == nil {
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
func (r *Reader) fill(chunks []*chunk, filled int) ([]*chunk, int, error) {
	last := chunks[len(chunks)-1]
	from := chunks[0].key.index*r.window.unit + int64(filled)
	to := last.key.index*r.window.unit + int64(len(last.data))
	content, err := r.content.Open(r.ctx, from, to)
	if err != nil {
		return chunks, filled, err
	}
	defer content.Close()
	for len(chunks) > 0 {
		c := chunks[0]
		n, err := io.ReadFull(content, c.data[filled:])
		r.fetched.Add(int64(n))
		r.window.fetched.Add(int64(n))
		filled += n
		if filled < len(c.data) {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = Passing(io.ErrUnexpectedEOF, 0)
			}
			return chunks, filled, err
		}
		r.window.settle(c, nil)
		chunks, filled = chunks[1:], 0
	}
	return nil, 0, nil
}
