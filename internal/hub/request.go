package hub

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// answer is the last response to a request, after redirects.
type answer struct {
	*http.Response
	own    bool   // from the endpoint itself, not from where it redirected to
	linked string // X-Linked-Etag of the endpoint, the id of the content; "" if not told
	commit string // X-Repo-Commit of the endpoint; "" if not told
}

// get requests u and follows redirects. Whatever the status, the caller closes the
// body, which fails when nothing arrives. Network errors are passing.
func (c *Client) get(ctx context.Context, u *url.URL, header http.Header) (*answer, error) {
	home, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	a := &answer{}
	for range ranges.MostRedirects {
		a.own = sameOrigin(u, home)
		if a.Response, err = c.roundTrip(ctx, u, header, a.own); err != nil {
			return nil, err
		}
		if a.own {
			a.linked = cmp.Or(ranges.PlainETag(a.Header.Get("X-Linked-Etag")), a.linked)
			a.commit = cmp.Or(a.Header.Get("X-Repo-Commit"), a.commit)
		}
		next, err := ranges.Redirect(u, a.Response)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return a, nil
		}
		u = next
	}
	return nil, fmt.Errorf("%w: more than %d redirects", ErrResponse, ranges.MostRedirects)
}

// roundTrip makes one request. It carries the token only to the endpoint.
func (c *Client) roundTrip(ctx context.Context, u *url.URL, header http.Header, own bool) (*http.Response, error) {
	if own && c.Token != "" {
		header = header.Clone()
		header.Set("Authorization", "Bearer "+string(c.Token))
	}
	r := ranges.Requester{HTTP: c.HTTP, Stall: c.Stall}
	return r.Get(ctx, u, header)
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	standard := "443"
	if u.Scheme == "http" {
		standard = "80"
	}
	return cmp.Or(u.Port(), standard)
}

// refusal turns a status other than success into an error; see the sentinels for
// the codes of the hub (X-Error-Code). It closes nothing.
func (c *Client) refusal(a *answer, repo string) error {
	return ranges.Refusal(a.Response, c.explain(a, repo))
}

func (c *Client) explain(a *answer, repo string) error {
	said := oneLine(a.Header.Get("X-Error-Message"))
	if !a.own { // a content server; its codes mean something else
		return fmt.Errorf("%w: the content server says %s", ErrResponse, ranges.StatusText(a.StatusCode))
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
		return fmt.Errorf("%w for this repository: %s", ErrToken, cmp.Or(said, "forbidden"))
	}
	if said != "" {
		said = ": " + said
	}
	return fmt.Errorf("%w: %s%s", ErrResponse, ranges.StatusText(a.StatusCode), said)
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
