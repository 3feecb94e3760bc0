package ranges

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Retry says how failed requests are repeated. Zero fields take their defaults.
type Retry struct {
	Attempts int           // requests without progress before giving up; 6
	First    time.Duration // pause after the first failure, doubled each time; 500 ms
	Longest  time.Duration // longest of these pauses; 30 s
	// Patience is the longest Retry-After that is waited for; a server that asks
	// for more is ErrUnavailable at once. 5 minutes.
	Patience time.Duration

	// Jitter returns a factor in [0, 1): pauses are spread over their upper half,
	// so that many clients do not return at once. nil is random.
	Jitter func() float64
	// Wait pauses, or returns early with the context's error. nil is a timer; a
	// program may tell its user here.
	Wait func(ctx context.Context, pause time.Duration) error
}

// backoff returns the pause after a number of failures, at least 1.
func (r *Retry) backoff(failures int) time.Duration {
	pause, longest := cmp.Or(r.First, 500*time.Millisecond), cmp.Or(r.Longest, 30*time.Second)
	for ; failures > 1 && pause < longest; failures-- {
		pause *= 2
	}
	jitter := rand.Float64
	if r.Jitter != nil {
		jitter = r.Jitter
	}
	pause = min(pause, longest)
	return pause/2 + time.Duration(float64(pause/2)*jitter())
}

// passingError is a failure that may not happen again.
type passingError struct {
	err   error
	after time.Duration // what Retry-After asked for
}

func (e *passingError) Error() string { return e.err.Error() }
func (e *passingError) Unwrap() error { return e.err }

// spentError is what Failed gave up: tries around it do not repeat it again.
type spentError struct{ error }

func (e *spentError) Unwrap() error { return e.error }

// Passing makes err one that Tries repeats, no sooner than after the pause that the server asks for.
func Passing(err error, after time.Duration) error { return &passingError{err, after} }

// ProgressStep is how many bytes make an attempt count as a success, although it
// broke off.
const ProgressStep = 64 << 10

// Tries counts the failures of one task. It is for one goroutine.
type Tries struct {
	Policy   *Retry
	failures int
}

// Progress forgets earlier failures: the task came on.
func (t *Tries) Progress() { t.failures = 0 }

// Failed decides what follows a failure: nil, after a pause, to try again, or the
// error to return.
func (t *Tries) Failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var p *passingError
	if _, spent := errors.AsType[*spentError](err); spent || !errors.As(err, &p) {
		return err
	}
	if t.failures++; t.failures >= cmp.Or(t.Policy.Attempts, 6) {
		return &spentError{fmt.Errorf("%w after %d attempts: %w", ErrUnavailable, t.failures, err)}
	}
	if p.after > cmp.Or(t.Policy.Patience, 5*time.Minute) {
		return &spentError{fmt.Errorf("%w: it asks to come back in %v: %w", ErrUnavailable, p.after, err)}
	}
	pause := max(t.Policy.backoff(t.failures), p.after)
	if t.Policy.Wait != nil {
		return t.Policy.Wait(ctx, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter reads the header in both its forms, seconds and a date (RFC 9110,
// 10.2.3). 0 where there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
