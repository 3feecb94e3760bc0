package hub

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// maxListing bounds the description of a repository: about 100 000 files.
const maxListing = 16 << 20

// Snapshot is a repository at a commit. It does not change.
type Snapshot struct {
	Repo    Repo
	Commit  string   // 40 hexadecimal digits
	Files   []File   // by path
	Refused []string // names that are not safe to store, quoted
}

// File is one file of a snapshot.
type File struct {
	Path   string // with slashes; safe to join to a directory on any system
	Size   int64  // bytes
	SHA256 string // of the content, for large files (LFS); else ""
	GitID  string // git blob id: of the content, for other files; may be "" in offline mode
}

// Blob returns the name of the content in the cache, which is also its ETag at the
// hub: SHA256 or, without one, GitID. "" if neither is known.
func (f File) Blob() string { return cmp.Or(f.SHA256, f.GitID) }

// File returns the file of that path, ErrFileNotFound or, for a name that is not
// safe to store, ErrPath.
func (s *Snapshot) File(path string) (File, error) {
	i, ok := slices.BinarySearchFunc(s.Files, path, func(f File, path string) int { return strings.Compare(f.Path, path) })
	if ok {
		return s.Files[i], nil
	}
	if err := filename.Check(path); err != nil {
		return File{}, fmt.Errorf("%s: %w", s.Repo, err)
	}
	return File{}, fmt.Errorf("%s: %s: %w", s.Repo, path, ErrFileNotFound)
}

// Snapshot asks the hub for the commit and the files of repo; in offline mode the
// cache, whose files may be fewer. Errors: ErrRepo, ErrRepoNotFound,
// ErrRevisionNotFound, ErrGated, ErrNoToken, ErrToken, ErrUnavailable,
// ErrResponse, ErrOffline.
func (c *Client) Snapshot(ctx context.Context, repo Repo) (*Snapshot, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	s, err := c.snapshot(ctx, repo)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", repo, err)
	}
	slices.SortFunc(s.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(s.Files); i++ {
		if s.Files[i-1].Path == s.Files[i].Path {
			return nil, fmt.Errorf("%s: %w: %s is listed twice", repo, ErrResponse, filename.Quote(s.Files[i].Path))
		}
	}
	return s, nil
}

func (c *Client) snapshot(ctx context.Context, repo Repo) (*Snapshot, error) {
	if c.Offline {
		return c.cachedSnapshot(ctx, repo)
	}
	u, err := c.url("/api/models/" + repo.ID + "/revision/" + url.PathEscape(repo.Revision) + "?blobs=true")
	if err != nil {
		return nil, err
	}
	tries := ranges.Tries{Policy: &c.Retry}
	for {
		listing, err := c.fetchListing(ctx, u, repo)
		if err == nil {
			return parseListing(listing, repo)
		}
		if err := tries.Failed(ctx, err); err != nil {
			return nil, err
		}
	}
}

func (c *Client) fetchListing(ctx context.Context, u *url.URL, repo Repo) ([]byte, error) {
	a, err := c.get(ctx, u, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return nil, c.refusal(a, repo.ID)
	}
	listing, err := io.ReadAll(io.LimitReader(a.Body, maxListing+1))
	if len(listing) > maxListing {
		return nil, fmt.Errorf("%w: a description larger than %d MiB", ErrResponse, maxListing>>20)
	}
	return listing, err
}

// parseListing reads the answer of /api/models/ID/revision/REVISION?blobs=true.
func parseListing(data []byte, repo Repo) (*Snapshot, error) {
	var listing struct {
		SHA      string   `json:"sha"`
		Siblings *entries `json:"siblings"`
	}
	if err := strictjson.UnmarshalOpen(data, &listing, nil); err != nil {
		if errors.Is(err, ErrResponse) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: not the description of a repository: %s", ErrResponse, oneLine(err.Error()))
	}
	if !isHex(listing.SHA, 40) {
		return nil, fmt.Errorf("%w: the commit is %s", ErrResponse, filename.Quote(listing.SHA))
	}
	if listing.Siblings == nil {
		return nil, fmt.Errorf("%w: no list of files", ErrResponse)
	}
	return &Snapshot{Repo: repo, Commit: listing.SHA, Files: listing.Siblings.files, Refused: listing.Siblings.refused}, nil
}

// entries decodes one file after the other of text that was read strictly, so that a list of empty objects cannot
// claim much more memory than it has bytes.
type entries struct {
	files   []File
	refused []string
}

func (e *entries) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return fmt.Errorf("%w: the list of files is none", ErrResponse)
	}
	for d.More() {
		var entry struct {
			Name *string `json:"rfilename"`
			Size *int64  `json:"size"`
			Blob string  `json:"blobId"`
			LFS  *struct {
				SHA256 string `json:"sha256"`
				Size   *int64 `json:"size"`
			} `json:"lfs"`
		}
		if err := d.Decode(&entry); err != nil {
			return err
		}
		if entry.Name == nil {
			return fmt.Errorf("%w: a file without a name", ErrResponse)
		}
		name := *entry.Name
		if filename.Check(name) != nil {
			e.refused = append(e.refused, filename.Quote(name))
			continue
		}
		file := File{Path: name, GitID: entry.Blob}
		if entry.LFS != nil {
			if file.SHA256 = entry.LFS.SHA256; !isHex(file.SHA256, 64) {
				return fmt.Errorf("%w: %s has the SHA-256 %s", ErrResponse, filename.Quote(name), filename.Quote(file.SHA256))
			}
			entry.Size = cmp.Or(entry.LFS.Size, entry.Size)
		}
		if entry.Size == nil || *entry.Size < 0 || *entry.Size > ranges.LargestContent || !isHex(file.GitID, 40) {
			return fmt.Errorf("%w: %s has no size or no git id", ErrResponse, filename.Quote(name))
		}
		file.Size = *entry.Size
		e.files = append(e.files, file)
	}
	return nil
}
