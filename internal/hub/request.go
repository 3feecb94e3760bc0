package hub

import (
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
	"time"
)

// answer is the last response to a request, after redirects.
type answer struct {
	*http.Response
	own    bool   // from the endpoint itself, not from where it redirected to
	linked string // X-Linked-Etag of the endpoint, the id of the content; "" if not told
	commit string // X-Repo-Commit of the endpoint; "" if not told
}

var errStalled = errors.New("no data for too long")

// get requests u and follows redirects. Whatever the status, the caller closes the
// body, which fails with errStalled when nothing arrives. Network errors are passing.
func (c *Client) get(ctx context.Context, u *url.URL, header http.Header) (*answer, error) {
	home, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	a := &answer{}
	const redirects = 10
	for range redirects {
		a.own = sameOrigin(u, home)
		if a.Response, err = c.roundTrip(ctx, u, header, a.own); err != nil {
			return nil, err
		}
		if a.own {
			a.linked = orDefault(plainETag(a.Header.Get("X-Linked-Etag")), a.linked)
			a.commit = orDefault(a.Header.Get("X-Repo-Commit"), a.commit)
		}
		switch a.StatusCode {
		default:
			return a, nil
		case 301, 302, 303, 307, 308:
		}
		next, err := a.Location()
		a.Body.Close()
		if err != nil || next.Scheme != "https" && (next.Scheme != "http" || u.Scheme != "http") || next.Host == "" || next.User != nil {
			return nil, fmt.Errorf("%w: a redirect to an address that is not followed", ErrResponse)
		}
		u = next
	}
	return nil, fmt.Errorf("%w: more than %d redirects", ErrResponse, redirects)
}

// roundTrip makes one request. It carries the token only to the endpoint.
func (c *Client) roundTrip(ctx context.Context, u *url.URL, header http.Header, own bool) (*http.Response, error) {
	watched, cancel := context.WithCancelCause(ctx)
	stall := orDefault(c.Stall, time.Minute)
	timer := time.AfterFunc(stall, func() { cancel(errStalled) })
	request, err := http.NewRequestWithContext(watched, http.MethodGet, u.String(), nil)
	if err != nil {
		timer.Stop()
		cancel(nil)
		return nil, fmt.Errorf("%w: an address that cannot be requested", ErrResponse)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("User-Agent", "helix-substrate")
	if own && c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+string(c.Token))
	}
	var client http.Client
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.Timeout = 0
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	timer.Stop()
	if err != nil {
		cause := context.Cause(watched)
		cancel(nil)
		return nil, networkError(ctx, cause, err)
	}
	response.Body = &body{response.Body, ctx, watched, cancel, timer, stall}
	return response, nil
}

// networkError tells what failed without the address, which may hold a signature.
func networkError(ctx context.Context, cause, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cause != nil {
		return passing(cause)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	if certificate || authority {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return passing(err)
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

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	standard := "443"
	if u.Scheme == "http" {
		standard = "80"
	}
	return orDefault(u.Port(), standard)
}

// plainETag takes the quotes and the weakness mark off an entity tag.
func plainETag(tag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
}

// refusal turns a status other than success into an error; see the sentinels for
// the codes of the hub (X-Error-Code). It closes nothing.
func (c *Client) refusal(a *answer, repo string) error {
	err := c.explain(a, repo)
	switch a.StatusCode {
	case 408, 429, 500, 502, 503, 504:
		return &passingError{fmt.Errorf("%w: %w", ErrUnavailable, err), retryAfter(a.Header, time.Now())}
	}
	return err
}

func (c *Client) explain(a *answer, repo string) error {
	said := oneLine(a.Header.Get("X-Error-Message"))
	if !a.own { // a content server; its codes mean something else
		return fmt.Errorf("%w: the content server says %s", ErrResponse, statusText(a.StatusCode))
	}
	page := trimSlash(c.Endpoint) + "/" + repo
	switch code := a.Header.Get("X-Error-Code"); {
	case code == "RevisionNotFound":
		return ErrRevisionNotFound
	case code == "EntryNotFound":
		return ErrFileNotFound
	case code == "GatedRepo" && c.Token == "":
		return fmt.Errorf("%w, %w: accept its terms at %s, then set HF_TOKEN", ErrGated, ErrNoToken, page)
	case code == "GatedRepo":
		return fmt.Errorf("%w: the account of this token has no access: accept its terms at %s", ErrGated, page)
	case a.StatusCode == 401 && c.Token != "":
		return fmt.Errorf("%w: it is wrong or expired: set HF_TOKEN to another, or to none for public models", ErrToken)
	case code == "RepoNotFound" || a.StatusCode == 404:
		if c.Token == "" {
			return fmt.Errorf("%w for everyone: check the name; for a private one set HF_TOKEN: %w", ErrRepoNotFound, ErrNoToken)
		}
		return fmt.Errorf("%w, or one that this token may not see: check the name", ErrRepoNotFound)
	case a.StatusCode == 401:
		return fmt.Errorf("no such repository for everyone, or a private one: check the name, or set HF_TOKEN: %w (%w)", ErrNoToken, ErrRepoNotFound)
	case a.StatusCode == 403:
		return fmt.Errorf("%w for this repository: %s", ErrToken, orDefault(said, "forbidden"))
	}
	if said != "" {
		said = ": " + said
	}
	return fmt.Errorf("%w: %s%s", ErrResponse, statusText(a.StatusCode), said)
}

func statusText(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// oneLine makes text from a server fit for an error.
func oneLine(s string) string {
	const longest = 200
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '�' {
			return ' '
		}
		return r
	}, s[:min(len(s), longest)])
	return strings.Join(strings.Fields(s), " ")
}
