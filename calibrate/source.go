package calibrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
)

// SourceSum tells a model from every other: the SHA-256 of those of its weights' files, which
// the hub vouches for and others are read for, and of config.json; of a model directory that of its
// root.
func SourceSum(ctx context.Context, at checkpoint.Location) (string, error) {
	h := sha256.New()
	if at.Converted() {
		m, err := at.Model(ctx, "")
		if err != nil {
			return "", err
		}
		root, err := m.Root(ctx)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, root)
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	c, err := at.Checkpoint(ctx, checkpoint.Options{})
	if err != nil {
		return "", err
	}
	defer c.Close()
	for _, file := range c.WeightFiles() {
		sum, n, err := c.Hash(ctx, file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, sum, n)
	}
	if c.Metadata() == nil {
		config, err := c.ReadFile(ctx, "config.json", arch.MaxConfig)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		h.Write(config)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Check refuses, with ErrSource, statistics of another model than that at a place.
func (s *Statistics) Check(ctx context.Context, at checkpoint.Location) error {
	sum, err := SourceSum(ctx, at)
	if err != nil {
		return err
	}
	if sum != s.Source {
		return fmt.Errorf("%s is of a model with the SHA-256 %.12s…, that of %s is %.12s…: %w", s.name, s.Source, at.Name, sum, ErrSource)
	}
	return nil
}
