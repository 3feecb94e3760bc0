package s3

import (
	"context"
	"io"
	"net/http"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// largestDocument bounds the answers that are parsed whole: lists of at most 1,000 objects, locations, errors.
const largestDocument = 16 << 20

// transport makes a client's requests by the rules of package ranges: they end where nothing arrives, and no answer leads
// elsewhere. What came last is kept in the context's exchange, since the client keeps neither an answer's status nor how it failed.
type transport struct{ requester *ranges.Requester }

func newTransport(o Options) transport {
	return transport{&ranges.Requester{HTTP: &http.Client{Transport: ranges.NewTransport()}, Stall: o.Stall}}
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := t.requester.Send(request)
	if x, ok := request.Context().Value(exchangeKey{}).(*exchange); ok {
		x.answer, x.err = answer, err
	}
	if err == nil && (answer.StatusCode >= 300 || request.URL.Query().Has("list-type") || request.URL.Query().Has("location")) {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, largestDocument), answer.Body}
	}
	return answer, err
}

// exchange is the last answer that came under a context, or why none came.
type exchange struct {
	answer *http.Response
	err    error
}

type exchangeKey struct{}

// newExchange returns a context for one call of the client, and its exchange.
func newExchange(ctx context.Context) (context.Context, *exchange) {
	x := &exchange{}
	return context.WithValue(ctx, exchangeKey{}, x), x
}
