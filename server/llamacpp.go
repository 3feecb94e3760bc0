package server

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/openai"
)

// Completions in the form of llama.cpp's server.
type (
	// llamaText is a completion, or a piece of one.
	llamaText struct {
		Index     int           `json:"index"`
		Content   string        `json:"content"`
		Tokens    []int         `json:"tokens"` // if they were asked for
		Slot      int           `json:"id_slot"`
		Stop      bool          `json:"stop"` // it is the last piece
		Evaluated int           `json:"tokens_evaluated"`
		Chances   []llamaChance `json:"completion_probabilities,omitempty"`
		*llamaEnd
	}
	// llamaEnd is what the last piece says besides.
	llamaEnd struct {
		Model     string          `json:"model"`
		Predicted int             `json:"tokens_predicted"`
		Cached    int             `json:"tokens_cached"`
		NewLine   bool            `json:"has_new_line"`
		Truncated bool            `json:"truncated"` // never
		StopType  string          `json:"stop_type"`
		StopWord  string          `json:"stopping_word"`
		Settings  llamaSettings   `json:"generation_settings"`
		Timings   *openai.Timings `json:"timings"`
		Receipt   string          `json:"helix_receipt"`
	}
	llamaSettings struct {
		Predict          int      `json:"n_predict"` // -1: as many as the context has room for
		Seed             int64    `json:"seed"`
		Temperature      float32  `json:"temperature"`
		TopK             int      `json:"top_k"`
		TopP             float32  `json:"top_p"`
		MinP             float32  `json:"min_p"`
		RepeatPenalty    float32  `json:"repeat_penalty"`
		RepeatLast       int      `json:"repeat_last_n"`
		PresencePenalty  float32  `json:"presence_penalty"`
		FrequencyPenalty float32  `json:"frequency_penalty"`
		IgnoreEnd        bool     `json:"ignore_eos"`
		Stop             []string `json:"stop"`
		Probabilities    int      `json:"n_probs"`
		Stream           bool     `json:"stream"`
	}
	llamaChance struct {
		ID      int           `json:"id"`
		Token   string        `json:"token"`
		Bytes   []int         `json:"bytes"`
		LogProb float64       `json:"logprob"`
		Top     []llamaChance `json:"top_logprobs,omitempty"`
	}
)

// noSlot is the number of a slot, of which there are none: a text takes what place there is.
const noSlot = -1

// llamaCompletion answers requests for a completion in the form of llama.cpp's server.
func (s *Server) llamaCompletion(w http.ResponseWriter, r *http.Request) {
	body, m, refused := s.receiveFor(w, r, s.longest, s.library.Names()[0])
	if refused != nil {
		refuse(w, refused)
		return
	}
	defer body.done()
	q := s.ask(r, "prompt")
	busy := s.parsing(r.Context(), body, func(text []byte) {
		if q.Request, refused = openai.ParseLlama(text); refused == nil {
			q.Model = cmp.Or(q.Model, s.library.Names()[0])
			refused = q.prepare(r.Context(), m)
		}
	})
	body.done()
	if refused = cmp.Or(busy, refused); refused != nil {
		refuse(w, refused)
		return
	}
	defer q.release()
	s.llama(w, r.Context(), q)
}

// llama has a text made, and answers with it, or with its pieces as they come.
func (s *Server) llama(w http.ResponseWriter, ctx context.Context, q *asked) {
	out := &events{w: w, control: http.NewResponseController(w)}
	told := q.LogProbs                                    // chances are
	q.LogProbs = q.LogProbs || q.Stream && q.ReturnTokens // they come with the tokens
	var text strings.Builder
	var chances []llamaChance
	end, err := s.say(ctx, q, 0, func(e said) error {
		text.WriteString(e.Text)
		if !q.Stream {
			chances = append(chances, q.llamaChances(e.chances)...)
			return nil
		}
		p := &llamaText{Content: e.Text, Tokens: []int{}, Slot: noSlot, Evaluated: len(q.prompt)}
		for _, c := range e.chances {
			p.Tokens = append(p.Tokens, c.ID)
		}
		if told {
			p.Chances = q.llamaChances(e.chances)
		}
		return out.send(p)
	})
	w.Header().Set(ReceiptHeader, strings.Join(q.receipts, ",")) // streamed, in the trailer
	if out.failed(ctx, err, q.field, refuse, func(e *openai.Error) error { return out.send(openai.ErrorBody{Error: e}) }) {
		return
	}
	last := &llamaText{Tokens: []int{}, Slot: noSlot, Stop: true, Evaluated: len(q.prompt), llamaEnd: q.llamaEnd(end, text.String())}
	if q.Stream {
		out.send(last)
		return
	}
	if last.Content, last.Chances = text.String(), chances; q.ReturnTokens {
		last.Tokens = append(last.Tokens, end.OutputIDs...)
	}
	answer(w, http.StatusOK, last)
}

// llamaEnd is what is said of a text that has ended.
func (q *asked) llamaEnd(end *spoken, text string) *llamaEnd {
	e := &llamaEnd{
		Model: q.model.Name, Predicted: len(end.OutputIDs), Cached: len(q.prompt) + len(end.OutputIDs), NewLine: strings.Contains(text, "\n"),
		StopType: "limit", StopWord: end.StopText, Timings: end.timings(q), Receipt: q.receipts[0],
		Settings: llamaSettings{
			Predict: cmp.Or(q.MaxTokens, -1), Seed: q.Seed, Temperature: q.Temperature, TopK: q.TopK, TopP: q.TopP, MinP: q.MinP, RepeatPenalty: cmp.Or(q.RepeatPenalty, 1),
			RepeatLast: q.RepeatLast, PresencePenalty: q.PresencePenalty, FrequencyPenalty: q.FrequencyPenalty, IgnoreEnd: q.IgnoreEnd,
			Stop: append([]string{}, q.Stop...), Probabilities: q.TopLogProbs, Stream: q.Stream,
		},
	}
	switch {
	case end.StopText != "":
		e.StopType = "word"
	case end.Stop == generate.StopToken:
		e.StopType = "eos"
	}
	return e
}

// llamaChances are the chances of tokens, with their ids.
func (q *asked) llamaChances(list []generate.LogProb) []llamaChance {
	one := func(id int, logProb float64) llamaChance {
		c := llamaChance{ID: id, Token: q.model.batch.Tokenizer.Decode([]int{id}), LogProb: logProb, Bytes: []int{}}
		for _, b := range q.model.batch.Tokenizer.AppendBytes(nil, id) {
			c.Bytes = append(c.Bytes, int(b))
		}
		return c
	}
	var all []llamaChance
	for _, p := range list {
		c := one(p.ID, p.LogProb)
		for _, t := range p.Top {
			c.Top = append(c.Top, one(t.ID, t.LogProb))
		}
		all = append(all, c)
	}
	return all
}

// parts returns the ids of a prompt of texts and tokens; those that a text begins with come before a text that is first. Errors are those of generate.Prompts.Text.
func (m *Model) parts(ctx context.Context, parts []openai.Part) ([]int, error) {
	var ids []int
	for i, p := range parts {
		if p.IDs != nil {
			ids = append(ids, p.IDs...)
			continue
		}
		if err := m.prompts.Fits(p.Text); err != nil {
			return nil, err
		}
		text, err := generate.Encode(ctx, m.batch.Tokenizer, p.Text, i == 0)
		if err != nil {
			return nil, err
		}
		ids = append(ids, text...)
	}
	return ids, nil
}
