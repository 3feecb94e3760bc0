package ranges

import "net/http"

const (
	// Connections is how many connections to a server NewTransport keeps for the next requests,
	// ConnectionBytes what each takes on the Go heap.
	Connections     = 8
	ConnectionBytes = 64 << 10
)

// NewTransport returns a transport whose connections take little: net/http's own, without compression.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.DisableCompression, t.MaxResponseHeaderBytes = Connections, true, ConnectionBytes/2
	t.Protocols = new(http.Protocols) // version 2 holds megabytes a connection
	t.Protocols.SetHTTP1(true)
	return t
}
