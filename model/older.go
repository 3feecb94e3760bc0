package model

import (
	"errors"
	"fmt"
	"math"
	"path"
)

// olderManifest is the manifest form before "tensors": a list of CDNA files and,
// apart from them, a directory of sidecars.
type olderManifest struct {
	Shards     []shard `json:"shards"`
	SidecarDir string  `json:"sidecar_dir"`
}

type shard struct {
	TensorName         string `json:"tensor_name"`
	Path               string `json:"path"`
	Shape              []int  `json:"shape"`
	OutlierSidecarPath string `json:"outlier_sidecar_path"`
}

// into fills m with what the older form says.
func (o *olderManifest) into(m *Manifest) error {
	m.Format = FormatCDNA2
	m.Tensors = make(map[string]Tensor, len(o.Shards))
	for _, s := range o.Shards {
		if s.TensorName == "" {
			return errors.New("a shard has no tensor_name")
		}
		if _, twice := m.Tensors[s.TensorName]; twice {
			return fmt.Errorf("tensor %q occurs twice", s.TensorName)
		}
		if _, ok := elements(s.Shape); !ok {
			return fmt.Errorf("tensor %q has shape %v", s.TensorName, s.Shape)
		}
		rows, cols := MatrixShape(s.Shape)
		t := Tensor{Format: FormatCDNA2, File: s.Path, OriginalShape: s.Shape, CDNAShape: []int{rows, cols}}
		if s.OutlierSidecarPath != "" {
			t.Sidecar = &Sidecar{File: path.Join(o.SidecarDir, s.OutlierSidecarPath)}
		}
		m.Tensors[s.TensorName] = t
	}
	m.Stats.TensorCount = len(m.Tensors)
	return nil
}

// elements returns how many elements a shape has, false where that is no number.
func elements(shape []int) (n int, ok bool) {
	n, empty := 1, false
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt/d {
			return 0, false
		}
		n *= max(1, d)
		empty = empty || d == 0
	}
	if empty {
		return 0, true
	}
	return n, true
}

// MatrixShape returns the matrix [rows, cols] as which a tensor is stored: [n]
// is [1, n], and leading dimensions are multiplied together. (Structural Entropy
// sees another: se.Unfold.)
func MatrixShape(shape []int) (rows, cols int) {
	if len(shape) == 0 {
		return 1, 1
	}
	rows, cols = 1, shape[len(shape)-1]
	for _, d := range shape[:len(shape)-1] {
		rows *= d
	}
	return rows, cols
}
