package receipt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// GenerationClaims say what a generated text is: with the model they are enough to make
// it again, bit for bit.
type GenerationClaims struct {
	Operation string     `json:"operation"` // OpGenerate
	Model     ModelClaim `json:"model"`
	Context   int        `json:"context"`
	CacheType string     `json:"cache_type"`
	// Canon is the arithmetic of lattice matrices, "int8" or "f32"; "" if the model has none.
	Canon string `json:"canon,omitempty"`
	// CanonVersion says how the forward pass was computed, to the last bit: the program's
	// transformer.CanonVersion. Receipts of version 1 do not have it.
	CanonVersion int      `json:"canon_version,omitempty"`
	Verify       string   `json:"verify,omitempty"` // "off" or "sampled": blocks were used unchecked
	Sampling     Sampling `json:"sampling"`
	// Adjustment is what was done to logits before; nil for nothing.
	Adjustment *Adjustment `json:"adjustment,omitempty"`
	N          int         `json:"n"` // tokens of a turn at most
	StopIDs    []int       `json:"stop_ids"`
	StopTexts  []string    `json:"stop_texts,omitempty"` // end a text too
	ShowIDs    []int       `json:"show_ids,omitempty"`   // special tokens that are written in the texts
	Private    bool        `json:"private"`              // ids and the source of a form are left out, their hashes are here
	// TemplateTime is what a chat template that asks for the time was told, in RFC 3339.
	TemplateTime string `json:"template_time,omitempty"`
	Turns        []Turn `json:"turns"`
	// TokensSHA256 is over all ids of all turns, in order, as little-endian u32.
	TokensSHA256 string `json:"tokens_sha256"`
}

// ModelClaim says which model it was: see record.Fingerprint.
type ModelClaim struct {
	RootSHA256 string `json:"root_sha256"`
	// ContentSHA256 is of a model directory's files as they were, which the root, taken
	// from its manifest, only promises: see model.Model.Content.
	ContentSHA256   string `json:"content_sha256,omitempty"`
	TokenizerSHA256 string `json:"tokenizer_sha256,omitempty"`
	Architecture    string `json:"architecture"`
}

// Sampling says how tokens were drawn: see generate.Options.
type Sampling struct {
	Temperature   float32 `json:"temperature"`
	TopK          int     `json:"top_k"`
	TopP          float32 `json:"top_p"`
	MinP          float32 `json:"min_p"`
	RepeatPenalty float32 `json:"repeat_penalty"`
	RepeatLast    int     `json:"repeat_last"`
	Seed          uint64  `json:"seed"`
}

// Turn is a prompt, as far as the model read it, and what the model made of it. Keep
// is how many tokens of the turns before it stayed in the model's memory.
type Turn struct {
	Keep         int    `json:"keep"`
	PromptIDs    []int  `json:"prompt_ids,omitzero"`
	PromptSHA256 string `json:"prompt_sha256"`
	OutputIDs    []int  `json:"output_ids,omitzero"`
	OutputSHA256 string `json:"output_sha256"`
	TextSHA256   string `json:"text_sha256"` // of the output's UTF-8
	// LogitsSHA256 are of the logits, as little-endian float32, that each token was
	// drawn from: one more than OutputIDs where the last was a stop token.
	LogitsSHA256 []string `json:"logits_sha256"`
	Stop         string   `json:"stop"` // "stop", "length", "context", "cancelled" or "error"
}

// GenerationDetail says how fast it went.
type GenerationDetail struct {
	PromptTokens    int     `json:"prompt_tokens"`
	PromptSeconds   float64 `json:"prompt_s"`
	OutputTokens    int     `json:"output_tokens"`
	GenerateSeconds float64 `json:"generate_s"`
}

// Generation makes the receipt of a generated text, turn by turn.
type Generation struct {
	*Recorder
	Claims GenerationClaims
	Speed  GenerationDetail
}

// NewGeneration starts the receipt of a run.
func NewGeneration(now time.Time) *Generation {
	return &Generation{
		Recorder: NewRecorder(now),
		Claims:   GenerationClaims{Operation: OpGenerate, StopIDs: []int{}, Turns: []Turn{}, TokensSHA256: HashIDs(nil)},
	}
}

