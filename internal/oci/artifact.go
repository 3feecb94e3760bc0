package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Description is what an artifact says of a model.
type Description struct {
	Name string // of the model; "" where it has none
	Root string // of the model directory
}

// rootKey is the annotation of a manifest that has a model directory's root.
const rootKey = "org.helix-substrate.root_sha256"

// modelConfig is the configuration of an artifact, as the model specification has it. It has no time, so that the same files make
// the same artifact.
type modelConfig struct {
	Descriptor struct {
		Name string `json:"name,omitempty"`
	} `json:"descriptor"`
	Config struct {
		Format string `json:"format"`
	} `json:"config"`
	ModelFS struct {
		Type    string          `json:"type"`
		DiffIDs []digest.Digest `json:"diffIds"`
	} `json:"modelfs"`
}

// Store makes an artifact of layers that the registry has, under the address's tag, and returns the digest of its manifest.
// Its bytes depend only on the layers, their order and the description.
func (c *Client) Store(ctx context.Context, list []Layer, d Description) (string, error) {
	var config modelConfig
	config.Descriptor.Name, config.Config.Format, config.ModelFS.Type = d.Name, "helix-substrate", "layers"
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType,
		Annotations: map[string]string{rootKey: d.Root},
	}
	for _, l := range list {
		config.ModelFS.DiffIDs = append(config.ModelFS.DiffIDs, l.digest())
		m.Layers = append(m.Layers, ocispec.Descriptor{
			MediaType: mediaType(l.Name), Digest: l.digest(), Size: l.Size,
			Annotations: map[string]string{ocispec.AnnotationTitle: l.Name, filepathKey: l.Name},
		})
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "", err
	}
	m.Config = ocispec.Descriptor{MediaType: configType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	layer := Layer{Size: m.Config.Size, SHA256: m.Config.Digest.Encoded()}
	has, err := c.Has(ctx, layer)
	if err == nil && !has {
		_, err = c.Upload(ctx, layer, bytes.NewReader(text), "", func(int64) {})
	}
	if err != nil {
		return "", fmt.Errorf("%s: its configuration: %w", c.at, err)
	}
	if text, err = json.Marshal(m); err != nil {
		return "", err
	}
	if err := c.PushManifest(ctx, text, m.MediaType); err != nil {
		return "", fmt.Errorf("%s: its manifest: %w", c.at, err)
	}
	return digest.FromBytes(text).String(), nil
}

// mediaType is what kind of file the specification takes one for.
func mediaType(name string) string {
	switch base := strings.ToLower(path.Base(name)); {
	case strings.HasSuffix(base, ".md") || strings.HasPrefix(base, "license"):
		return docType
	case strings.HasSuffix(base, ".json") || strings.HasSuffix(base, ".jinja") || strings.HasSuffix(base, ".txt") || strings.HasSuffix(base, ".model"):
		return weightConfigType
	}
	return weightType
}
