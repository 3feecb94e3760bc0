package receipt

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// ExecutionSchema names the receipt that every operation leaves.
const ExecutionSchema = "execution_receipt:v1"

// Execution is the receipt of a run. Its first part is the Python original's, with its
// field names; the second is ours: what is the same on every machine (Claims) apart
// from what is not (Measurements), each with a digest of its own. Make one with a
// [Recorder], read one with [ReadExecution].
type Execution struct {
	Schema             string            `json:"schema"`
	PlanSHA256         string            `json:"plan_sha256"` // of the memory plan's canonical JSON, "" without one
	Band               string            `json:"brainstem_band"`
	Operations         []Operation       `json:"operations"`
	TotalTimingMS      Float             `json:"total_timing_ms"`    // their sum
	TotalMemoryBytes   int64             `json:"total_memory_bytes"` // their maximum
	Verdict            string            `json:"behavioral_gate_verdict"`
	Gates              json.RawMessage   `json:"gates_checked"`
	GateReceiptPath    *string           `json:"gate_receipt_path"`
	AvgCosine          *Float            `json:"avg_cosine_similarity"` // over the operations that have one
	MaxMSE             *Float            `json:"max_mse"`
	Total              int               `json:"tensors_total"` // operations, and their status
	OK                 int               `json:"tensors_ok"`
	Warn               int               `json:"tensors_warn"`
	Fail               int               `json:"tensors_fail"`
	Timestamp          string            `json:"timestamp_utc"` // when it ended
	GitCommit          string            `json:"git_commit"`    // of the program
	ManifestPath       *string           `json:"manifest_path"`
	ManifestSHA256     *string           `json:"manifest_sha256"`
	OutputGGUFPath     *string           `json:"output_gguf_path"`
	OutputGGUFSHA256   *string           `json:"output_gguf_sha256"`
	SHA256             string            `json:"receipt_sha256"` // of all else, in canonical form; set on writing
	SyscallReceipts    []json.RawMessage `json:"syscall_receipts"`
	TotalITTokensSpent Float             `json:"total_it_tokens_spent"`

	// PreviousSHA256 is the receipt_sha256 of the receipt before it in a log.
	PreviousSHA256 string `json:"previous_sha256,omitempty"`
	// Claims say what was computed: hashes, ids, options. They have a field
	// "operation", which says of what type they are, such as [GenerationClaims].
	Claims       json.RawMessage `json:"claims,omitempty"`
	ClaimsSHA256 string          `json:"claims_sha256,omitempty"`
	// Measurements say what it took.
	Measurements       *Measurements `json:"measurements,omitempty"`
	MeasurementsSHA256 string        `json:"measurements_sha256,omitempty"`
}

// Measurements say what a run took, on which machine: nothing in them is the same in
// another run.
type Measurements struct {
	Program    Program           `json:"program"`
	Started    string            `json:"started"`
	DurationMS Float             `json:"duration_ms"`
	Executor   Executor          `json:"executor"`
	Memory     Memory            `json:"memory"`
	Experts    *Experts          `json:"experts,omitempty"`
	Fetched    int64             `json:"fetched_bytes,omitempty"` // of a model that lies elsewhere
	Cached     int64             `json:"cached_bytes,omitempty"`  // of its blocks, from a cache near by
	Paths      map[string]string `json:"paths,omitempty"`         // of inputs and outputs, as the user gave them
	Detail     json.RawMessage   `json:"detail,omitempty"`        // of the operation, such as a StreamXW
	// Whole is, of a receipt whose claims are private, the receipt_sha256 of the one that has all; "" if there is none.
	Whole string `json:"whole_sha256,omitempty"`
}

// Program is what ran.
type Program struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	// SHA256 is of the program's file, as [ProgramSHA256] has it; "" where that could not be read.
	SHA256 string `json:"sha256,omitempty"`
}

// Executor says which kernels were asked for, which ran, and on how many workers.
type Executor struct {
	Wanted  string `json:"wanted"` // "" let the program choose
	Used    string `json:"used"`
	Workers int    `json:"workers"`
	// Routes counts the model's tensors by the backend that their Structural Entropy
	// asked for and the one that computed them, as "gpu -> cpu"; absent if it was not
	// measured.
	Routes map[string]int `json:"routes,omitempty"`
}

// Memory says what the process held, in bytes.
type Memory struct {
	PeakRSS int64            `json:"peak_rss_bytes"`
	Limit   int64            `json:"limit_bytes,omitempty"`
	Plan    map[string]int64 `json:"plan_bytes,omitempty"`
}

// Experts say what was read of a mixture whose experts were not all in memory.
type Experts struct {
	Hits   int64 `json:"hits"`   // experts that were chosen and in memory, once for each layer and pass
	Misses int64 `json:"misses"` // that were not
	Bytes  int64 `json:"bytes_read"`
}

// Write writes the receipt as indented JSON, with its hash, which it sets.
func (e *Execution) Write(w io.Writer) error {
	n, err := e.seal()
	if err == nil {
		_, err = w.Write(n.indented())
	}
	return err
}

// Canonical returns the receipt in canonical form, with its hash, which it sets.
func (e *Execution) Canonical() ([]byte, error) {
	n, err := e.seal()
	if err != nil {
		return nil, err
	}
	return n.canonical(), nil
}

func (e *Execution) seal() (*node, error) {
	n, err := nodeOf(e)
	if err != nil {
		return nil, fmt.Errorf("write receipt: %w", err)
	}
	e.SHA256 = sum(n.without(hashKey).canonical())
	at, _ := n.get(hashKey)
	at.value = e.SHA256
	return n, nil
}

const hashKey = "receipt_sha256"

// ReadExecution reads and validates a receipt. Errors are those of [Canonical],
// [ErrSchema] and [ErrInvalid].
func ReadExecution(document []byte) (*Execution, error) {
	n, err := parse(document)
	if err != nil {
		return nil, err
	}
	if err := validate(n).Err(); err != nil {
		return nil, err
	}
	var e Execution
	if err := strictjson.UnmarshalOpen(document, &e, nil); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	return &e, nil
}

// Operation returns what the receipt's claims are about, such as OpGenerate; "" for a
// receipt without claims, such as the Python original's.
func (e *Execution) Operation() string {
	var c struct {
		Operation string `json:"operation"`
	}
	if Unmarshal(e.Claims, &c) != nil {
		return ""
	}
	return c.Operation
}
