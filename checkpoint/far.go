package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/oci"
	"github.com/helix-substrate/helix-substrate/internal/ranges"
	"github.com/helix-substrate/helix-substrate/internal/s3"
	"github.com/helix-substrate/helix-substrate/internal/web"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// hubScheme is before the name of a repository whose files are to be read where they lie.
const hubScheme = "hf://"

// IsFar tells a name that says where a model lies, far from here: an address of a web server or in an object store, an
// artifact behind oci://, or a repository behind hf://.
func IsFar(name string) bool {
	return web.Is(name) || s3.Is(name) || oci.Is(name) || strings.HasPrefix(name, hubScheme)
}

// far is a place whose files are fetched in ranges.
type far interface {
	storage.Place
	Fetched() int64 // bytes of content that have come
	Buffer() int64  // the most that reading holds on the Go heap
	Within(limit int64) int64
}

// findFar finds the model that a name means, far from here. The manifest of a model directory is read here, once: whatever
// the server says later is compared with that.
func findFar(ctx context.Context, name, token string) (l Location, err error) {
	if repo, file, ok := reference(name); ok {
		l, err = findRepository(ctx, name, token, repo, file)
	} else if web.Is(name) {
		l, err = findWeb(ctx, name)
	} else if oci.Is(name) {
		l, err = findArtifact(ctx, name)
	} else if s3.Is(name) {
		l, err = findObjects(ctx, name)
	} else {
		err = fmt.Errorf("%s: %w", ranges.Shown(name), hub.ErrRepo)
	}
	if err != nil || !l.converted {
		return l, err
	}
	if l.opened == nil {
		if l.opened, err = model.OpenPlaceUnverified(ctx, l.Place, l.found); err != nil {
			return l, err
		}
	}
	l.root, err = rootOf(l.opened)
	return l, err
}

// findRepository finds the model in a repository of the hub, which is read in ranges, or from the cache where
// the hub is not to be asked.
func findRepository(ctx context.Context, name, token string, repo hub.Repo, file string) (Location, error) {
	client, err := hub.FromEnvironment()
	if err != nil {
		return Location{}, err
	}
	if token != "" {
		client.Token = hub.Token(token)
	}
	snapshot, err := client.Snapshot(ctx, repo)
	if err != nil {
		return Location{}, fmt.Errorf("%s: %w", name, err)
	}
	place := repositoryPlace{client: client, snapshot: snapshot}
	var read storage.Place = &remotePlace{place, ranges.NewWindow(ranges.DefaultWindow)}
	if client.Offline {
		read = &cachedPlace{repositoryPlace: place}
	}
	if file != "" {
		names, err := read.Names(ctx)
		if err != nil {
			return Location{}, err
		}
		if !slices.Contains(names, file) && !strings.Contains(file, "/") { // a quantization, such as Q4_K_M
			if file, err = choose(names, file); err != nil {
				return Location{}, fmt.Errorf("%s: %w", name, err)
			}
		}
		return Location{Place: read, Name: name, File: file, found: read.Path(file)}, nil
	}
	l, err := At(ctx, read, repo.String())
	l.Name = name
	return l, err
}

// findArtifact finds the model in an artifact of a registry.
func findArtifact(ctx context.Context, name string) (Location, error) {
	at, err := oci.Parse(name)
	if err != nil {
		return Location{}, err
	}
	place, err := oci.Open(ctx, at, oci.Options{})
	if err != nil {
		return Location{}, err
	}
	l, err := At(ctx, place, at.String())
	l.Name = name
	return l, err
}

// findWeb finds the model at an address: a file, which its name tells, or else a model directory.
func findWeb(ctx context.Context, name string) (Location, error) {
	d, last, err := web.Open(name, web.Options{})
	if err != nil {
		return Location{}, err
	}
	switch {
	case last == model.ManifestName:
	case isWeights(last):
		return Location{Place: d, Name: name, File: last, found: d.Path(last)}, nil
	case last != "":
		d = d.Below(last)
	}
	l, err := findListed(ctx, d, name)
	if errors.Is(err, model.ErrNotModel) {
		return l, fmt.Errorf("%s: no model directory, which has a %s, nor the address of a .gguf or .safetensors file: %w", name, model.ManifestName, ErrUnknown)
	}
	return l, err
}

// findObjects finds the model in an object store: a file, which its name tells, or a model directory, or else a checkpoint,
// whose files the store lists.
func findObjects(ctx context.Context, name string) (Location, error) {
	bucket, prefix, err := s3.Parse(name)
	if err != nil {
		return Location{}, err
	}
	dir, file := path.Split(prefix)
	if isWeights(file) || file == model.ManifestName {
		prefix = strings.TrimSuffix(dir, "/")
	}
	b, err := s3.Open(bucket, prefix, s3.Options{})
	if err != nil {
		return Location{}, err
	}
	if isWeights(file) {
		return Location{Place: b, Name: name, File: file, found: b.Path(file)}, nil
	}
	l, err := findListed(ctx, b, name)
	if errors.Is(err, model.ErrNotModel) {
		l, err = At(ctx, b, b.Path("."))
		l.Name = name
	}
	return l, err
}

