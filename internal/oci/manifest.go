package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/helix-substrate/helix-substrate/internal/filename"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// ErrManifest reports an artifact that is no model whose files can be read.
var ErrManifest = errors.New("not an artifact of files")

// maxManifest bounds a manifest: about 30 000 layers.
const maxManifest = 16 << 20

// What the CNCF's model specification (ModelPack) calls things.
const (
	artifactType     = "application/vnd.cncf.model.manifest.v1+json"
	configType       = "application/vnd.cncf.model.config.v1+json"
	weightType       = "application/vnd.cncf.model.weight.v1.raw"
	weightConfigType = "application/vnd.cncf.model.weight.config.v1.raw"
	docType          = "application/vnd.cncf.model.doc.v1.raw"
	filepathKey      = "org.cncf.model.filepath"
)

// Layer is a file of an artifact: a layer that holds its bytes as they are.
type Layer struct {
	Name   string // safe to join to a directory on any system
	Size   int64  // bytes
	SHA256 string // in hex
}

// digest is what the registry calls the layer.
func (l Layer) digest() digest.Digest { return digest.NewDigestFromEncoded(digest.SHA256, l.SHA256) }

// fetchManifest returns the artifact's manifest.
func (c *Client) fetchManifest(ctx context.Context) (text []byte, err error) {
	err = c.try(ctx, func() error {
		accept := http.Header{"Accept": {ocispec.MediaTypeImageManifest}}
		a, found, err := c.do(ctx, ranges.Request{URL: c.url("manifests/" + c.at.Reference.Reference), Header: accept})
		if err != nil {
			return err
		}
		if a.StatusCode != http.StatusOK {
			a.Body.Close()
			return refusal(a, c.own(found))
		}
		text, err = read(a, maxManifest)
		return err
	})
	if err != nil {
		return nil, err
	}
	if want, sum := c.at.digest(), digest.FromBytes(text); want != "" && sum != want {
		return nil, fmt.Errorf("%w: its digest is %s", ranges.ErrChanged, sum)
	}
	return text, nil
}

// parseManifest reads the files of an artifact. Layers that hold archives, or have no name, are no files.
func parseManifest(text []byte) ([]Layer, error) {
	var m struct {
		SchemaVersion int    `json:"schemaVersion"`
		MediaType     string `json:"mediaType"`
		Layers        layers `json:"layers"`
	}
	if err := strictjson.UnmarshalOpen(text, &m, nil); err != nil {
		if errors.Is(err, ErrManifest) || errors.Is(err, filename.ErrUnsafe) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: its manifest cannot be read: %s", ErrManifest, filename.Quote(err.Error()))
	}
	if m.SchemaVersion != 2 || m.MediaType != "" && m.MediaType != ocispec.MediaTypeImageManifest {
		return nil, fmt.Errorf("%w: its manifest is %s", ErrManifest, filename.Quote(m.MediaType))
	}
	names := make([]string, len(m.Layers.files))
	for i, l := range m.Layers.files {
		names[i] = l.Name
	}
	return m.Layers.files, filename.CheckAll(names)
}

// layers decodes one layer after the other of text that was read strictly, so that a list of empty objects cannot claim
// much more memory than it has bytes.
type layers struct{ files []Layer }

func (list *layers) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return fmt.Errorf("%w: its layers are no list", ErrManifest)
	}
	for d.More() {
		var l struct {
			MediaType   string            `json:"mediaType"`
			Digest      digest.Digest     `json:"digest"`
			Size        *int64            `json:"size"`
			Annotations map[string]string `json:"annotations"`
		}
		if err := d.Decode(&l); err != nil {
			return err
		}
		title, path := l.Annotations[ocispec.AnnotationTitle], l.Annotations[filepathKey]
		name := path
		if name == "" {
			name = title
		}
		if l.Digest.Validate() != nil || l.Digest.Algorithm() != digest.SHA256 || l.Size == nil || *l.Size < 0 || *l.Size > ranges.LargestContent {
			return fmt.Errorf("%w: the layer %s has no size or no sha256", ErrManifest, filename.Quote(name))
		}
		if name == "" || isArchive(l.MediaType) {
			continue
		}
		if err := filename.Check(name); err != nil {
			return err
		}
		list.files = append(list.files, Layer{Name: name, Size: *l.Size, SHA256: l.Digest.Encoded()})
	}
	return nil
}

// isArchive tells a layer that holds files packed together.
func isArchive(mediaType string) bool {
	for _, suffix := range []string{".tar", "+gzip", "+zstd", ".tar.gzip", ".gzip"} {
		if strings.HasSuffix(mediaType, suffix) {
			return true
		}
	}
	return false
}
