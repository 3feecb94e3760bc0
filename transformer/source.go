package transformer

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/internal/regularfile"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// source gives a model's configuration and its tensors by Hugging Face name.
type source interface {
	config() (*Config, error)
	has(name string) bool
	// shape returns a tensor's shape, false if there is none of this name. What the
	// other methods read has the same.
	shape(name string) ([]int, bool)
	// matrix opens a tensor for products. Dense tensors are read whole, embeddings
	// too: dense models are a reference, not made to be small.
	matrix(e *stream.Engine, name string) (Projection, error)
	// size returns what a matrix takes, without reading its blocks.
	size(name string) (size, error)
	// vector reads a small tensor, widened to float32.
	vector(name string) ([]float32, error)
	close() error
}

// size is a compressed matrix's open file, which the caller closes, and what its
// sidecar holds, if it has one; or the memory that a dense matrix takes.
type size struct {
	file     stream.File // nil if the matrix is dense
	outliers int
	sidecar  int64 // bytes of the sidecar's file
	dense    int64
}

// openSource tells a model directory, whose hashes are checked as verify says, a
// Hugging Face directory and a GGUF file apart.
func openSource(path string, verify cdna.Policy) (source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return openGGUF(path)
	}
	if model.IsModel(path) {
		return openCompressed(path, verify)
	}
	set, err := safetensors.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return &checkpoint{path, set}, nil
}

// maxConfig bounds config.json: real ones have a few kB.
const maxConfig = 64 << 20

// readConfig reads a directory's config.json.
func readConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	text, err := regularfile.ReadAll(path, maxConfig)
	if err != nil {
		return nil, err
	}
	return parseConfigOf(dir, text)
}

// parseConfigOf parses the config.json of a directory.
func parseConfigOf(dir string, text []byte) (*Config, error) {
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return c, nil
}

// checkpoint is a Hugging Face directory, run dense.
type checkpoint struct {
	dir string
	set *safetensors.Set
}

func (s *checkpoint) config() (*Config, error) { return readConfig(s.dir) }
func (s *checkpoint) close() error             { return s.set.Close() }

func (s *checkpoint) find(name string) (*safetensors.Tensor, bool) {
	return s.set.Tensor(Wrapped(name, func(n string) bool {
		_, ok := s.set.Tensor(n)
		return ok
	}))
}

func (s *checkpoint) has(name string) bool {
	_, ok := s.find(name)
	return ok
}

func (s *checkpoint) shape(name string) ([]int, bool) {
	t, ok := s.find(name)
	if !ok {
		return nil, false
	}
	return t.Shape, true
}

func (s *checkpoint) tensor(name string) (*safetensors.Tensor, error) {
	t, ok := s.find(name)
	if !ok {
		return nil, fmt.Errorf("%s: no tensor %s: %w", s.dir, name, ErrWeights)
	}
	return t, nil
}

func (s *checkpoint) matrix(e *stream.Engine, name string) (Projection, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	rows, cols := model.MatrixShape(t.Shape)
	if t.DType != safetensors.BF16 {
		return e.NewDense(rows, cols, func(dst []float32, a, _ int) error { return t.ReadFloat32(dst, a*cols) })
	}
	raw := make([]byte, 64<<10)
	return e.NewDenseBF16(rows, cols, func(dst []uint16, a, _ int) error {
		for at := 2 * int64(a) * int64(cols); len(dst) > 0; {
			part := raw[:min(len(raw), 2*len(dst))]
			if err := t.ReadRaw(part, at); err != nil {
				return err
			}
			for i := range len(part) / 2 {
				dst[i] = binary.LittleEndian.Uint16(part[2*i:])
			}
			dst, at = dst[len(part)/2:], at+int64(len(part))
		}
		return nil
	})
}

func (s *checkpoint) size(name string) (size, error) {
	t, err := s.tensor(name)
	if err != nil {
		return size{}, err
	}
	if t.DType == safetensors.BF16 {
		return size{dense: 2 * int64(t.Len())}, nil
	}
	return size{dense: 4 * int64(t.Len())}, nil
}

func (s *checkpoint) vector(name string) ([]float32, error) {
	t, err := s.tensor(name)
	if err != nil {
		return nil, err
	}
	x := make([]float32, t.Len())
	return x, t.ReadFloat32(x, 0)
}
