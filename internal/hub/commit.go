package hub

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/filename"
)

// Addition is a file that a commit adds to a repository, or replaces there.
type Addition struct {
	Path    string
	Size    int64
	SHA256  string // of the content, in hex
	Content io.ReaderAt
}

// Commit is a commit to a repository that is being made. Send is safe for concurrent use.
type Commit struct {
	client *Client
	repo   Repo
	parent string // the commit that the repository is at
	add    []Addition
	inline int64           // bytes of the files that are not
	lfs    map[string]bool // whether the content is stored apart, by path; files that are there already are in neither
}

// mostInline bounds a file that a commit holds itself, allInline all of them: they are held in memory.
const (
	mostInline = 64 << 20
	allInline  = 4 * mostInline
)

// NewCommit begins a commit of files to a repository's branch: it asks what of them is there already, and how the hub wants the rest.
// Errors are those of Snapshot, and ErrPath.
func (c *Client) NewCommit(ctx context.Context, repo Repo, add []Addition) (*Commit, error) {
	k, err := c.newCommit(ctx, repo, add)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", repo, err)
	}
	return k, nil
}

func (c *Client) newCommit(ctx context.Context, repo Repo, add []Addition) (*Commit, error) {
	if err := repo.check(); err != nil {
		return nil, err
	}
	if c.Offline {
		return nil, ErrOffline
	}
	for _, f := range add {
		if err := filename.Check(f.Path); err != nil {
			return nil, err
		}
	}
	s, err := c.snapshot(ctx, repo)
	if err != nil {
		return nil, err
	}
	there := map[string]File{}
	for _, f := range s.Files {
		there[f.Path] = f
	}
	k := &Commit{client: c, repo: repo, parent: s.Commit, lfs: map[string]bool{}}
	for _, f := range add {
		same, err := f.is(there[f.Path])
		if err != nil {
			return nil, err
		}
		if !same {
			k.add = append(k.add, f)
		}
	}
	const together = 256 // files that a request asks for
	for from := 0; from < len(k.add); from += together {
		if err := k.askModes(ctx, k.add[from:min(from+together, len(k.add))]); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// is tells whether a file of the repository has the same content.
func (f Addition) is(there File) (bool, error) {
	switch {
	case there.Path == "" || there.Size != f.Size:
		return false, nil
	case there.SHA256 != "":
		return there.SHA256 == f.SHA256, nil
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", f.Size)
	_, err := io.Copy(h, io.NewSectionReader(f.Content, 0, f.Size))
	return hex.EncodeToString(h.Sum(nil)) == there.GitID, err
}

// askModes asks which files' contents are to be stored apart.
func (k *Commit) askModes(ctx context.Context, files []Addition) error {
	type sample struct {
		Path   string `json:"path"`
		Sample string `json:"sample"`
		Size   int64  `json:"size"`
	}
	var body struct {
		Files []sample `json:"files"`
	}
	for _, f := range files {
		begin := make([]byte, min(f.Size, 512))
		if _, err := io.ReadFull(io.NewSectionReader(f.Content, 0, f.Size), begin); err != nil {
			return err
		}
		body.Files = append(body.Files, sample{f.Path, base64.StdEncoding.EncodeToString(begin), f.Size})
	}
	var answer struct {
		Files []struct {
			Path       string `json:"path"`
			UploadMode string `json:"uploadMode"`
		} `json:"files"`
	}
	if err := k.client.callJSON(ctx, k.path("preupload"), "application/json", body, k.repo.ID, &answer); err != nil {
		return err
	}
	modes := map[string]string{}
	for _, f := range answer.Files {
		modes[f.Path] = f.UploadMode
	}
	for _, f := range files {
		switch mode := modes[f.Path]; {
		case mode != "lfs" && mode != "regular":
			return fmt.Errorf("%w: %s is to be sent as %s", ErrResponse, f.Path, filename.Quote(mode))
		case mode == "regular" && f.Size > mostInline:
			return fmt.Errorf("%w: %s, of %d bytes, is to be sent within the commit", ErrResponse, f.Path, f.Size)
		default:
			k.lfs[f.Path] = mode == "lfs"
			if mode == "regular" {
				k.inline += f.Size
			}
			if k.inline > allInline {
				return fmt.Errorf("%w: more than %d MiB are to be sent within the commit", ErrResponse, allInline>>20)
			}
		}
	}
	return nil
}

// path is the API's path of something to be done with the branch.
func (k *Commit) path(verb string) string {
	return "/api/models/" + k.repo.ID + "/" + verb + "/" + url.PathEscape(k.repo.Revision)
}

// Send sends the content of a file of the commit, unless the hub has it, and tells progress how much of it the hub has. sent is false where
// nothing had to be sent now: what is small goes with the commit itself.
func (k *Commit) Send(ctx context.Context, path string, progress func(done int64)) (sent bool, err error) {
	for _, f := range k.add {
		if f.Path == path && k.lfs[path] {
			if sent, err = k.sendLarge(ctx, f, progress); err != nil {
				return sent, fmt.Errorf("%s: %s: %w", k.repo, path, err)
			}
		}
	}
	return sent, nil
}

// Finish makes the commit and returns its id: that of the branch where there is nothing to be changed.
func (k *Commit) Finish(ctx context.Context, summary string) (string, error) {
	if len(k.add) == 0 {
		return k.parent, nil
	}
	id, err := k.finish(ctx, summary)
	if err != nil {
		return "", fmt.Errorf("%s: commit: %w", k.repo, err)
	}
	return id, nil
}

func (k *Commit) finish(ctx context.Context, summary string) (string, error) {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	lines.SetEscapeHTML(false)
	type line struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	}
	// A branch that has moved since is refused: what was there already, and is no part of the commit, may have changed.
	lines.Encode(line{"header", map[string]string{"summary": summary, "description": "", "parentCommit": k.parent}})
	for _, f := range k.add {
		if k.lfs[f.Path] {
			lines.Encode(line{"lfsFile", map[string]any{"path": f.Path, "algo": "sha256", "oid": f.SHA256, "size": f.Size}})
			continue
		}
		text := make([]byte, f.Size)
		if _, err := io.ReadFull(io.NewSectionReader(f.Content, 0, f.Size), text); err != nil {
			return "", err
		}
		lines.Encode(line{"file", map[string]string{"path": f.Path, "encoding": "base64", "content": base64.StdEncoding.EncodeToString(text)}})
	}
	var answer struct {
		Commit string `json:"commitOid"`
	}
	if err := k.client.call(ctx, k.path("commit"), "application/x-ndjson", body.Bytes(), k.repo.ID, &answer); err != nil {
		return "", err
	}
	if !isHex(answer.Commit, 40) {
		return "", fmt.Errorf("%w: the commit is %s", ErrResponse, filename.Quote(answer.Commit))
	}
	return answer.Commit, nil
}

// Create makes a repository, private, unless there is one.
func (c *Client) Create(ctx context.Context, repo Repo) error {
	if err := repo.check(); err != nil {
		return err
	}
	if _, err := c.Snapshot(ctx, repo); !errors.Is(err, ErrRepoNotFound) {
		return err
	}
	owner, name, _ := strings.Cut(repo.ID, "/")
	body := map[string]any{"type": "model", "name": name, "organization": owner, "private": true}
	if err := c.callJSON(ctx, "/api/repos/create", "application/json", body, repo.ID, nil); err != nil {
		return fmt.Errorf("%s: make the repository: %w", repo, err)
	}
	return nil
}

// lfsType is the media type of Git LFS's messages.
const lfsType = "application/vnd.git-lfs+json"
