package provenance

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/attest"
)

const (
	// Name is the provenance's file in a model directory.
	Name = "provenance.json"
	// PredicateType is that of SLSA provenance v1.
	PredicateType = "https://slsa.dev/provenance/v1"
	// BuildType is how a conversion is described: docs/PROVENANCE.md.
	BuildType = "https://github.com/helix-substrate/helix-substrate/convert/v1"
	// BuilderID is the program, run by whoever signs.
	BuilderID = "https://github.com/helix-substrate/helix-substrate/local/v1"
)

// program is what the program is called among components of its own builds.
const program = "helix-substrate"

// predicate is SLSA provenance v1, the parts of it that are used here.
type predicate struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string             `json:"buildType"`
	ExternalParameters   externalParameters `json:"externalParameters"`
	ResolvedDependencies []descriptor       `json:"resolvedDependencies"`
}

// externalParameters are those of a conversion: the manifest's.
type externalParameters struct {
	ModelID string          `json:"model_id,omitempty"`
	Source  string          `json:"source,omitempty"` // a repository, as a package URL
	Options json.RawMessage `json:"options"`
}

type runDetails struct {
	Builder  builder        `json:"builder"`
	Metadata *buildMetadata `json:"metadata,omitempty"`
}

type builder struct {
	ID           string            `json:"id"`
	Version      map[string]string `json:"version"`
	Dependencies []descriptor      `json:"builderDependencies"`
}

type buildMetadata struct {
	StartedOn  string `json:"startedOn"`
	FinishedOn string `json:"finishedOn"`
}

// descriptor is an in-toto ResourceDescriptor.
type descriptor struct {
	Name        string            `json:"name"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// keyAnnotation says by which key a signature among the dependencies was verified.
const keyAnnotation = "verified_by_key"

// statement says where what was made comes from.
func statement(made *convert.Finished, b *Builder) (*attest.Statement, error) {
	m := made.Manifest
	options, err := jsonOf(m.Options)
	if err != nil {
		return nil, err
	}
	p := predicate{
		buildDefinition{
			BuildType:            BuildType,
			ExternalParameters:   externalParameters{m.ModelID, packageURL(m.Repository), options},
			ResolvedDependencies: dependencies(made),
		},
		runDetails{Builder: builder{BuilderID, map[string]string{program: b.Version}, []descriptor{{Name: program, Digest: sha256Of(b.SHA256)}}}},
	}
	if at := b.timestamp(); at != "" {
		p.RunDetails.Metadata = &buildMetadata{at, at}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	s := &attest.Statement{Type: attest.StatementType, PredicateType: PredicateType, Predicate: text}
	for _, f := range files(made) {
		s.Subject = append(s.Subject, attest.SHA256Subject(f.File, f.SHA256))
	}
	return s, nil
}

// files are those of the directory, the manifest last.
func files(made *convert.Finished) []model.File {
	return append(made.Manifest.AllFiles(), made.ManifestFile)
}

// dependencies are the source's files that were read: those with weights, and those that were
// copied; and the signature that they were compared with.
func dependencies(made *convert.Finished) []descriptor {
	m := made.Manifest
	list := []descriptor{}
	for _, f := range m.Sources {
		d := descriptor{Name: f.File, Digest: sha256Of(f.SHA256)}
		if m.Repository != "" {
			d.URI = packageURL(m.Repository) + "#" + url.PathEscape(f.File)
		}
		list = append(list, d)
	}
	if m.SourceGGUF == "" { // else config.json and the vocabulary are made of that
		for _, f := range m.Files {
			list = append(list, descriptor{Name: f.File, Digest: sha256Of(f.SHA256)})
		}
	}
	if s := made.Signature; s != nil {
		list = append(list, descriptor{Name: attest.ModelSignatureName, Digest: sha256Of(s.SHA256), Annotations: map[string]string{keyAnnotation: s.KeyID}})
	}
	return list
}

func sha256Of(sum string) map[string]string { return map[string]string{"sha256": sum} }

// packageURL names a repository of the hub, owner/name@commit, as package-url has it; "" for none.
func packageURL(repository string) string {
	if repository == "" {
		return ""
	}
	name, commit, _ := strings.Cut(repository, "@")
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "pkg:huggingface/" + strings.Join(parts, "/") + "@" + url.PathEscape(strings.ToLower(commit))
}

// jsonOf returns v as JSON, the same whether it was just made or read from a manifest.
func jsonOf(v any) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return receipt.Canonical(text)
}
