package cdna

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
)

const zlibLevelSidecar = 9

// Write writes the sidecar. The outliers may be in any order and are sorted on the way (s stays as it is); the same
// position twice, or one outside the shape, is ErrSidecar. An empty CreatedUTC is filled as for a Writer.
func (s *Sidecar) Write(w io.Writer) error {
	file, err := s.marshal()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSidecar, err)
	}
	_, err = w.Write(file)
	return err
}

// CreateSidecar writes s to a file, which gets its name only when it is whole, and returns the file's size in bytes and
// SHA-256, which is also set in s: Writer.SetSidecar ties the matrix to it.
func CreateSidecar(path string, s *Sidecar) (size int64, sum [32]byte, err error) {
	err = atomicfile.Write(path, func(w io.Writer) error {
		file, err := s.marshal()
		if err != nil {
			return fmt.Errorf("%s: %w: %w", path, ErrSidecar, err)
		}
		size, sum = int64(len(file)), sha256.Sum256(file)
		_, err = w.Write(file)
		return err
	})
	if err != nil {
		return 0, [32]byte{}, err
	}
	s.SHA256 = sum
	return size, sum, nil
}

func (s *Sidecar) marshal() ([]byte, error) {
	if err := s.checkOutliers(); err != nil {
		return nil, err
	}
	text, err := s.Header.marshal(len(s.Positions))
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrHeader, len(text), maxHeader)
	}
	payload, err := s.marshalPayload()
	if err != nil {
		return nil, err
	}
	packed, err := deflate(zlibLevelSidecar, payload)
	if err != nil {
		return nil, err
	}
	file := append([]byte(nil), magicSidecar...)
	file = binary.BigEndian.AppendUint16(file, 1)
	file = binary.BigEndian.AppendUint16(file, uint16(len(text)))
	return append(append(file, text...), packed...), nil
}

// checkOutliers tells why positions and values cannot be a sidecar, or nil.
func (s *Sidecar) checkOutliers() error {
	rows, cols := s.Header.Rows, s.Header.Cols
	if err := checkShape(rows, cols); err != nil {
		return err
	}
	if len(s.Positions) != len(s.Values) {
		return fmt.Errorf("%w: %d positions and %d values", ErrShape, len(s.Positions), len(s.Values))
	}
	if int64(len(s.Positions))*binary.MaxVarintLen64 > math.MaxUint32 {
		return fmt.Errorf("%w: %d outliers are too many for one sidecar", ErrShape, len(s.Positions))
	}
	for _, p := range s.Positions {
		if p >= uint64(rows)*uint64(cols) {
			return fmt.Errorf("%w: position %d of [%d, %d]", ErrShape, p, rows, cols)
		}
	}
	return nil
}

// marshalPayload is what the zlib stream holds.
func (s *Sidecar) marshalPayload() ([]byte, error) {
	order := make([]int, len(s.Positions))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(s.Positions[i], s.Positions[j]) })

	payload := make([]byte, 4, 4+5*len(order))
	var before uint64
	for n, i := range order {
		at := s.Positions[i]
		if n > 0 && at == before {
			return nil, fmt.Errorf("%w: position %d comes twice", ErrShape, at)
		}
		payload = binary.AppendUvarint(payload, at-before)
		before = at
	}
	binary.BigEndian.PutUint32(payload, uint32(len(payload)-4))
	for _, i := range order {
		payload = binary.LittleEndian.AppendUint16(payload, s.Values[i])
	}
	return payload, nil
}

// marshal writes the keys in the order of the original.
func (h *SidecarHeader) marshal(count int) ([]byte, error) {
	created := h.CreatedUTC
	if created == "" {
		var err error
		if created, err = sourceDate(); err != nil {
			return nil, err
		}
	}
	if err := checkText("tensor_name", h.TensorName); err != nil {
		return nil, err
	}
	if err := checkText("created_utc", created); err != nil {
		return nil, err
	}
	var w objectWriter
	w.add("schema", schemaSidecar)
	w.add("tensor_name", h.TensorName)
	w.add("shape", [2]int{h.Rows, h.Cols})
	w.add("num_outliers", count)
	w.add("threshold_policy", h.Policy)
	w.add("value_dtype", "float16")
	w.add("position_encoding", "delta_varint")
	w.add("created_utc", created)
	addSorted(&w, h.Extra)
	return w.done()
}

// MarshalJSON writes the fields that are set, in the order above, then Extra sorted by key.
func (p ThresholdPolicy) MarshalJSON() ([]byte, error) {
	var w objectWriter
	if p.Method != "" {
		w.add("method", p.Method)
	}
	for _, number := range []struct {
		key string
		v   *float64
	}{{"percentile", p.Percentile}, {"clip_min", p.ClipMin}, {"clip_max", p.ClipMax}} {
		if number.v != nil {
			w.add(number.key, *number.v)
		}
	}
	addSorted(&w, p.Extra)
	return w.done()
}
