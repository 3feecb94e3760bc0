package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/dtype"
)

// scaleSuffixes are what a float8 matrix's scales are called: DeepSeek's blocks,
// and the scale of a row or the whole matrix of compressed-tensors. A weight is
// its float8 value times its scale.
var scaleSuffixes = []string{"_scale_inv", "_scale"}

// scale replaces float8 matrices that have scales by what they stand for.
func (c *Checkpoint) scale() error {
	byName := make(map[string]*Tensor, len(c.tensors))
	for _, t := range c.tensors {
		byName[t.Name] = t
	}
	var blocks []int
	var used []*Tensor
	for _, t := range c.tensors {
		if t.Type != dtype.F8E4M3 && t.Type != dtype.F8E5M2 || len(t.Shape) != 2 {
			continue
		}
		for _, suffix := range scaleSuffixes {
			s, ok := byName[t.Name+suffix]
			if !ok || !s.IsFloat() {
				continue
			}
			if blocks == nil {
				var err error
				if blocks, err = c.blockSize(); err != nil {
					return err
				}
			}
			data, err := newScaled(t, s, blocks)
			if err != nil {
				return fmt.Errorf("%s: tensor %q: %w", c.place.Path(t.File), t.Name, err)
			}
			t.Type, t.data = "", data
			t.Size += s.Size
			used = append(used, s)
			break
		}
	}
	c.tensors = slices.DeleteFunc(c.tensors, func(t *Tensor) bool { return slices.Contains(used, t) })
	return nil
}

// blockSize returns the rows and columns of a block that shares a scale.
func (c *Checkpoint) blockSize() ([]int, error) {
	config := struct {
		Quantization struct {
			Block []int `json:"weight_block_size"`
		} `json:"quantization_config"`
	}{}
	text, err := c.ReadFile("config.json", 1<<24)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(text, &config); err != nil {
			return nil, fmt.Errorf("%s: %v: %w", c.place.Path("config.json"), err, ErrScale)
		}
	}
	b := config.Quantization.Block
	if b == nil {
		return []int{128, 128}, nil
	}
	if len(b) != 2 || b[0] < 1 || b[1] < 1 {
		return nil, fmt.Errorf("%s: weight_block_size %v: %w", c.place.Path("config.json"), b, ErrScale)
	}
	return b, nil
}

// scaled is a float8 matrix with a scale for each block of rows × cols.
type scaled struct {
	weights, scales  Data
	size             int64 // bytes of weights
	rows, cols       int   // of the matrix
	blockRows, block int   // of a block: rows and columns
}

// newScaled pairs a matrix with its scales: one for each block, one for each row,
// or one for all.
func newScaled(t, scales *Tensor, blocks []int) (*scaled, error) {
	s := &scaled{weights: t.data, scales: scales.data, size: t.Size, rows: t.Shape[0], cols: t.Shape[1]}
	if s.rows < 1 || s.cols < 1 {
		return s, nil
	}
	ceil := func(n, d int) int { return (n-1)/d + 1 }
	switch shape := scales.Shape; {
	case scales.Len() == 1:
		s.blockRows, s.block = s.rows, s.cols
	case scales.Len() == s.rows && shape[0] == s.rows:
		s.blockRows, s.block = 1, s.cols
	case slices.Equal(shape, []int{ceil(s.rows, blocks[0]), ceil(s.cols, blocks[1])}):
		s.blockRows, s.block = blocks[0], blocks[1]
	default:
		return nil, fmt.Errorf("%s has shape %v, which is not one scale, one a row, nor one for each %v of %v: %w", scales.Name, shape, blocks, t.Shape, ErrScale)
	}
	return s, nil
}

// Offset is where the matrix lies in its file, -1 if that is not known.
func (s *scaled) Offset() int64 {
	if at, ok := s.weights.(interface{ Offset() int64 }); ok {
		return at.Offset()
	}
	return -1
}

// ReadFloat32 multiplies in float32.
func (s *scaled) ReadFloat32(dst []float32, off int) error {
	if err := s.weights.ReadFloat32(dst, off); err != nil || len(dst) == 0 {
		return err
	}
	across := (s.cols-1)/s.block + 1 // scales for a row
	scales, have := make([]float32, across), -1
	for len(dst) > 0 {
		row, col := off/s.cols, off%s.cols
		if band := row / s.blockRows; band != have {
			if err := s.scales.ReadFloat32(scales, band*across); err != nil {
				return err
			}
			have = band
		}
		n := min(len(dst), s.cols-col, s.block-col%s.block)
		scale := scales[col/s.block]
		for i, w := range dst[:n] {
			dst[i] = w * scale
		}
		dst, off = dst[n:], off+n
	}
	return nil
}

// ReadRaw reads the bytes of the matrix, then those of its scales.
func (s *scaled) ReadRaw(dst []byte, off int64) error {
	if off < s.size {
		n := min(int64(len(dst)), s.size-off)
		if err := s.weights.ReadRaw(dst[:n], off); err != nil {
			return err
		}
		dst, off = dst[n:], off+n
	}
	if len(dst) == 0 {
		return nil
	}
	return s.scales.ReadRaw(dst, off-s.size)
}
