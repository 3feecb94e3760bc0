package oci

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry"

	"github.com/helix-substrate/helix-substrate/internal/ranges"
)

// ErrAddress reports what names no artifact.
var ErrAddress = errors.New("not the name of an artifact; write oci://registry/name:tag")

const scheme = "oci://"

// Is tells what is meant as an artifact in a registry.
func Is(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, ranges.Insecure), scheme)
}

// Address names an artifact in a registry: a repository there and one version of what is in it.
type Address struct {
	registry.Reference
	Tag   string // "latest" where nothing is said; "" where only a digest is
	Plain bool   // asked without encryption
}

// Parse reads oci://REGISTRY/NAME, with :TAG, @sha256:DIGEST or both; then the digest counts. Registries are asked over
// https, but for those of this machine and behind insecure+oci://. Errors are ErrAddress.
func Parse(name string) (a Address, err error) {
	rest, plain := strings.CutPrefix(name, ranges.Insecure)
	rest, ok := strings.CutPrefix(rest, scheme)
	if !ok || len(rest) > 1024 || strings.ContainsAny(rest, "?#") || strings.Contains(rest[:strings.IndexByte(rest+"/", '/')], "@") {
		return a, fmt.Errorf("%s: %w", ranges.Shown(name), ErrAddress)
	}
	if a.Reference, err = registry.ParseReference(rest); err != nil {
		return a, fmt.Errorf("%s: %w", ranges.Shown(name), ErrAddress)
	}
	named, _, digested := strings.Cut(rest, "@")
	if _, tag, tagged := strings.Cut(named[strings.IndexByte(named, '/'):], ":"); tagged {
		a.Tag = tag
		if err := (registry.Reference{Registry: a.Registry, Repository: a.Repository, Reference: tag}).ValidateReferenceAsTag(); err != nil {
			return a, fmt.Errorf("%s: %w", ranges.Shown(name), ErrAddress)
		}
	}
	switch {
	case a.Reference.Reference == "":
		a.Tag, a.Reference.Reference = "latest", "latest"
	case digested && digest.Digest(a.Reference.Reference).Algorithm() != digest.SHA256:
		return a, fmt.Errorf("%s: a digest that is no sha256: %w", ranges.Shown(name), ErrAddress)
	}
	a.Plain = plain || loopback(a.Registry)
	return a, nil
}

// String is the name that Parse reads.
func (a Address) String() string {
	prefix := scheme
	if a.Plain && !loopback(a.Registry) {
		prefix = ranges.Insecure + scheme
	}
	return prefix + a.Reference.String()
}

// digest returns the digest that the artifact must have, "" for any.
func (a Address) digest() digest.Digest {
	if d := digest.Digest(a.Reference.Reference); d.Validate() == nil {
		return d
	}
	return ""
}

// loopback tells a host of this machine, with or without a port.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	return ranges.Loopback(host)
}
