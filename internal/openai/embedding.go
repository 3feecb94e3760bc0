package openai

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// Embeddings is a request for vectors: of Texts, or of IDs.
type Embeddings struct {
	Model  string
	Texts  []string
	IDs    [][]int
	Base64 bool // how the vectors are written
	Length int  // of the vectors; 0: the model's
}

// Count returns how many texts there are.
func (e *Embeddings) Count() int { return len(e.Texts) + len(e.IDs) }

// EmbeddingList answers it, with vectors.
type EmbeddingList struct {
	Model string `json:"model"`
	Usage struct {
		Prompt int `json:"prompt_tokens"`
		Total  int `json:"total_tokens"`
	} `json:"usage"`
}

// Around returns the answer's text before the vectors, each an [Embedding] with a comma before the next, and behind them.
func (l *EmbeddingList) Around() (before, behind string, err error) {
	rest, err := json.Marshal(l)
	if err != nil {
		return "", "", fmt.Errorf("answer: %w", err)
	}
	return `{"object":"list","data":[`, "]," + string(rest[1:]), nil
}

// Embedding is a vector: a []float32, or those in base64.
type Embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"`
}

// maxInputs is how many texts one request may have, the API's own.
const maxInputs = 2048

// ParseEmbeddings reads the body of a request for embeddings.
func ParseEmbeddings(body []byte) (*Embeddings, *Error) {
	var in struct {
		Model      *string         `json:"model"`
		Input      json.RawMessage `json:"input"`
		Encoding   *string         `json:"encoding_format"`
		Dimensions *json.Number    `json:"dimensions"`
	}
	if err := strictjson.UnmarshalOpen(body, &in, errJSON); err != nil {
		return nil, Invalid("", "", "%v", err)
	}
	e := &Embeddings{}
	switch {
	case in.Model == nil || *in.Model == "":
		return nil, Invalid("model", CodeMissing, "model is missing")
	case in.Encoding != nil && *in.Encoding != "float" && *in.Encoding != "base64":
		return nil, Invalid("encoding_format", CodeInvalid, "encoding_format: %.20q is neither float nor base64", *in.Encoding)
	}
	e.Model = *in.Model
	if in.Dimensions != nil {
		if err := setCount(&e.Length, *in.Dimensions, 1, maxTokens); err != nil {
			return nil, inField("dimensions", err)
		}
	}
	e.Base64 = in.Encoding != nil && *in.Encoding == "base64"
	if err := e.setInput(in.Input); err != nil {
		return nil, inField("input", err)
	}
	return e, nil
}

// setInput reads a text, a list of texts, tokens, or a list of lists of tokens.
func (e *Embeddings) setInput(data json.RawMessage) error {
	var text string
	var ids []int
	switch {
	case len(data) == 0 || string(data) == "null":
		return errors.New("it is missing")
	case json.Unmarshal(data, &text) == nil:
		e.Texts = []string{text}
	case json.Unmarshal(data, &e.Texts) == nil:
	case json.Unmarshal(data, &ids) == nil:
		e.Texts, e.IDs = nil, [][]int{ids}
	case json.Unmarshal(data, &e.IDs) == nil:
		e.Texts = nil
	default:
		return errors.New("a text, a list of texts, or tokens are expected")
	}
	if n := e.Count(); n == 0 || n > maxInputs {
		return fmt.Errorf("%d texts found, 1 to %d expected", n, maxInputs)
	}
	return nil
}
