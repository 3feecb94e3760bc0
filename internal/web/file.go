package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// get returns what asks for a file, and follows redirects. There are no credentials to carry along.
func (d *Directory) get(name string) ranges.Get {
	at := d.at.file(name)
	return func(ctx context.Context, header http.Header) (*http.Response, error) {
		u := at
		for range ranges.MostRedirects {
			a, err := d.requester.Get(ctx, u, header)
			if err != nil {
				return nil, err
			}
			next, err := ranges.Redirect(u, a)
			if err != nil {
				return nil, err
			}
			if next == nil {
				return a, nil
			}
			if !d.at.follows(next) {
				return nil, fmt.Errorf("%w: a redirect to an address that is not encrypted", ranges.ErrResponse)
			}
			u = next
		}
		return nil, fmt.Errorf("%w: more than %d redirects", ranges.ErrResponse, ranges.MostRedirects)
	}
}