// AddTurn records a turn with its text, which takes its Keep from the Restart before
// it; what its prompt and its output took; and what went wrong, if something did. It
// copies the ids and sets the hashes but LogitsSHA256.
func (g *Generation) AddTurn(t Turn, text string, promptTime, generateTime time.Duration, failure error) {
	c := &g.Claims
	if n := len(c.Turns); n > 0 && c.Turns[n-1].Stop == "" { // begun by Restart
		t.Keep = c.Turns[n-1].Keep
		c.Turns = c.Turns[:n-1]
	}
	t.PromptIDs, t.OutputIDs = append([]int{}, t.PromptIDs...), append([]int{}, t.OutputIDs...)
	t.LogitsSHA256 = append([]string{}, t.LogitsSHA256...)
	t.PromptSHA256, t.OutputSHA256, t.TextSHA256 = HashIDs(t.PromptIDs), HashIDs(t.OutputIDs), sum([]byte(text))
	c.Turns = append(c.Turns, t)
	var all [][]int
	for _, t := range c.Turns {
		all = append(all, t.PromptIDs, t.OutputIDs)
	}
	c.TokensSHA256 = HashIDs(all...)

	o := Operation{
		Name: OpGenerate, TimingMS: Milliseconds(promptTime + generateTime),
		Proof: Proof{t.PromptSHA256, t.OutputSHA256}, Elements: int64(len(t.OutputIDs)),
	}
	if failure != nil {
		message := failure.Error()
		o.Error = &message
	} else if t.Stop == "cancelled" {
		o.Warnings = []string{"interrupted"}
	}
	g.Add(o)
	s := &g.Speed
	s.PromptTokens += len(t.PromptIDs)
	s.OutputTokens += len(t.OutputIDs)
	s.PromptSeconds += promptTime.Seconds()
	s.GenerateSeconds += generateTime.Seconds()
}

// Receipt makes the receipt of the turns so far. Where the claims are private it leaves
// the ids out, and the paths, which may have names in them.
func (g *Generation) Receipt(now time.Time) (*Execution, error) {
	claims := g.Claims
	if claims.Private {
		g.Measurements.Paths = nil
		claims.Adjustment = claims.Adjustment.private()
		claims.Turns = append([]Turn{}, claims.Turns...)
		for i := range claims.Turns {
			claims.Turns[i].PromptIDs, claims.Turns[i].OutputIDs = nil, nil
		}
	}
	g.Detail = g.Speed
	return g.Recorder.Receipt(claims, now)
}

// Restart notes that the next turn keeps the first n tokens of the sequence.
func (c *GenerationClaims) Restart(n int) {
	if len(c.Turns) > 0 {
		c.Turns = append(c.Turns, Turn{Keep: n})
	}
}

// Continue notes that the next turn's sequence is ids, and returns how many of them, not all,
// are what the turns before have left in the model's memory. The last token that they made
// does not count: the model has not read it, unless one came after it that ended the text.
func (c *GenerationClaims) Continue(ids []int) (keep int) {
	before := c.TokenIDs()
	for keep < len(before)-1 && keep < len(ids)-1 && before[keep] == ids[keep] {
		keep++
	}
	c.Restart(keep)
	return keep
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

// HashIDs returns the SHA-256, in hex, of token ids as little-endian u32.
func HashIDs(lists ...[]int) string {
	h := sha256.New()
	for _, ids := range lists {
		for _, id := range ids {
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], uint32(id))
			h.Write(b[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// PromptPerSecond returns the prompt's tokens a second.
func (d *GenerationDetail) PromptPerSecond() float64 {
	return perSecond(d.PromptTokens, d.PromptSeconds)
}

// OutputPerSecond returns the generated tokens a second.
func (d *GenerationDetail) OutputPerSecond() float64 {
	return perSecond(d.OutputTokens, d.GenerateSeconds)
}

func perSecond(n int, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}
