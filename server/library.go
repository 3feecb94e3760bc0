package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// ErrModel reports a name that no model has.
var ErrModel = errors.New("no such model")

// Library is models under their names, within one memory limit. A model is opened when it is asked for, as far as possible
// with all of its weights in memory: for that, models that nobody uses are closed, the one that was used the longest ago
// first. Beside models in use it is streamed or, where there is no room for that either, waited for; then those who come for
// others wait behind it. It is safe for concurrent use.
type Library struct {
	ctx context.Context
	end context.CancelFunc

	mu      sync.Mutex
	entries []*entry
	loading bool
	next    *entry        // that waits until others are not in use; nil: none does
	waiting []*waiter     // for models to be opened, the first to come first
	changed chan struct{} // is closed when something has changed
	uses    int64         // so far
}

// Entry is a model of a library.
type Entry struct {
	Path string
	ModelOptions
}

// entry is a model of a library, and what has become of it.
type entry struct {
	Entry
	name    string
	context int
	added   time.Time
	chat    bool // it has a chat template

	model   *Model // nil: it is not open
	heap    int64  // that it takes, without what is the server's
	users   int
	waiting int   // who wait for it
	used    int64 // the last use
}

// mostWaiting is how many requests wait for models to be opened. Beyond it the client that has the most waiting loses its last place,
// which is ErrBusy.
const mostWaiting = 64

// waiter is a request that waits for a model to be opened.
type waiter struct {
	client  string
	refused bool // it has lost its place
}

// NewLibrary returns a library of models, each of which it plans as if it were alone: one that the limit has no room for is refused
// now, not when it is asked for. Their limits (Engine.Memory) are to be the same: that of the process. Errors are ErrOption and those of Open.
func NewLibrary(ctx context.Context, models []Entry) (*Library, error) {
	l := newLibrary()
	for _, e := range models {
		o := e.ModelOptions
		o.Engine.Beside, o.Engine.Reserve = 0, 0
		d, err := design(ctx, e.Path, o)
		if err != nil {
			return nil, err
		}
		one := &entry{Entry: e, name: e.name(e.Path), context: d.plan.Context, chat: d.opening.Tokenizer.ChatTemplate() != "", added: time.Now()}
		d.opening.Close()
		if err := l.add(one); err != nil {
			return nil, err
		}
	}
	return l, l.check()
}

func newLibrary() *Library {
	l := &Library{changed: make(chan struct{})}
	l.ctx, l.end = context.WithCancel(context.Background())
	return l
}

// add adds a model.
func (l *Library) add(e *entry) error {
	if l.entry(e.name) != nil {
		return fmt.Errorf("two models have the name %q: %w", e.name, ErrOption)
	}
	l.entries = append(l.entries, e)
	return nil
}

// check refuses a library without models.
func (l *Library) check() error {
	if len(l.entries) == 0 {
		return fmt.Errorf("no models: %w", ErrOption)
	}
	return nil
}

// entry returns the model of a name; nil if there is none.
func (l *Library) entry(name string) *entry {
	for _, e := range l.entries {
		if e.name == name {
			return e
		}
	}
	return nil
}

// Names are the models' names, in the order in which they were added.
func (l *Library) Names() []string {
	var list []string
	for _, e := range l.entries {
		list = append(list, e.name)
	}
	return list
}

// Use returns the model of a name, open until release is called, once. Errors are ErrModel, generate.ErrBusy where too many wait or
// others are in use for longer than MaxWait, generate.ErrClosed, memory.ErrLimit, those of Open, and the context's.
func (l *Library) Use(ctx context.Context, name string) (m *Model, release func(), err error) {
	return l.use(ctx, name, "", func() error { return nil })
}