// AtModel finds the model directory that is a place which need not list its files, such as one far away; model.ErrNotModel if it is
// none. The manifest is read here, once. name is what the place is called in messages.
func AtModel(ctx context.Context, place storage.Place, name string) (Location, error) {
	l, err := findListed(ctx, place, name)
	if err == nil {
		l.root, err = rootOf(l.opened)
	}
	return l, err
}

// findListed is AtModel of any root.
func findListed(ctx context.Context, place storage.Place, name string) (Location, error) {
	l := &listed{place, []string{model.ManifestName}}
	found := strings.TrimSuffix(place.Path("."), "/")
	m, err := model.OpenPlaceUnverified(ctx, l, found)
	if err != nil {
		return Location{}, err
	}
	names, err := m.Names(ctx)
	if err != nil {
		return Location{}, err
	}
	l.names = append(l.names, names...)
	slices.Sort(l.names)
	return Location{Place: l, Name: name, found: found, converted: true, opened: m}, nil
}

// listed is a model directory far away, of which only the files are asked for that its manifest lists.
type listed struct {
	storage.Place
	names []string // sorted
}

// Names lists the manifest's files.
func (l *listed) Names(context.Context) ([]string, error) { return slices.Clone(l.names), nil }

// Open opens a file of the manifest's; any other is fs.ErrNotExist.
func (l *listed) Open(ctx context.Context, name string) (storage.File, error) {
	if _, ok := slices.BinarySearch(l.names, name); !ok {
		return nil, fmt.Errorf("%s: not in the manifest: %w", l.Path(name), fs.ErrNotExist)
	}
	return l.Place.Open(ctx, name)
}

// Around is the place itself, for what is said beside the model about it.
func (l *listed) Around() storage.Place { return l.Place }

// Fetched is the place's.
func (l *listed) Fetched() int64 { return Location{Place: l.Place}.Fetched() }

// Buffer is the place's.
func (l *listed) Buffer() int64 { return Location{Place: l.Place}.Buffer() }

// Within is the place's.
func (l *listed) Within(limit int64) int64 { return Location{Place: l.Place}.Within(limit) }

// Fetched returns how many bytes have come from where the model lies, 0 where that is here.
func (l Location) Fetched() int64 {
	if p, ok := l.Place.(far); ok {
		return p.Fetched()
	}
	return 0
}

// Buffer returns what reading the model holds on the Go heap at most, beside what its readers keep: 0 where it lies here.
func (l Location) Buffer() int64 {
	if p, ok := l.Place.(far); ok {
		return p.Buffer()
	}
	return 0
}

// Within has reading take no more than its share of what a process may take, 0 for any number of bytes, and returns what that is at most outside
// the Go heap, beside Buffer: 0 where the model lies here.
func (l Location) Within(limit int64) int64 {
	if p, ok := l.Place.(far); ok {
		return p.Within(limit)
	}
	return 0
}

// Policy returns the policy by which blocks are verified, of the one that is wanted: where each read may be answered
// by another server, one that was verified on first use must be recognized later; so must all that a cache of blocks has.
func (l Location) Policy(verify cdna.Policy) cdna.Policy {
	_, isFar := l.Place.(far)
	_, caches := l.Place.(*cachingPlace)
	if isFar && (verify == "" || verify == cdna.TrustCached) || caches && verify != cdna.Always {
		return cdna.Recognized
	}
	return verify
}

// ErrRoot reports a model that is not the one whose root was named.
var ErrRoot = errors.New("not the model of that root")

// Expect returns the location of the same model, of which opening fails with ErrRoot unless its root is the one given, in hex;
// "" is any. A model that was not converted has none, nor has one whose manifest is of an earlier release.
func (l Location) Expect(root string) (Location, error) {
	switch root = strings.ToLower(root); {
	case root == "":
		return l, nil
	case !l.converted:
		return l, fmt.Errorf("%s: no model directory, so it has no root: %w", l.Name, ErrRoot)
	case l.root != "" && l.root != root:
		return l, fmt.Errorf("%s: its root is %s, not %s: %w", l.found, l.root, root, ErrRoot)
	}
	l.root = root
	return l, nil
}

// checkRoot compares an open model's root with the one that it must have.
func (l Location) checkRoot(ctx context.Context, m *model.Model) error {
	if l.root == "" {
		return nil
	}
	root, err := rootOf(m)
	if err != nil {
		return err
	}
	if root != l.root {
		return fmt.Errorf("%s: its root is %s, not %s: %w", l.found, root, l.root, ErrRoot)
	}
	return nil
}

// rootOf returns the root that covers all of an open model; without a scheme none does: the matrices, which have their
// hashes beside them, could be any.
func rootOf(m *model.Model) (string, error) {
	if m.Manifest.RootScheme == 0 {
		return "", fmt.Errorf("%s: this manifest's root does not cover its files; convert the model again: %w", m.Path(model.ManifestName), ErrRoot)
	}
	return m.Manifest.Root(), nil
}
