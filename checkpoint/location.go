package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/storage"
)

// Kind is what lies at a path.
type Kind string

// What Identify tells apart.
const (
	Converted  Kind = "model directory"     // made by a conversion: package model
	Source     Kind = "checkpoint"          // a directory or file that Open reads: weights, not converted
	Matrix     Kind = "CDNA file"           // version 1 or 2
	Lossless   Kind = "lossless matrix"     // of package cdna
	Lattice    Kind = "lattice matrix"      // of package cdna
	Outliers   Kind = "sidecar"             // of package cdna
	Repository Kind = "repository of a hub" // no path here, and named as one
	Far        Kind = "model far from here" // named by an address, or behind hf://
)

// Identify tells what a user means by name, by what it begins with: the one answer for all
// that take a path. Of a source nothing is checked yet: see Open. What is not there and does
// not read as a repository is fs.ErrNotExist.
//
// What lies far from here (see IsFar) is Far, which Find looks into, but for addresses of the hub.
func Identify(name string) (Kind, error) {
	if strings.HasPrefix(name, hubScheme) || IsFar(name) && !IsRepository(name) {
		return Far, nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && IsRepository(name):
		return Repository, nil
	case err != nil:
		return "", err
	case info.IsDir() && model.IsModel(name):
		return Converted, nil
	case info.IsDir():
		return Source, nil
	}
	kind, err := cdna.DetectFile(name)
	switch kind {
	case cdna.KindCDNA1, cdna.KindCDNA2:
		return Matrix, err
	case cdna.KindLossless:
		return Lossless, err
	case cdna.KindLattice:
		return Lattice, err
	case cdna.KindSidecar:
		return Outliers, err
	}
	return Source, err
}

// Location is where a model lies: a place with its files, or one of them.
type Location struct {
	Place storage.Place
	Name  string // what it was asked for by
	File  string // of the place, where that is the model: a GGUF file, one of safetensors; else ""

	found     string // what it is called in messages: of a path, the one of what was found there
	converted bool
	root      string       // that a model directory must have, in hex; "" for any
	opened    *model.Model // unverified, of a model directory far from here; else nil
}

// Find finds the model at a path on disk: a directory, of which the model may be one GGUF
// file (several are ErrUnknown), a file, or a repository in the hub's cache, models--OWNER--NAME,
// of which it is the snapshot. What is not there is fs.ErrNotExist. Of a name that IsFar it finds the model where
// it lies, to be read in ranges: at https:// (http:// of this machine, insecure+http:// of others) a file or a model directory,
// at s3://bucket/prefix either or a checkpoint's files, behind hf:// a repository of the hub. Errors of that are ErrAddress,
// ErrUnknown, ErrBucket and the hub's.
func Find(ctx context.Context, path string) (Location, error) {
	return FindWithToken(ctx, path, "")
}

// FindWithToken is Find with an access token of the hub's in place of the environment's; "" is that.
func FindWithToken(ctx context.Context, path, token string) (Location, error) {
	if IsFar(path) {
		return findFar(ctx, path, token)
	}
	found, err := snapshot(path)
	if err != nil {
		return Location{}, err
	}
	info, err := os.Stat(found)
	if err != nil {
		return Location{}, err
	}
	if !info.IsDir() {
		return Location{Place: storage.Dir(filepath.Dir(found)), Name: path, File: filepath.Base(found), found: found}, nil
	}
	l, err := At(ctx, storage.Dir(found), found)
	l.Name = path
	return l, err
}

// At finds the model in a place as Find does in a directory. name is what the place is
// called in messages.
func At(ctx context.Context, place storage.Place, name string) (Location, error) {
	l := Location{Place: place, Name: name, found: name}
	names, err := place.Names(ctx)
	if err != nil {
		return l, err
	}
	if l.converted = slices.Contains(names, model.ManifestName); l.converted { // its own GGUF file has no tensors
		return l, nil
	}
	switch file, err := choose(names, ""); {
	case err == nil && strings.HasSuffix(file, ".gguf"):
		l.found, l.File = place.Path(file), file
	case errors.Is(err, ErrUnknown) && len(ggufModels(names)) > 1:
		return l, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// Converted tells whether it is a model directory, which Model opens; else Checkpoint does.
func (l Location) Converted() bool { return l.converted }

// Model opens a model directory; if verify is cdna.Off, no hash is compared. Errors are those
// of model.OpenPlace and ErrRoot.
func (l Location) Model(ctx context.Context, verify cdna.Policy) (*model.Model, error) {
	m, err := l.model(ctx, verify)
	if err != nil {
		return nil, err
	}
	return m, l.checkRoot(ctx, m)
}

func (l Location) model(ctx context.Context, verify cdna.Policy) (*model.Model, error) {
	dir, onDisk := l.Place.(storage.Dir)
	switch {
	case l.opened != nil && verify == cdna.Off:
		return l.opened, nil
	case l.opened != nil:
		return l.opened.Verified(ctx)
	case onDisk && verify == cdna.Off:
		return model.OpenUnverified(string(dir))
	case onDisk: // links in it are looked at
		return model.Open(string(dir))
	case verify == cdna.Off:
		return model.OpenPlaceUnverified(ctx, l.Place, l.found)
	}
	return model.OpenPlace(ctx, l.Place, l.found)
}

// Open opens whatever it is as tensors, as the function Open does.
func (l Location) Open(ctx context.Context, o Options) (*Checkpoint, error) {
	if !l.converted {
		return l.Checkpoint(ctx, o)
	}
	m, err := l.Model(ctx, "")
	if err != nil {
		return nil, err
	}
	return openConverted(ctx, m)
}

// Checkpoint opens a model that is not converted.
func (l Location) Checkpoint(ctx context.Context, o Options) (*Checkpoint, error) {
	if l.File == "" {
		return OpenPlace(ctx, l.Place, l.found, o)
	}
	return open(ctx, l.Place, l.File, l.found, o.Stored)
}

// Dir is what the directory of the model's files is called in messages.
func (l Location) Dir() string {
	if l.File == "" {
		return l.found
	}
	return l.Place.Path(".")
}

// IsGGUF tells a GGUF file, whose metadata say all of its model, by its beginning or its name.
func (l Location) IsGGUF(ctx context.Context) (bool, error) {
	if l.File == "" {
		return false, nil
	}
	f, err := storage.Open(ctx, l.Place, l.File)
	if err != nil {
		return false, err
	}
	defer f.Close()
	const magic = "GGUF"
	begin, err := beginning(ctx, f, len(magic))
	if err != nil {
		return false, fmt.Errorf("%s: %w", l.Place.Path(l.File), err)
	}
	return begin == magic || filepath.Ext(l.File) == ".gguf", nil
}

// Metadata opens the metadata of a GGUF file alone. The caller closes it.
func (l Location) Metadata(ctx context.Context) (MetadataFile, error) {
	return openMetadata(ctx, l.Place, l.File)
}
