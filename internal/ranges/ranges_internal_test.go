package ranges

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestParseContentRange(t *testing.T) {
	for s, want := range map[string][3]int64{
		"bytes 0-0/1": {0, 0, 1}, "bytes 5-9/10": {5, 9, 10}, " bytes 0-9223372036854775806/9223372036854775807": {0, 1<<63 - 2, 1<<63 - 1},
	} {
		if a, b, n, ok := parseContentRange(s); !ok || [3]int64{a, b, n} != want {
			t.Errorf("%q: %d %d %d %v", s, a, b, n, ok)
		}
	}
	for _, s := range []string{"", "bytes", "bytes 0-0", "bytes 0/1", "bytes */1", "bytes 0-0/*", "0-0/1", "bytes 1-0/5", "bytes 0-5/5", "bytes -1-2/5", "bytes 0-+1/5", "bytes 0-0/9223372036854775808"} {
		if _, _, _, ok := parseContentRange(s); ok {
			t.Errorf("%q accepted", s)
		}
	}
}

// A total that no file has is refused, before sums of it overflow.
func TestLargestContent(t *testing.T) {
	for total, want := range map[int64]error{LargestContent: nil, LargestContent + 1: ErrResponse, 1<<63 - 1: ErrResponse} {
		a := &http.Response{StatusCode: http.StatusPartialContent, ContentLength: 10, Header: http.Header{"Content-Range": {fmt.Sprintf("bytes 0-9/%d", total)}}}
		if _, err := ReadPart(a, 0, 10); !errors.Is(err, want) {
			t.Errorf("%d: %v", total, err)
		}
	}
}

// endless is a content of the largest number of bytes, all 0.
type endless struct{}

func (endless) Name() string { return "endless" }
func (endless) Size() int64  { return 1<<63 - 1 }
func (endless) Open(_ context.Context, from, to int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(make([]byte, to-from))), nil
}

func TestReadOfTheLargest(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := New(endless{}, &Retry{}, nil)
	defer r.Close()
	if n, err := r.ReadAtContext(ctx, make([]byte, 10), 5); n != 10 || err != nil {
		t.Error(n, err)
	}
}

func TestBackoff(t *testing.T) {
	r := Retry{First: time.Second, Longest: 5 * time.Second, Jitter: func() float64 { return 0 }}
	for i, want := range []time.Duration{500, 1000, 2000, 2500, 2500} {
		if got := r.backoff(i + 1); got != want*time.Millisecond {
			t.Errorf("%d: %v", i+1, got)
		}
	}
	if got := r.backoff(1 << 40); got != 2500*time.Millisecond {
		t.Error(got)
	}
	for range 100 {
		if got := (&Retry{}).backoff(2); got < 500*time.Millisecond || got >= time.Second {
			t.Error(got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, " 12 ": 12 * time.Second, "-1": 0, "soon": 0, "99999999999": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}
