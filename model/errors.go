package model

import "errors"

var (
	// ErrNotModel reports a directory without a manifest.
	ErrNotModel = errors.New("not a model directory")
	// ErrManifest reports a manifest that is not valid.
	ErrManifest = errors.New("invalid manifest")
	// ErrMissing reports a file that the manifest names and the directory lacks.
	ErrMissing = errors.New("missing file")
	// ErrMismatch reports a file that is not the one the manifest describes.
	ErrMismatch = errors.New("file does not match the manifest")
	// ErrUnlisted reports a file that would be read if the manifest listed it.
	ErrUnlisted = errors.New("file is not in the manifest")
	// ErrOutside reports a link that leads outside the model directory.
	ErrOutside = errors.New("link leads outside the model directory")
)
