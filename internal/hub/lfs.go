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
	"strconv"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// object is a content in Git LFS's messages.
type object struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

// action is what is to be done with an object.
type action struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header"`
}

// sendLarge stores a content, unless the hub has it: Git LFS's batch API, with the transfers "basic" and, as the hub has it for
// larger ones, "multipart".
func (k *Commit) sendLarge(ctx context.Context, f Addition, progress func(done int64)) (sent bool, err error) {
	tries := ranges.Tries{Policy: &k.client.Retry}
	for {
		sent, err = k.sendByBatch(ctx, f, progress)
		if err == nil {
			return sent, nil
		}
		if err := tries.Failed(ctx, err); err != nil {
			return sent, err
		}
	}
}

func (k *Commit) sendByBatch(ctx context.Context, f Addition, progress func(done int64)) (sent bool, err error) {
	body := map[string]any{
		"operation": "upload", "transfers": []string{"basic", "multipart"}, "hash_algo": "sha256",
		"ref": map[string]string{"name": k.repo.Revision}, "objects": []object{{f.SHA256, f.Size}},
	}
	var answer struct {
		Transfer string `json:"transfer"`
		Objects  []struct {
			object
			Actions struct {
				Upload *action `json:"upload"`
				Verify *action `json:"verify"`
			} `json:"actions"`
			Error *struct {
				Message string `json:"message"`
			} `json:"error"`
		} `json:"objects"`
	}
	if err := k.client.callJSON(ctx, "/"+k.repo.ID+".git/info/lfs/objects/batch", lfsType, body, k.repo.ID, &answer); err != nil {
		return false, err
	}
	if len(answer.Objects) != 1 || answer.Objects[0].object != (object{f.SHA256, f.Size}) {
		return false, fmt.Errorf("%w: it answers about another object", ErrResponse)
	}
	o := answer.Objects[0]
	switch {
	case o.Error != nil:
		return false, fmt.Errorf("%w: the object is refused: %s", ErrResponse, oneLine(o.Error.Message))
	case o.Actions.Upload == nil:
		progress(f.Size)
		return false, nil
	}
	upload, err := k.follow(o.Actions.Upload.Href)
	if err != nil {
		return false, err
	}
	if answer.Transfer == "multipart" || o.Actions.Upload.Header["chunk_size"] != "" {
		err = k.sendParts(ctx, f, upload, o.Actions.Upload.Header, progress)
	} else {
		header := http.Header{}
		for name, value := range o.Actions.Upload.Header {
			header.Set(name, value)
		}
		_, _, err = k.client.sendOnce(ctx, sending{http.MethodPut, upload, header, io.NewSectionReader(f.Content, 0, f.Size)}, k.repo.ID)
		err = expired(err)
	}
	if err != nil {
		return true, err
	}
	progress(f.Size)
	if o.Actions.Verify == nil {
		return true, nil
	}
	return true, k.sendObject(ctx, o.Actions.Verify.Href, object{f.SHA256, f.Size})
}

// mostParts is what object stores take.
const mostParts = 10000

// sendParts sends the parts of a content to the addresses that the hub gave, and then says that it is whole.
func (k *Commit) sendParts(ctx context.Context, f Addition, whole *url.URL, header map[string]string, progress func(done int64)) error {
	size, err := strconv.ParseInt(header["chunk_size"], 10, 64)
	if err != nil || size < 1 || (f.Size+size-1)/size > mostParts {
		return fmt.Errorf("%w: parts of %s bytes", ErrResponse, filename.Quote(header["chunk_size"]))
	}
	addresses := map[int]string{}
	for name, address := range header {
		if n, err := strconv.Atoi(name); err == nil {
			addresses[n] = address
		}
	}
	type part struct {
		Number int    `json:"partNumber"`
		ETag   string `json:"etag"`
	}
	var parts []part
	for at := int64(0); at < f.Size; at += size {
		number := len(parts) + 1
		u, err := k.follow(addresses[number])
		if err != nil {
			return err
		}
		content := io.NewSectionReader(f.Content, at, min(size, f.Size-at))
		answer, _, err := k.client.send(ctx, sending{http.MethodPut, u, nil, content}, k.repo.ID)
		if err != nil {
			return expired(err)
		}
		parts = append(parts, part{number, answer.Get("ETag")})
		progress(at + content.Size())
	}
	return k.post(ctx, whole, map[string]any{"oid": f.SHA256, "parts": parts})
}

// sendObject names an object to an address that the hub gave.
func (k *Commit) sendObject(ctx context.Context, href string, o object) error {
	u, err := k.follow(href)
	if err != nil {
		return err
	}
	return k.post(ctx, u, o)
}

func (k *Commit) post(ctx context.Context, u *url.URL, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	q := sending{http.MethodPost, u, http.Header{"Content-Type": {lfsType}, "Accept": {lfsType}}, io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text)))}
	_, _, err = k.client.send(ctx, q, k.repo.ID)
	return err
}

// expired makes a refusal of a content server one that passes: the address it was sent to holds for a while only.
func expired(err error) error {
	if errors.Is(err, ErrResponse) {
		return ranges.Passing(err, 0)
	}
	return err
}

// follow parses an address that the hub gave: encrypted, unless the hub is asked without encryption.
func (k *Commit) follow(href string) (*url.URL, error) {
	home, err := k.client.endpoint()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(href)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || home.Scheme != "http") {
		return nil, fmt.Errorf("%w: an address to send to that is not followed", ErrResponse)
	}
	return u, nil
}
