package calibrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// sums are the Σ of a layer while they are summed.
type sums struct {
	c       *calibration
	inputs  []*transformer.Input
	buffers []buffer
}

func (c *calibration) newSums(layer int) (*sums, error) {
	s := &sums{c: c, inputs: inputs(c.layers, layer)}
	for _, in := range s.inputs {
		b, err := c.plan.newBuffer("Σ of "+in.Name, gramBytes(in.Len))
		if err != nil {
			return nil, errors.Join(err, s.free())
		}
		s.buffers = append(s.buffers, b)
	}
	return s, nil
}

func (s *sums) free() error { return freeAll(s.buffers) }

// gram is the Σ of an input by its place.
func (s *sums) gram(i int) gram {
	return newGram(s.inputs[i].Len, offheap.Float64s(s.buffers[i].bytes))
}

// of returns what adds the vectors of a window to their Σ; those that are held out it leaves.
func (s *sums) of(ctx context.Context, window int) func(in *transformer.Input, x []float32) error {
	if isHeldOut(window) {
		return func(*transformer.Input, []float32) error { return nil }
	}
	return func(in *transformer.Input, x []float32) error {
		i := slices.Index(s.inputs, in)
		if i < 0 { // too long for one
			return nil
		}
		return s.gram(i).add(ctx, s.c.engine, x)
	}
}

// keep writes the means behind those of the layers before, and returns their hashes.
func (c *calibration) keep(s *sums) ([]string, error) {
	list := []string{}
	at := c.grams
	for i, in := range s.inputs {
		w := &gramWriter{to: io.NewOffsetWriter(c.work.values, at), hash: sha256.New()}
		if err := w.write(s.gram(i), float64(c.head.summed()*int64(in.Each))); err != nil {
			return nil, fmt.Errorf("statistics of %s: %w", in.Name, err)
		}
		list = append(list, hex.EncodeToString(w.hash.Sum(nil)))
		at += triangleBytes(in.Len)
	}
	c.grams = at
	return list, nil
}

// gramWriter writes the lower triangles of a Σ.
type gramWriter struct {
	to     io.Writer
	hash   hash.Hash
	buffer []byte
}

func (w *gramWriter) write(g gram, tokens float64) error {
	const piece = 1 << 18
	for i, row := range g.rows() {
		for _, v := range row {
			m, err := mean(v, tokens, i)
			if err != nil {
				return err
			}
			w.buffer = appendFloat32(w.buffer, m)
		}
		if len(w.buffer) >= piece {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

func (w *gramWriter) flush() error {
	if _, err := w.to.Write(w.buffer); err != nil {
		return err
	}
	w.hash.Write(w.buffer)
	w.buffer = w.buffer[:0]
	return nil
}
