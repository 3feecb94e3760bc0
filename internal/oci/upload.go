package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// chunk is how many bytes of a layer a request has, unless the registry wants more.
const chunk = 16 << 20

// Has tells whether the registry has a layer, in this repository.
func (c *Client) Has(ctx context.Context, l Layer) (has bool, err error) {
	err = c.try(ctx, func() error {
		a, found, err := c.do(ctx, ranges.Request{Method: http.MethodHead, URL: c.url("blobs/" + l.digest().String())})
		if err != nil {
			return err
		}
		a.Body.Close()
		has = a.StatusCode == http.StatusOK && (a.ContentLength < 0 || a.ContentLength == l.Size)
		if has || a.StatusCode == http.StatusNotFound || a.StatusCode == http.StatusOK {
			return nil
		}
		return refusal(a, c.own(found))
	})
	return has, err
}

// Upload sends a layer, whose bytes content has, and tells progress how many of them the registry has. mount, where not
// empty, is another repository of the registry that may have the layer, which then is not sent: mounted is true.
//
// A layer of several chunks goes on where the registry says that it stopped, or anew; a registry that takes no chunks gets
// it in one request. The registry compares its digest.
func (c *Client) Upload(ctx context.Context, l Layer, content io.ReaderAt, mount string, progress func(done int64)) (mounted bool, err error) {
	u := &upload{client: c, layer: l, content: content, mount: mount, progress: progress, whole: l.Size <= chunk}
	err = u.run(ctx)
	return u.mounted, err
}

// upload is one layer on its way.
type upload struct {
	client   *Client
	layer    Layer
	content  io.ReaderAt
	mount    string
	progress func(done int64)

	whole    bool     // in one request
	mounted  bool     // it did not have to be sent
	location *url.URL // of the session; nil before it begins
	sent     int64    // what the registry has
	atLeast  int64    // bytes of a chunk
}

var errNoChunks = errors.New("the registry takes no chunks")

// run sends the layer. Attempts are counted anew when they bring it on.
func (u *upload) run(ctx context.Context) error {
	tries := ranges.Tries{Policy: &u.client.retry}
	farthest := int64(0)
	for {
		err := u.attempt(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, errNoChunks) && !u.whole {
			u.whole, u.location = true, nil
			continue
		}
		if u.sent >= min(farthest+ranges.ProgressStep, u.layer.Size) && u.sent > farthest {
			farthest = u.sent
			tries.Progress()
		}
		if err := tries.Failed(ctx, err); err != nil {
			return err
		}
		u.resume(ctx)
	}
}

// attempt begins the upload, or goes on with it, to its end.
func (u *upload) attempt(ctx context.Context) error {
	if u.location == nil {
		if err := u.begin(ctx); err != nil || u.mounted {
			return err
		}
	}
	for !u.whole && u.sent < u.layer.Size {
		if err := u.patch(ctx); err != nil {
			return err
		}
		u.progress(u.sent)
	}
	return u.finish(ctx)
}

// begin opens a session, unless the layer can be mounted.
func (u *upload) begin(ctx context.Context) error {
	at := u.client.url("blobs/uploads/")
	if u.mount != "" {
		at.RawQuery = url.Values{"mount": {u.layer.digest().String()}, "from": {u.mount}}.Encode()
		u.mount = "" // asked for once
	}
	u.sent, u.atLeast = 0, 0
	a, err := u.request(ctx, http.MethodPost, at, nil, nil)
	if err != nil {
		return err
	}
	switch a.StatusCode {
	case http.StatusCreated:
		u.mounted = at.RawQuery != ""
		if !u.mounted {
			return fmt.Errorf("%w: an upload that ends where it begins", ranges.ErrResponse)
		}
		u.progress(u.layer.Size)
		return nil
	case http.StatusAccepted:
		if n, err := strconv.ParseInt(a.Header.Get("OCI-Chunk-Min-Length"), 10, 64); err == nil && n > 0 {
			u.atLeast = n
		}
		return u.follow(a)
	}
	return refusal(a, true)
}

