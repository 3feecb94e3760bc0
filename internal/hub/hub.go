// Package hub reads models from the Hugging Face hub, or from a server that speaks
// its HTTP API: it lists a repository at a commit, downloads files into the cache
// that huggingface_hub uses too, and reads files in ranges without storing them.
//
//	client, err := hub.FromEnvironment() // HF_ENDPOINT, HF_TOKEN, HF_HOME, ...
//	repo, err := hub.ParseRepo("mistralai/Mistral-7B-v0.1@main")
//	snapshot, err := client.Snapshot(ctx, repo)     // the commit and its files
//	file, err := snapshot.File("model.safetensors")
//	path, err := client.Download(ctx, snapshot, file, nil) // whole, checked, cached
//	remote, err := client.OpenRemote(ctx, snapshot, file, nil) // an io.ReaderAt, nothing stored
//
// # What is trusted
//
// Nothing that arrives. Answers are bounded before they are read, file names that
// could leave the cache are kept out of a snapshot (Snapshot.Refused), and a
// downloaded file gets its place in the cache only when its SHA-256 (large files)
// or its git blob id (others) is the one in the listing. Ranges cannot be hashed;
// they are pinned instead to the commit, the size, and the ETag of every answer, so
// that a file that changes meanwhile is ErrChanged and never a mixture.
//
// The token goes to the scheme, host and port of the endpoint and nowhere else; a
// redirect to another host, such as a content delivery network, does not carry it.
// It is not printed: a Token formats as "[token]".
//
// # What is repeated
//
// Network errors, stalled bodies, 408, 429 and 5xx answers are tried again with
// growing, jittered pauses (ranges.Retry), at least as long as a Retry-After asks for.
// Bodies that break off continue where they stopped. A cancelled download leaves a
// BLOB.incomplete, which the next one continues.
//
// # Cache
//
// The layout is that of huggingface_hub, below HF_HUB_CACHE:
//
//	models--OWNER--NAME/blobs/ID                content, by SHA-256 or git blob id
//	models--OWNER--NAME/blobs/ID.incomplete     what has arrived of it
//	models--OWNER--NAME/snapshots/COMMIT/PATH   relative links to blobs
//	models--OWNER--NAME/refs/REVISION           the commit of a branch or tag
//	.locks/models--OWNER--NAME/ID.lock          one writer per blob, across processes
//
// With Client.Offline only this cache is read.
package hub

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// Client reads from one hub. Fields must not change while it is in use; all methods
// are safe for concurrent use. The zero value of every field is usable but Endpoint
// and, for Download and Offline, Cache.
type Client struct {
	Endpoint string // such as "https://huggingface.co"
	Token    Token  // "" for none; sent to the endpoint's scheme, host and port only
	Cache    string // the directory that holds models--OWNER--NAME
	Offline  bool   // use the cache only

	// HTTP makes the requests; its CheckRedirect and Timeout are not used. nil is
	// a client with net/http's default transport.
	HTTP  *http.Client
	Retry ranges.Retry
	// Stall is how long an answer, or the next piece of one, may take before the
	// request counts as broken. 0 is a minute.
	Stall time.Duration
}

// Token is an access token. Formatting it does not show it.
type Token string

// Format prints "[token]", or nothing for no token, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) {
	if t != "" {
		f.Write([]byte("[token]"))
	}
}

// MarshalText returns what Format prints.
func (t Token) MarshalText() ([]byte, error) { return fmt.Append(nil, t), nil }

// endpoint parses Endpoint. ErrEndpoint if it is not an http or https address.
func (c *Client) endpoint() (*url.URL, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil { // the error holds the address, perhaps with a password
		return nil, fmt.Errorf("%w: not an address", ErrEndpoint)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s: %w", ranges.Shown(u.String()), ErrEndpoint)
	}
	return u, nil
}

func (c *Client) url(path string) (*url.URL, error) {
	u, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return u.Parse(trimSlash(u.EscapedPath()) + path)
}

func trimSlash(s string) string {
	for len(s) > 0 && s[len(s)-1] == '/' {
		s = s[:len(s)-1]
	}
	return s
}

var (
	// ErrEndpoint reports an Endpoint that is not the address of a server.
	ErrEndpoint = errors.New("not a hub address; write for example https://huggingface.co")
	// ErrRepo reports what is not a repository id.
	ErrRepo = errors.New("not a repository id; write owner/name or owner/name@revision")
	// ErrPath reports a file name that is not safe to store.
	ErrPath = filename.ErrUnsafe
	// ErrRepoNotFound reports a repository that does not exist or is private: the
	// hub does not tell which.
	ErrRepoNotFound = errors.New("no such repository")
	// ErrRevisionNotFound reports a branch, tag or commit that does not exist.
	ErrRevisionNotFound = errors.New("no such revision")
	// ErrFileNotFound reports a file that the snapshot does not have.
	ErrFileNotFound = errors.New("no such file in the repository")
	// ErrGated reports a repository whose terms the account has not accepted.
	ErrGated = errors.New("gated repository")
	// ErrNoToken reports that the hub wants a token and there is none. It comes
	// with ErrGated or ErrRepoNotFound where the hub says so.
	ErrNoToken = errors.New("no access token")
	// ErrToken reports a token that the hub refuses.
	ErrToken = errors.New("access token refused")
	// ErrUnavailable reports a server that could not be reached or kept failing.
	ErrUnavailable = ranges.ErrUnavailable
	// ErrOffline reports something that is not in the cache, in offline mode.
	ErrOffline = errors.New("not in the cache, and offline")
	// ErrResponse reports an answer that makes no sense or is too large.
	ErrResponse = ranges.ErrResponse
	// ErrChanged reports a file that is not, or no longer, the listed one.
	ErrChanged = ranges.ErrChanged
	// ErrChecksum reports a file that arrived whole with the wrong content.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrNoRanges reports a server that does not serve parts of a file.
	ErrNoRanges = ranges.ErrNoRanges
	// ErrClosed reports a read after Close.
	ErrClosed = ranges.ErrClosed
)
