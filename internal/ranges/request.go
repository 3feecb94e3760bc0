package ranges

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// MostRedirects is how many redirects of one request are followed.
const MostRedirects = 10

var errStalled = errors.New("no data for too long")

// Requester makes requests that end when nothing arrives. It is safe for concurrent use.
type Requester struct {
	// HTTP makes the requests; its CheckRedirect and Timeout are not used. nil is
	// a client with net/http's default transport.
	HTTP *http.Client
	// Stall is how long an answer, or the next piece of one, may take before the
	// request counts as broken. 0 is a minute.
	Stall time.Duration
}

// Request is one request.
type Request struct {
	Method string // GET if empty
	URL    *url.URL
	Header http.Header
	Body   *io.SectionReader // what is sent, all of it; nil for nothing
}

// Get is Do of a request for what lies at u.
func (r *Requester) Get(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	return r.Do(ctx, Request{URL: u, Header: header})
}

// Do makes one request, which follows no redirect. Whatever the status, the caller closes
// the body, which fails when nothing arrives. Network errors are passing, and do not have the
// address, which may hold a signature.
func (r *Requester) Do(ctx context.Context, q Request) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, cmp.Or(q.Method, http.MethodGet), q.URL.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: an address that cannot be requested", ErrResponse)
	}
	for name, values := range q.Header {
		request.Header[name] = values
	}
	if q.Body != nil && q.Body.Size() > 0 {
		request.ContentLength = q.Body.Size()
		request.GetBody = func() (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(q.Body, 0, q.Body.Size())), nil
		}
		request.Body, _ = request.GetBody()
	}
	return r.Send(request)
}

// Send is Do of a request that is made already, under its own context; it does not change it.
func (r *Requester) Send(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	watched, cancel := context.WithCancelCause(ctx)
	stall := cmp.Or(r.Stall, time.Minute)
	timer := time.AfterFunc(stall, func() { cancel(errStalled) })
	var answered atomic.Bool
	progress := func() {
		if !answered.Load() {
			timer.Reset(stall)
		}
	}
	request = request.Clone(watched)
	request.Header.Set("User-Agent", "helix-substrate")
	if request.Body != nil && request.Body != http.NoBody {
		request.Body = &sending{request.Body, progress}
	}
	if again := request.GetBody; again != nil {
		request.GetBody = func() (io.ReadCloser, error) {
			content, err := again()
			return &sending{content, progress}, err
		}
	}
	var client http.Client
	if r.HTTP != nil {
		client = *r.HTTP
	}
	client.Timeout = 0
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	answered.Store(true)
	timer.Stop()
	if err != nil {
		cause := context.Cause(watched)
		cancel(nil)
		return nil, networkError(ctx, cause, err)
	}
	response.Body = &body{response.Body, ctx, watched, cancel, timer, stall}
	return response, nil
}

// sending is the body of a request; each piece that is taken of it is progress.
type sending struct {
	io.ReadCloser
	progress func()
}

func (s *sending) Read(p []byte) (int, error) {
	s.progress()
	return s.ReadCloser.Read(p)
}

// Redirect returns where an answer to a request of from redirects to, nil if it does not. It
// closes the body of one that does. What leads from https to http, or has a password in it,
// is ErrResponse.
func Redirect(from *url.URL, a *http.Response) (*url.URL, error) {
	switch a.StatusCode {
	default:
		return nil, nil
	case 301, 302, 303, 307, 308:
	}
	next, err := a.Location()
	a.Body.Close()
	if err != nil || next.Scheme != "https" && (next.Scheme != "http" || from.Scheme != "http") || next.Host == "" || next.User != nil {
		return nil, fmt.Errorf("%w: a redirect to an address that is not followed", ErrResponse)
	}
	return next, nil
}

// networkError tells what failed without the address, which may hold a signature.
func networkError(ctx context.Context, cause, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cause != nil {
		return Passing(cause, 0)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	if certificate || authority || plain || errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return Passing(err, 0)
}

// body is a response's body that stops when nothing arrives for too long. Only time
// spent in Read counts, not the reader's own.
type body struct {
	io.ReadCloser
	caller, watched context.Context
	cancel          context.CancelCauseFunc
	timer           *time.Timer
	stall           time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.stall)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF {
		err = networkError(b.caller, context.Cause(b.watched), err)
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// StatusText is what a status is called in messages.
func StatusText(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// Refusal makes err, of an answer with a status other than success, one that passes where the
// status says so.
func Refusal(a *http.Response, err error) error {
	switch a.StatusCode {
	case 408, 429, 500, 502, 503, 504:
		return Passing(fmt.Errorf("%w: %w", ErrUnavailable, err), retryAfter(a.Header, time.Now()))
	}
	return err
}