// patch sends the next chunk.
func (u *upload) patch(ctx context.Context) error {
	n := min(max(chunk, u.atLeast), u.layer.Size-u.sent)
	header := http.Header{"Content-Type": {"application/octet-stream"}, "Content-Range": {fmt.Sprintf("%d-%d", u.sent, u.sent+n-1)}}
	a, err := u.request(ctx, http.MethodPatch, u.location, header, io.NewSectionReader(u.content, u.sent, n))
	if err != nil {
		return err
	}
	switch a.StatusCode {
	case http.StatusAccepted, http.StatusNoContent, http.StatusCreated:
	case http.StatusRequestedRangeNotSatisfiable: // it has more or less than was thought
		return ranges.Passing(fmt.Errorf("%w: it has another part of the layer", ranges.ErrResponse), 0)
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		if u.sent == 0 {
			return errNoChunks
		}
		return ranges.Passing(fmt.Errorf("%w: %s within an upload", ranges.ErrResponse, ranges.StatusText(a.StatusCode)), 0)
	default:
		return refusal(a, true)
	}
	u.sent += n
	if end, ok := received(a.Header.Get("Range")); ok && end < u.sent {
		u.sent = end
		if err := u.follow(a); err != nil {
			return err
		}
		return ranges.Passing(fmt.Errorf("%w: it took a part of a chunk", ranges.ErrResponse), 0)
	}
	return u.follow(a)
}

// finish ends the session with what has not been sent.
func (u *upload) finish(ctx context.Context) error {
	at := *u.location
	query := at.Query()
	query.Set("digest", u.layer.digest().String())
	at.RawQuery = query.Encode()
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	a, err := u.request(ctx, http.MethodPut, &at, header, io.NewSectionReader(u.content, u.sent, u.layer.Size-u.sent))
	if err != nil {
		return err
	}
	switch a.StatusCode {
	case http.StatusCreated, http.StatusNoContent:
		u.progress(u.layer.Size)
		return nil
	case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable: // the session is lost, or got bytes that were damaged
		u.location = nil
		return ranges.Passing(fmt.Errorf("%w: it does not take the layer: %s", ranges.ErrResponse, ranges.StatusText(a.StatusCode)), 0)
	}
	return refusal(a, true)
}

// resume asks what the registry has of the layer; where it does not tell, the upload begins anew.
func (u *upload) resume(ctx context.Context) {
	if u.location == nil {
		return
	}
	location := u.location
	u.location = nil
	if u.whole {
		return
	}
	a, _, err := u.client.do(ctx, ranges.Request{URL: location})
	if err != nil {
		return
	}
	a.Body.Close()
	if end, ok := received(a.Header.Get("Range")); ok && a.StatusCode == http.StatusNoContent && end <= u.layer.Size {
		u.location, u.sent = location, end
		if u.follow(a) != nil {
			u.location = location
		}
	}
}

// received reads the header that tells what has come, "0-99", as the number of bytes. "0-0", which some registries say of nothing, is not ok.
func received(header string) (int64, bool) {
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || first != "0" || err != nil || n < 1 || n >= ranges.LargestContent {
		return 0, false
	}
	return n + 1, true
}

// request makes a request of the session, and closes the answer's body.
func (u *upload) request(ctx context.Context, method string, at *url.URL, header http.Header, body *io.SectionReader) (*http.Response, error) {
	a, _, err := u.client.do(ctx, ranges.Request{Method: method, URL: at, Header: header, Body: body})
	if err != nil {
		return nil, err
	}
	_, err = read(a, 64<<10)
	return a, err
}

// follow takes the session's next address, which must be the registry's own.
func (u *upload) follow(a *http.Response) error {
	next, err := a.Location()
	if err != nil || !u.client.own(next) {
		return fmt.Errorf("%w: an upload that goes to another server", ranges.ErrResponse)
	}
	u.location = next
	return nil
}

// PushManifest stores a manifest under the address's tag.
func (c *Client) PushManifest(ctx context.Context, text []byte, mediaType string) error {
	return c.try(ctx, func() error {
		a, _, err := c.do(ctx, ranges.Request{
			Method: http.MethodPut, URL: c.url("manifests/" + c.at.Reference.Reference), Header: http.Header{"Content-Type": {mediaType}},
			Body: io.NewSectionReader(strings.NewReader(string(text)), 0, int64(len(text))),
		})
		if err != nil {
			return err
		}
		if _, err := read(a, 64<<10); err != nil {
			return err
		}
		if a.StatusCode != http.StatusCreated && a.StatusCode != http.StatusOK {
			if err := refusal(a, true); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return fmt.Errorf("%w: it does not know a layer of the artifact", ranges.ErrResponse)
		}
		if got := a.Header.Get("Docker-Content-Digest"); got != "" && got != digest.FromBytes(text).String() {
			return ranges.Passing(fmt.Errorf("%w: it got another manifest", ranges.ErrResponse), 0)
		}
		return nil
	})
}