// use is Use for a client. It calls park before it waits, and does not with the error of that.
func (l *Library) use(ctx context.Context, name, client string, park func() error) (m *Model, release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry(name)
	if e == nil {
		return nil, nil, fmt.Errorf("%.100q: %w", name, ErrModel)
	}
	if l.ready(e) {
		return e.model, l.lend(e), nil
	}
	if err := park(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := within(ctx, cmp.Or(e.MaxWait, maxWait))
	defer cancel()
	w := &waiter{client: client}
	l.queue(w)
	e.waiting++
	defer func() {
		l.waiting = slices.DeleteFunc(l.waiting, func(o *waiter) bool { return o == w })
		if e.waiting--; e.waiting == 0 && l.next == e {
			l.next = nil
			l.notify()
		}
	}()
	for !l.ready(e) {
		if w.refused {
			return nil, nil, fmt.Errorf("for models to be opened: %w", generate.ErrBusy)
		}
		err := error(errInUse)
		if e.model == nil && !l.loading && (l.next == nil || l.next == e) {
			err = l.load(e)
		}
		if errors.Is(err, errInUse) {
			err = l.wait(ctx)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return e.model, l.lend(e), nil
}

// queue has a request wait, and where too many do, the last of the client that has the most no more.
func (l *Library) queue(w *waiter) {
	l.waiting = append(l.waiting, w)
	if len(l.waiting) <= mostWaiting {
		return
	}
	count := map[string]int{}
	for _, o := range l.waiting {
		count[o.client]++
	}
	at := len(l.waiting) - 1
	for i := at - 1; i >= 0; i-- {
		if count[l.waiting[i].client] > count[l.waiting[at].client] {
			at = i
		}
	}
	l.waiting[at].refused = true
	l.waiting = slices.Delete(l.waiting, at, at+1)
	l.notify()
}

// ready tells whether a model is open and no other is to be waited for.
func (l *Library) ready(e *entry) bool {
	return l.ctx.Err() == nil && e.model != nil && (l.next == nil || l.next == e)
}

// lend notes that a model is in use until what it returns is called.
func (l *Library) lend(e *entry) (release func()) {
	e.users++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.uses++
		e.used = l.uses
		if e.users--; e.users == 0 {
			l.notify()
		}
	})
}

// notify wakes all who wait.
func (l *Library) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// wait waits until something has changed.
func (l *Library) wait(ctx context.Context) error {
	changed := l.changed
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.ctx.Done():
		return generate.ErrClosed
	}
}

var (
	errInUse    = fmt.Errorf("models in use leave no room: %w", memory.ErrLimit)
	errStreamed = fmt.Errorf("it would be streamed: %w", memory.ErrLimit)
)

// load opens a model, whoever goes meanwhile, and closes others for it. With errInUse it waits for those in use.
func (l *Library) load(e *entry) error {
	if l.ctx.Err() != nil {
		return generate.ErrClosed
	}
	l.loading = true
	defer func() {
		l.loading = false
		l.notify()
	}()
	for {
		whole := l.idle() != nil // if it does not fit whole, that one is closed
		err := l.open(e, whole)
		if err == nil {
			if l.next == e {
				l.next = nil
			}
			return nil
		}
		idle := l.idle()
		switch {
		case !errors.Is(err, memory.ErrLimit) || l.ctx.Err() != nil:
			return err
		case idle != nil:
			if err := l.evict(idle); err != nil {
				return err
			}
		case whole: // it is in use by now
		case l.inUse():
			l.next = e
			return errInUse
		default:
			return err
		}
	}
}

// open opens a model beside those that are open; whole says: only if none of it has to be streamed.
func (l *Library) open(e *entry, whole bool) error {
	o := e.ModelOptions
	o.Engine.Beside, o.Engine.Reserve = 0, 0
	for _, other := range l.entries {
		if other.model != nil {
			o.Engine.Beside += other.model.Plan().Outside()
			o.Engine.Reserve += other.heap
		}
	}
	m, err := l.unlocked(func() (*Model, error) {
		return open(l.ctx, e.Path, o, func(p *transformer.Plan) error {
			if whole && p.ReadsWeights() {
				return errStreamed
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	e.model, e.heap = m, m.Plan().Heap()-o.Engine.Reserve-serverMemory
	return nil
}

// unlocked calls do without the lock, which is held again even where that panics.
func (l *Library) unlocked(do func() (*Model, error)) (*Model, error) {
	l.mu.Unlock()
	defer l.mu.Lock()
	return do()
}

// opened are the models that are open.
func (l *Library) opened() []*Model {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*Model
	for _, e := range l.entries {
		if e.model != nil {
			list = append(list, e.model)
		}
	}
	return list
}

// idle is the open model that was used the longest ago, of those that nobody uses; nil if there is none.
func (l *Library) idle() *entry {
	var oldest *entry
	for _, e := range l.entries {
		if e.model != nil && e.users == 0 && e.Path != "" && (oldest == nil || e.used < oldest.used) {
			oldest = e
		}
	}
	return oldest
}

// inUse tells whether some model is in use.
func (l *Library) inUse() bool {
	for _, e := range l.entries {
		if e.users > 0 {
			return true
		}
	}
	return false
}

// evict closes a model that nobody uses.
func (l *Library) evict(e *entry) error {
	m := e.model
	e.model = nil
	l.mu.Unlock()
	defer l.mu.Lock()
	return m.Close()
}

// Close ends what is under way, with generate.ErrClosed, and closes all models that the library has opened.
func (l *Library) Close() error {
	l.end()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.loading {
		changed := l.changed
		l.mu.Unlock()
		<-changed
		l.mu.Lock()
	}
	var errs []error
	for _, e := range l.entries {
		if e.model != nil && e.Path != "" {
			errs = append(errs, e.model.Close())
			e.model = nil
		}
	}
	return errors.Join(errs...)
}
