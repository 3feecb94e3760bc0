package receipt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"path/filepath"
	"time"
)

// GenerationSchema names the receipt of a generated text.
const GenerationSchema = "generation_receipt_v1"

// Generation is the receipt of a generated text. Claims are the same on every
// machine that redoes the run; measurements are of this run.
type Generation struct {
	Schema       string                 `json:"schema"`
	Claims       GenerationClaims       `json:"claims"`
	Measurements GenerationMeasurements `json:"measurements"`
}

// GenerationClaims say what was computed. Model is a name without directory, the
// hashes say what it was: see generate.Fingerprint.
type GenerationClaims struct {
	Model           string         `json:"model"`
	ModelSHA256     string         `json:"model_sha256"`
	TokenizerSHA256 string         `json:"tokenizer_sha256"`
	ProgramVersion  string         `json:"program_version"`
	Architecture    string         `json:"architecture"`
	Context         int            `json:"context"`
	CacheType       string         `json:"cache_type"`
	Sampling        map[string]any `json:"sampling"`
	N               int            `json:"n"` // tokens of a turn at most
	StopIDs         []int          `json:"stop_ids"`
	Turns           []Turn         `json:"turns"`
	// TokensSHA256 is over all ids of all turns, in order, as little-endian u32.
	TokensSHA256 string `json:"tokens_sha256"`
}

// Turn is a prompt, as far as the model read it, and what the model made of it. Keep
// is how many tokens of the turns before it stayed in the model's memory; Error says
// what went wrong, if something did.
type Turn struct {
	Keep      int    `json:"keep"`
	PromptIDs []int  `json:"prompt_ids"`
	OutputIDs []int  `json:"output_ids"`
	Stop      string `json:"stop"` // "stop", "length", "context", "cancelled" or "error"
	Error     string `json:"error,omitempty"`
}

// GenerationMeasurements say what it took.
type GenerationMeasurements struct {
	Started         string           `json:"started"`
	CPU             string           `json:"cpu"`
	PromptTokens    int              `json:"prompt_tokens"`
	PromptSeconds   float64          `json:"prompt_s"`
	OutputTokens    int              `json:"output_tokens"`
	GenerateSeconds float64          `json:"generate_s"`
	LimitBytes      int64            `json:"limit_bytes,omitempty"`
	PeakRSSBytes    int64            `json:"peak_rss_bytes"`
	Plan            map[string]int64 `json:"plan_bytes"`
}

// NewGeneration starts the receipt of a run of the model at path.
func NewGeneration(path string, now time.Time) *Generation {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute // the name of "."
	}
	return &Generation{
		Schema:       GenerationSchema,
		Claims:       GenerationClaims{Model: filepath.Base(path), StopIDs: []int{}, Turns: []Turn{}},
		Measurements: GenerationMeasurements{Started: now.UTC().Format(time.RFC3339)},
	}
}

// Add records a turn, which takes its Keep from the Restart before it, and what its
// prompt and its output took. Its ids are copied.
func (g *Generation) Add(t Turn, promptTime, generateTime time.Duration) {
	c := &g.Claims
	if n := len(c.Turns); n > 0 && c.Turns[n-1].Stop == "" { // begun by Restart
		t.Keep = c.Turns[n-1].Keep
		c.Turns = c.Turns[:n-1]
	}
	t.PromptIDs, t.OutputIDs = append([]int{}, t.PromptIDs...), append([]int{}, t.OutputIDs...)
	c.Turns = append(c.Turns, t)
	h := sha256.New()
	for _, t := range c.Turns {
		for _, ids := range [][]int{t.PromptIDs, t.OutputIDs} {
			for _, id := range ids {
				var b [4]byte
				binary.LittleEndian.PutUint32(b[:], uint32(id))
				h.Write(b[:])
			}
		}
	}
	c.TokensSHA256 = hex.EncodeToString(h.Sum(nil))
	m := &g.Measurements
	m.PromptTokens += len(t.PromptIDs)
	m.OutputTokens += len(t.OutputIDs)
	m.PromptSeconds += promptTime.Seconds()
	m.GenerateSeconds += generateTime.Seconds()
}

// Restart notes that the next turn keeps the first n tokens of the sequence.
func (c *GenerationClaims) Restart(n int) {
	if len(c.Turns) > 0 {
		c.Turns = append(c.Turns, Turn{Keep: n})
	}
}

// TokenIDs returns the sequence that the turns have left in the model's memory.
func (c *GenerationClaims) TokenIDs() []int {
	var ids []int
	for _, t := range c.Turns {
		ids = append(ids[:min(t.Keep, len(ids))], t.PromptIDs...)
		ids = append(ids, t.OutputIDs...)
	}
	return ids
}

// PromptPerSecond returns the prompt's tokens a second.
func (m *GenerationMeasurements) PromptPerSecond() float64 {
	return perSecond(m.PromptTokens, m.PromptSeconds)
}

// OutputPerSecond returns the generated tokens a second.
func (m *GenerationMeasurements) OutputPerSecond() float64 {
	return perSecond(m.OutputTokens, m.GenerateSeconds)
}

func perSecond(n int, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}
