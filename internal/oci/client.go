package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// ErrCredentials reports a registry that wants other credentials than it got, or some where there are none.
var ErrCredentials = errors.New("the registry refuses access")

// Options say how a registry is asked. The zero value has the defaults of package ranges.
type Options struct {
	Retry ranges.Retry
	Stall time.Duration // see ranges.Requester
}

// Client asks a registry for one repository. It is safe for concurrent use.
type Client struct {
	at        Address
	base      url.URL // its path is the repository's
	requester ranges.Requester
	retry     ranges.Retry
}

// NewClient returns a client for an address, with the credentials that docker's configuration has for its registry: of
// its file, or of a helper that the file names. Nothing is asked for.
func NewClient(at Address, o Options) (*Client, error) {
	known, err := dockerCredentials()
	if err != nil {
		return nil, fmt.Errorf("read docker's configuration: %w", err)
	}
	c := &Client{at: at, retry: o.Retry, base: url.URL{Scheme: "https", Host: at.Host(), Path: "/v2/" + at.Repository}}
	if at.Plain {
		c.base.Scheme = "http"
	}
	transport := ranges.NewTransport()
	c.requester = ranges.Requester{Stall: o.Stall, HTTP: &http.Client{Transport: &authorized{
		host: at.Host(), scheme: c.base.Scheme, next: transport,
		registry: &auth.Client{
			Client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
			Cache:  auth.NewCache(), Credential: onlyFor(at.Host(), known), ClientID: "helix-substrate",
		},
	}}}
	return c, nil
}

// dockerCredentials finds what docker's configuration has; where nothing says where that lies, as in a container, there is none.
func dockerCredentials() (auth.CredentialFunc, error) {
	if _, err := os.UserHomeDir(); err != nil && os.Getenv("DOCKER_CONFIG") == "" {
		return func(context.Context, string) (auth.Credential, error) { return auth.EmptyCredential, nil }, nil
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, err
	}
	return credentials.Credential(store), nil
}

// onlyFor keeps credentials from other registries than host.
func onlyFor(host string, find auth.CredentialFunc) auth.CredentialFunc {
	return func(ctx context.Context, hostport string) (auth.Credential, error) {
		if hostport != host {
			return auth.EmptyCredential, nil
		}
		return find(ctx, hostport)
	}
}

// authorized sends requests to the registry with its authorization, and all others, such as those to where it redirects to,
// without any.
type authorized struct {
	host, scheme string
	next         http.RoundTripper
	registry     *auth.Client
}

func (t *authorized) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Host != t.host || q.URL.Scheme != t.scheme {
		return t.next.RoundTrip(q)
	}
	a, err := t.registry.Do(q)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		said, ok := errors.AsType[*errcode.ErrorResponse](err) // of the server of tokens
		if errors.Is(err, auth.ErrBasicCredentialNotFound) || ok && (said.StatusCode == http.StatusUnauthorized || said.StatusCode == http.StatusForbidden) {
			err = errRefused
		}
	}
	return a, err
}

// errRefused is what authorized says where no authorization is to be had.
var errRefused = errors.New("there are no credentials for it, or wrong ones")

// do makes a request of the registry and follows the redirects of GET and HEAD, of which no other host gets credentials.
// Whatever the status, the caller closes the body. found is the address that answered.
func (c *Client) do(ctx context.Context, q ranges.Request) (a *http.Response, found *url.URL, err error) {
	ctx = auth.AppendRepositoryScope(ctx, c.at.Reference, actions(q.Method)...)
	for range ranges.MostRedirects {
		if a, err = c.requester.Do(ctx, q); err != nil {
			if errors.Is(err, errRefused) {
				err = fmt.Errorf("%w: %w", ErrCredentials, errRefused)
			}
			return nil, nil, err
		}
		if reading := q.Method == "" || q.Method == http.MethodHead; !reading {
			return a, q.URL, nil
		}
		next, err := ranges.Redirect(q.URL, a)
		if err != nil {
			return nil, nil, err
		}
		if next == nil {
			return a, q.URL, nil
		}
		q.URL = next
	}
	return nil, nil, fmt.Errorf("%w: more than %d redirects", ranges.ErrResponse, ranges.MostRedirects)
}

// actions are what a token must allow.
func actions(method string) []string {
	if method == "" {
		return []string{auth.ActionPull}
	}
	return []string{auth.ActionPull, auth.ActionPush}
}

// url returns the address of something in the repository.
func (c *Client) url(path string) *url.URL { return c.base.JoinPath(path) }

// refusal is what a status other than success means. own says that the registry itself answered.
func refusal(a *http.Response, own bool) error {
	switch {
	case a.StatusCode == http.StatusNotFound:
		return fs.ErrNotExist
	case own && (a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden):
		return fmt.Errorf("%w: it says %s", ErrCredentials, ranges.StatusText(a.StatusCode))
	}
	return ranges.Refusal(a, fmt.Errorf("%w: %s", ranges.ErrResponse, ranges.StatusText(a.StatusCode)))
}

// own tells an address of the registry itself.
func (c *Client) own(u *url.URL) bool { return u.Host == c.base.Host && u.Scheme == c.base.Scheme }

// try repeats what fails in passing.
func (c *Client) try(ctx context.Context, attempt func() error) error {
	tries := ranges.Tries{Policy: &c.retry}
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		if err := tries.Failed(ctx, err); err != nil {
			return err
		}
	}
}

// read returns the body of an answer, of at most limit bytes, and closes it.
func read(a *http.Response, limit int64) ([]byte, error) {
	defer a.Body.Close()
	data, err := io.ReadAll(io.LimitReader(a.Body, limit+1))
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ranges.ErrResponse, limit)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = ranges.Passing(err, 0)
	}
	return data, err
}
