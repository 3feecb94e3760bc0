package cdna

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/x448/float16"

	"github.com/helix-substrate/helix-substrate/storage"
)

const schemaSidecar = "hxzo_outlier_sidecar_v1"

// Sidecar lists the weights that do not follow the codebook: at Positions[i] (row*cols + column) the weight is
// Values[i], instead of what the codebook says. A Sidecar that is not changed is safe for concurrent use.
//
// The positions of a sidecar that was read ascend strictly, but the last ones may lie beyond the matrix: the original
// system writes such files (golden case hxzo/unsorted_input). They stand for nothing. Use Apply or Range, which never
// reach them, rather than index a matrix by Positions; Stray counts them.
type Sidecar struct {
	Header    SidecarHeader
	Positions []uint64
	Values    []uint16 // IEEE binary16 bits
	SHA256    [32]byte // of the whole file; set by OpenSidecar, ReadSidecar and CreateSidecar
}

// SidecarHeader describes a sidecar and the matrix that it belongs to.
type SidecarHeader struct {
	TensorName string
	Rows, Cols int // of the matrix
	Policy     ThresholdPolicy
	CreatedUTC string                     // "": as in WriterOptions
	Extra      map[string]json.RawMessage // unknown header keys, kept
}

// ThresholdPolicy says how the outliers were chosen. Nothing here depends on it. Nil numbers and an empty Method are not
// in the file.
type ThresholdPolicy struct {
	Method     string
	Percentile *float64
	ClipMin    *float64 // weights below were outliers
	ClipMax    *float64 // weights above were outliers
	Extra      map[string]json.RawMessage
}

// OpenSidecar reads a sidecar file whole.
func OpenSidecar(path string) (*Sidecar, error) {
	file, err := storage.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ReadSidecar(context.Background(), file, file.Size(), path)
}

// ReadSidecar reads a sidecar of size bytes from r, whole. The name is for error messages only. Errors about the content
// wrap ErrSidecar and one of the other sentinels.
func ReadSidecar(ctx context.Context, r io.ReaderAt, size int64, name string) (*Sidecar, error) {
	data, err := readSidecarBytes(ctx, r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s, err := parseSidecar(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrSidecar, err)
	}
	return s, nil
}

// readSidecarBytes looks at the magic before it reads the rest: the file may be a large one of another kind.
func readSidecarBytes(ctx context.Context, r io.ReaderAt, size int64) ([]byte, error) {
	kind, err := Detect(ctx, r)
	if err != nil {
		return nil, err
	}
	if kind != KindSidecar {
		if size < prefixLen {
			return nil, fmt.Errorf("%w: %w: %d bytes", ErrSidecar, ErrTruncated, size)
		}
		return nil, fmt.Errorf("%w: %w: it does not start with %s (%v)", ErrSidecar, ErrFormat, magicSidecar, kind)
	}
	data := make([]byte, max(size, 0))
	return data, readAt(ctx, r, data, 0, "sidecar")
}

func parseSidecar(data []byte) (*Sidecar, error) {
	if len(data) < prefixLen {
		return nil, fmt.Errorf("%w: %d bytes", ErrTruncated, len(data))
	}
	if v := binary.BigEndian.Uint16(data[4:]); v != 1 {
		return nil, fmt.Errorf("%w: HXZO version %d, want 1", ErrVersion, v)
	}
	n := int(binary.BigEndian.Uint16(data[6:]))
	if len(data) < prefixLen+n {
		return nil, fmt.Errorf("%w: header ends at byte %d, the file has %d", ErrTruncated, prefixLen+n, len(data))
	}
	s := &Sidecar{SHA256: sha256.Sum256(data)}
	count, err := s.Header.parse(data[prefixLen : prefixLen+n])
	if err != nil {
		return nil, err
	}
	rows, cols := s.Header.Rows, s.Header.Cols
	if err := checkShape(rows, cols); err != nil {
		return nil, err
	}
	if count < 0 || count > int64(rows)*int64(cols) {
		return nil, fmt.Errorf("%w: %d outliers in [%d, %d]", ErrHeader, count, rows, cols)
	}
	return s, s.parsePayload(data[prefixLen+n:], int(count))
}

