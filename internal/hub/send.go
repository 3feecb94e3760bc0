package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// mostAnswer bounds what the hub says to something that was sent.
const mostAnswer = 4 << 20

// sending is what is sent to the hub, or to where it says.
type sending struct {
	method string
	url    *url.URL
	header http.Header
	body   *io.SectionReader // nil for nothing
}

// send makes a request until it is answered with success, and returns the answer's header and body. Only the endpoint gets the token,
// and no redirect is followed. What fails in passing is tried again.
func (c *Client) send(ctx context.Context, q sending, repo string) (header http.Header, text []byte, err error) {
	tries := ranges.Tries{Policy: &c.Retry}
	for {
		if header, text, err = c.sendOnce(ctx, q, repo); err == nil {
			return header, text, nil
		}
		if err := tries.Failed(ctx, err); err != nil {
			return nil, nil, err
		}
	}
}

func (c *Client) sendOnce(ctx context.Context, q sending, repo string) (http.Header, []byte, error) {
	home, err := c.endpoint()
	if err != nil {
		return nil, nil, err
	}
	header, own := q.header.Clone(), sameOrigin(q.url, home)
	if header == nil {
		header = http.Header{}
	}
	if own && c.Token != "" {
		header.Set("Authorization", "Bearer "+string(c.Token))
	}
	r := ranges.Requester{HTTP: c.HTTP, Stall: c.Stall}
	a, err := r.Do(ctx, ranges.Request{Method: q.method, URL: q.url, Header: header, Body: q.body})
	if err != nil {
		return nil, nil, err
	}
	defer a.Body.Close()
	if a.StatusCode < 200 || a.StatusCode > 299 {
		return nil, nil, c.refusal(&answer{Response: a, own: own}, repo)
	}
	text, err := io.ReadAll(io.LimitReader(a.Body, mostAnswer+1))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = ranges.Passing(err, 0)
	}
	if len(text) > mostAnswer {
		err = fmt.Errorf("%w: more than %d MiB", ErrResponse, mostAnswer>>20)
	}
	return a.Header, text, err
}

// call sends JSON to a path of the endpoint and decodes the answer's.
func (c *Client) call(ctx context.Context, path, contentType string, body []byte, repo string, into any) error {
	u, err := c.url(path)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {contentType}, "Accept": {"application/json"}}
	if contentType == lfsType {
		header.Set("Accept", lfsType)
	}
	q := sending{http.MethodPost, u, header, io.NewSectionReader(bytes.NewReader(body), 0, int64(len(body)))}
	_, text, err := c.send(ctx, q, repo)
	if err != nil || into == nil {
		return err
	}
	if err := strictjson.UnmarshalOpen(text, into, nil); err != nil {
		return fmt.Errorf("%w: %s", ErrResponse, oneLine(err.Error()))
	}
	return nil
}

// callJSON is call of a value.
func (c *Client) callJSON(ctx context.Context, path, contentType string, body any, repo string, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.call(ctx, path, contentType, text, repo, into)
}
