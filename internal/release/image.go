package main

import (
	"bytes"
	"encoding/json"
	"io"
)

// The container's settings are those of deploy/Containerfile; a test compares them.
var (
	imageEntrypoint = []string{"/helix-substrate"}
	imageArguments  = []string{"serve", "/model", "--listen", "0.0.0.0:8080", "--memory", "2560MiB"}
)

const (
	imageUser       = "65532:65532"
	imagePort       = "8080/tcp"
	imageStopSignal = "SIGTERM"
)

// descriptor, manifest, index and config are those of the OCI image format, 1.1.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *imagePlatform    `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type imagePlatform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type imageManifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type imageIndex struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type imageConfig struct {
	imagePlatform
	Created string `json:"created"`
	Config  struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		StopSignal   string              `json:"StopSignal"`
		Labels       map[string]string   `json:"Labels"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// writeImage writes a container image of the programs, a platform each, as a tar of an OCI
// layout, which container tools load and push.
func writeImage(d *dist, programs []program) error {
	l := &layout{}
	images := imageIndex{SchemaVersion: 2, MediaType: "application/vnd.oci.image.index.v1+json"}
	for _, p := range programs {
		m, err := l.addImage(p)
		if err != nil {
			return err
		}
		images.Manifests = append(images.Manifests, m)
	}
	top, err := l.addJSON(images.MediaType, images)
	if err != nil {
		return err
	}
	top.Annotations = map[string]string{"org.opencontainers.image.ref.name": version, "io.containerd.image.name": "helix-substrate:" + version}
	index, err := json.Marshal(imageIndex{SchemaVersion: 2, MediaType: images.MediaType, Manifests: []descriptor{top}})
	if err != nil {
		return err
	}
	files := append(l.blobs, file{"index.json", 0o644, index}, file{"oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)})
	return d.create("helix-substrate_"+version+"_oci.tar", func(w io.Writer) error { return writeTar(w, files) })
}

// layout gathers the blobs of an OCI layout.
type layout struct{ blobs []file }

// add keeps a blob under its hash.
func (l *layout) add(mediaType string, data []byte) descriptor {
	hash := digest(data)
	l.blobs = append(l.blobs, file{"blobs/sha256/" + hash, 0o644, data})
	return descriptor{MediaType: mediaType, Digest: "sha256:" + hash, Size: len(data)}
}

// addJSON is add of a document.
func (l *layout) addJSON(mediaType string, v any) (descriptor, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return l.add(mediaType, b), nil
}

// addImage keeps the image of one platform and returns its manifest.
func (l *layout) addImage(p program) (descriptor, error) {
	var raw, packed bytes.Buffer
	files := []file{{"NOTICES.txt", 0o644, p.notices}, {authoritiesPath, 0o644, authorities()}, {"helix-substrate", 0o755, p.data}}
	if err := writeTar(&raw, files); err != nil {
		return descriptor{}, err
	}
	if err := writeTarGz(&packed, files); err != nil {
		return descriptor{}, err
	}
	c := imageConfig{imagePlatform: imagePlatform{Architecture: p.arch, OS: p.os}, Created: moment.Format("2006-01-02T15:04:05Z")}
	c.Config.User, c.Config.StopSignal = imageUser, imageStopSignal
	c.Config.ExposedPorts = map[string]struct{}{imagePort: {}}
	c.Config.Entrypoint, c.Config.Cmd = imageEntrypoint, imageArguments
	c.Config.Labels = map[string]string{
		"org.opencontainers.image.version":  version,
		"org.opencontainers.image.licenses": "MIT",
		"org.opencontainers.image.source":   "https://github.com/helix-substrate/helix-substrate",
	}
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{"sha256:" + digest(raw.Bytes())}
	config, err := l.addJSON("application/vnd.oci.image.config.v1+json", c)
	if err != nil {
		return descriptor{}, err
	}
	m := imageManifest{
		SchemaVersion: 2, MediaType: "application/vnd.oci.image.manifest.v1+json", Config: config,
		Layers: []descriptor{l.add("application/vnd.oci.image.layer.v1.tar+gzip", packed.Bytes())},
	}
	at, err := l.addJSON(m.MediaType, m)
	at.Platform = &c.imagePlatform
	return at, err
}