func (h *SidecarHeader) parse(text []byte) (count int64, err error) {
	o := readObject(text)
	needEqual(o, "schema", schemaSidecar)
	o.need("tensor_name", &h.TensorName)
	h.Rows, h.Cols = o.needShape()
	o.need("num_outliers", &count)
	o.take("threshold_policy", &h.Policy)
	needEqual(o, "value_dtype", "float16")
	needEqual(o, "position_encoding", "delta_varint")
	o.take("created_utc", &h.CreatedUTC)
	h.Extra = o.rest()
	return count, o.err
}

// UnmarshalJSON reads the object as it stands in a header.
func (p *ThresholdPolicy) UnmarshalJSON(text []byte) error {
	o := readObject(text)
	*p = ThresholdPolicy{}
	o.take("method", &p.Method)
	o.take("percentile", &p.Percentile)
	o.take("clip_min", &p.ClipMin)
	o.take("clip_max", &p.ClipMax)
	p.Extra = o.rest()
	return o.err
}

// parsePayload inflates and reads count outliers. The count is checked before anything is allocated for it: an outlier
// takes at least 3 inflated bytes.
func (s *Sidecar) parsePayload(stream []byte, count int) error {
	if err := checkInflated(int64(len(stream)), 4+3*int64(count)); err != nil {
		return fmt.Errorf("%d outliers: %w", count, err)
	}
	z, err := newInflater(context.Background(), stream)
	if err != nil {
		return err
	}
	var prefix [4]byte
	if err := z.fill(prefix[:]); err != nil {
		return err
	}
	posLen := int64(binary.BigEndian.Uint32(prefix[:]))
	if posLen < int64(count) || posLen > int64(count)*binary.MaxVarintLen64 {
		return fmt.Errorf("%w: %d bytes of positions for %d outliers", ErrCorrupt, posLen, count)
	}
	if err := checkInflated(int64(len(stream)), 4+posLen+2*int64(count)); err != nil {
		return err
	}
	payload, err := z.next(posLen + 2*int64(count))
	if err != nil {
		return err
	}
	if err := z.finish(); err != nil {
		return err
	}

	if s.Positions, err = parsePositions(payload[:posLen], count); err != nil {
		return err
	}
	s.Values = make([]uint16, count)
	for i := range s.Values {
		s.Values[i] = binary.LittleEndian.Uint16(payload[int(posLen)+2*i:])
	}
	return nil
}

// parsePositions reads count LEB128 numbers: the first position, then the distance of each from the one before.
func parsePositions(raw []byte, count int) ([]uint64, error) {
	positions := make([]uint64, count)
	var at uint64
	rest := raw
	for i := range positions {
		step, n := binary.Uvarint(rest)
		if n <= 0 {
			return nil, fmt.Errorf("%w: position %d of %d, byte %d of %d", ErrCorrupt, i, count, len(raw)-len(rest), len(raw))
		}
		if i > 0 && step == 0 {
			return nil, fmt.Errorf("%w: position %d comes twice", ErrCorrupt, at)
		}
		if step > math.MaxInt64-at {
			return nil, fmt.Errorf("%w: position %d of %d is beyond 2^63-1", ErrCorrupt, i, count)
		}
		at += step
		positions[i] = at
		rest = rest[n:]
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last position", ErrCorrupt, len(rest))
	}
	return positions, nil
}

// Value returns the weight at Positions[i].
func (s *Sidecar) Value(i int) float32 { return float16.Frombits(s.Values[i]).Float32() }

// Range returns the outliers at positions lo to hi-1: those with index first to last-1. Positions must ascend.
func (s *Sidecar) Range(lo, hi uint64) (first, last int) {
	first, _ = slices.BinarySearch(s.Positions, lo)
	last, _ = slices.BinarySearch(s.Positions[first:], hi)
	return first, first + last
}

// Apply replaces the outliers among weights, of which the first is at that position of the matrix: row*cols for whole
// rows. It returns how many it replaced.
func (s *Sidecar) Apply(weights []float32, first uint64) int {
	lo, hi := s.Range(first, first+uint64(len(weights)))
	for i := lo; i < hi; i++ {
		weights[s.Positions[i]-first] = s.Value(i)
	}
	return hi - lo
}

// Stray returns how many positions lie beyond the matrix.
func (s *Sidecar) Stray() int {
	first, _ := slices.BinarySearch(s.Positions, uint64(s.Header.Rows)*uint64(s.Header.Cols))
	return len(s.Positions) - first
}
