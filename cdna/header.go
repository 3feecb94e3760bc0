package cdna

import (
	"encoding/json"
	"math"

	"github.com/helix-substrate/helix-substrate/dtype"
)

const (
	schemaV2        = "cdna2_hxz_v1"
	codebookEntries = 256
	codebookBytes   = 4 * codebookEntries
	maxHeader       = math.MaxUint16
)

// Header describes the matrix of a file. For v1, which has no such header, TensorName is empty and Encoding is "zlib".
// Fidelity and SidecarSHA256 are those of files with a codebook.
type Header struct {
	TensorName string
	Rows, Cols int
	DType      dtype.Type // of an element as it lies in a block: U8, an index, or a lossless file's own
	BlockRows  int        // rows in every block but perhaps the last
	NumBlocks  int
	Encoding   string // how blocks are packed: "none", "huff0", "zstd", "lz4", "brotli", "rans", AliasCodec, PackedCodec
	CreatedUTC string // as written in the file; not interpreted
	Fidelity   *FidelityStats
	// SidecarSHA256 is the SHA-256 of the bytes of the sidecar file that was made with this file, in lower-case
	// hexadecimal; "" when there is none, or the writer did not record it. See File.CheckSidecar.
	SidecarSHA256 string
	Extra         map[string]json.RawMessage // header keys unknown here, kept when a file is upgraded
}

// FidelityStats is what the writer of a file measured against the true weights. Nil fields are not in the file. Keys
// that this project adds ("mse", "snr_db", "max_abs_error", "cosine", "bits_per_weight") and all others are in Extra.
type FidelityStats struct {
	CosineNoSidecar *float64 // cosine similarity without the sidecar; decides when a sidecar is applied
	SidecarRequired *bool
	Extra           map[string]json.RawMessage
}

// SetNumber sets Extra[key]. JSON has no NaN and no infinity: such a value (the SNR of an exact copy) is left out.
func (s *FidelityStats) SetNumber(key string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		delete(s.Extra, key)
		return
	}
	if s.Extra == nil {
		s.Extra = map[string]json.RawMessage{}
	}
	s.Extra[key], _ = json.Marshal(v) // a finite float64 always marshals
}

// Number returns Extra[key] and whether it is there and a number.
func (s *FidelityStats) Number(key string) (float64, bool) {
	var v *float64
	if err := json.Unmarshal(s.Extra[key], &v); err != nil || v == nil {
		return 0, false
	}
	return *v, true
}

// UnmarshalJSON reads the object as it stands in a header; null fields count as absent.
func (s *FidelityStats) UnmarshalJSON(text []byte) error {
	o := readObject(text)
	*s = FidelityStats{}
	o.take("cosine_no_sidecar", &s.CosineNoSidecar)
	o.take("sidecar_required", &s.SidecarRequired)
	s.Extra = o.rest()
	return o.err
}

// MarshalJSON writes the two fields in the order above, then Extra sorted by key.
func (s FidelityStats) MarshalJSON() ([]byte, error) {
	var w objectWriter
	if s.CosineNoSidecar != nil {
		w.add("cosine_no_sidecar", *s.CosineNoSidecar)
	}
	if s.SidecarRequired != nil {
		w.add("sidecar_required", *s.SidecarRequired)
	}
	addSorted(&w, s.Extra)
	return w.done()
}

// parseHeader reads the JSON of a v2 file. Whether the shape makes sense is left to newGrid. headSum is empty when the
// file does not have that key.
func parseHeader(text []byte) (h Header, headSum string, err error) {
	o := readObject(text)
	needEqual(o, "schema", schemaV2)
	o.need("tensor_name", &h.TensorName)
	h.Rows, h.Cols = o.needShape()
	h.DType = dtype.U8
	needEqual(o, "dtype", "uint8")
	needEqual(o, "codebook_size", codebookEntries)
	o.need("num_blocks", &h.NumBlocks)
	h.BlockRows, h.Encoding = 32, "brotli" // what files without these keys mean
	o.take("block_rows", &h.BlockRows)
	o.take("encoding", &h.Encoding)
	o.take("created_utc", &h.CreatedUTC)
	o.take("fidelity_stats", &h.Fidelity)
	if o.take(keySidecarSum, &h.SidecarSHA256) && !isHexSum(h.SidecarSHA256) {
		o.fail("%s: %q is not 64 lower-case hexadecimal digits", keySidecarSum, h.SidecarSHA256)
	}
	o.take(keyHeadSum, &headSum)
	h.Extra = o.rest()
	return h, headSum, o.err
}

// marshalHeader writes the JSON of a v2 file: the format's keys in the order of the original, the sum of the sidecar,
// then extra sorted by key, then the head sum with its digits still zero.
func marshalHeader(h *Header, extra map[string]any) ([]byte, error) {
	if err := checkText("tensor_name", h.TensorName); err != nil {
		return nil, err
	}
	if err := checkText("created_utc", h.CreatedUTC); err != nil {
		return nil, err
	}
	var w objectWriter
	w.add("schema", schemaV2)
	w.add("tensor_name", h.TensorName)
	w.add("shape", [2]int{h.Rows, h.Cols})
	w.add("dtype", "uint8")
	w.add("codebook_size", codebookEntries)
	w.add("block_rows", h.BlockRows)
	w.add("num_blocks", h.NumBlocks)
	w.add("encoding", h.Encoding)
	w.add("created_utc", h.CreatedUTC)
	if h.Fidelity != nil {
		w.add("fidelity_stats", h.Fidelity)
	} else {
		w.reserve("fidelity_stats")
	}
	if h.SidecarSHA256 != "" {
		w.add(keySidecarSum, h.SidecarSHA256)
	} else {
		w.reserve(keySidecarSum)
	}
	addSorted(&w, extra)
	w.add(keyHeadSum, noHeadSum)
	return w.done()
}
