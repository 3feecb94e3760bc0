package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// servedFields are those of a server's requests: what a batch's have, and more.
var servedFields = map[Kind]map[string]field{
	ChatCompletions: served(fieldsOf[ChatCompletions], map[string]field{
		"logprobs":     func(r *Request, v any) error { return setBool(&r.LogProbs, v) },
		"top_logprobs": func(r *Request, v any) error { return setCount(&r.TopLogProbs, v, 0, maxTopLogProbs) },
		"messages":     setConversation,
		"tools":        harmless, // readTools reads these
		"tool_choice":  harmless,

		"reasoning_effort":     harmless,
		"chat_template_kwargs": harmless,
	}),
	Completions: served(fieldsOf[Completions], map[string]field{
		"logprobs": func(r *Request, v any) error {
			r.LogProbs = true
			return setCount(&r.TopLogProbs, v, 0, maxTopLogProbs)
		},
		"best_of": func(r *Request, v any) error { // more than are wanted would need a choice among them
			n := 0
			if err := setCount(&n, v, 1, maxChoices); err != nil || n == 1 {
				return err
			}
			return fmt.Errorf("%d is %w, only 1", n, errUnsupported)
		},
	}),
}

// Bounds of what one request may ask for, the API's own.
const (
	maxChoices     = 16 // the API's 128 would be as many texts at once
	maxTopLogProbs = 20
	maxRecent      = 1024
	maxServedStop  = 64 // the API's 4 are few for agents
	maxLogitBias   = 1024
)

// served adds the fields that all requests to a server have to others, and then own ones in their places.
func served(others, own map[string]field) map[string]field {
	fields := maps.Clone(others)
	maps.Copy(fields, map[string]field{
		"n":                 func(r *Request, v any) error { return setCount(&r.N, v, 1, maxChoices) },
		"stream":            func(r *Request, v any) error { return setBool(&r.Stream, v) },
		"stream_options":    setStreamOptions,
		"response_format":   harmless, // readFormat reads it, and the next
		"grammar":           harmless,
		"frequency_penalty": func(r *Request, v any) error { return setBetween(&r.FrequencyPenalty, v, -2, 2) },
		"presence_penalty":  func(r *Request, v any) error { return setBetween(&r.PresencePenalty, v, -2, 2) },
		"logit_bias":        setLogitBias,
		"top_k": func(r *Request, v any) error {
			if n, err := integer(v); err == nil && n == -1 { // which other servers take for all
				return nil
			}
			return setCount(&r.TopK, v, 0, maxTokens)
		},
		"min_p":                 func(r *Request, v any) error { return setNumber(&r.MinP, v, 1) },
		"repeat_penalty":        func(r *Request, v any) error { return setNumber(&r.RepeatPenalty, v, 100) },
		"repeat_last_n":         func(r *Request, v any) error { return setCount(&r.RepeatLast, v, -1, maxTokens) },
		"stop":                  func(r *Request, v any) error { return setStops(r, v, maxServedStop) },
		"max_tokens":            setMostTokens,
		"max_completion_tokens": setMostTokens,
		"n_predict":             setMostTokens,
		"ignore_eos":            func(r *Request, v any) error { return setBool(&r.IgnoreEnd, v) },
		"json_schema":           harmless, // readFormat reads it
	})
	maps.Copy(fields, neutral)
	maps.Copy(fields, own)
	return fields
}

// neutral are the ways to draw tokens that other servers have besides, with the values by which they do nothing, which clients send along. Others would change the
// answer.
var neutral = map[string]field{
	"mirostat":           only(json.Number("0")),
	"typical_p":          only(json.Number("1"), json.Number("0")),
	"tfs_z":              only(json.Number("1")),
	"top_a":              only(json.Number("0")),
	"top_n_sigma":        only(json.Number("-1"), json.Number("0")),
	"dynatemp_range":     only(json.Number("0")),
	"min_keep":           only(json.Number("0")),
	"adaptive_target":    only(json.Number("-1")),
	"xtc_probability":    only(json.Number("0")),
	"dry_multiplier":     only(json.Number("0")),
	"repetition_penalty": only(json.Number("1")), // of all tokens, not of recent ones
	"length_penalty":     only(json.Number("1")),
	"min_tokens":         only(json.Number("0")),
	"use_beam_search":    only(false),
	"stop_token_ids":     only([]any{}),

	"grammar_lazy":            only(false), // the form from the first token on, or none
	"reasoning_budget_tokens": only(json.Number("-1")),
}

// setMostTokens reads how many tokens there may be; below 0, as other servers have it, as many as the context has.
func setMostTokens(r *Request, v any) error {
	if n, err := integer(v); err == nil && n == -1 {
		v = json.Number(strconv.Itoa(maxTokens))
	}
	return setMaxTokens(r, v)
}

// checkRecent refuses what is not done of repetitions, unless they do not matter: that they count of all tokens, or of none.
func (r *Request) checkRecent() *Error {
	switch {
	case r.RepeatPenalty == 0 || r.RepeatPenalty == 1:
		r.RepeatLast = 0
	case r.RepeatLast < 0 || r.RepeatLast > maxRecent:
		return Invalid("repeat_last_n", CodeInvalid, "repeat_last_n: a number in 1..%d expected", maxRecent)
	}
	return nil
}

// readFormat reads what form the answer is to have. It reads the body again: the members of a schema have an order.
func (r *Request) readFormat(body []byte) *Error {
	var in struct {
		Format *struct {
			Type   string `json:"type"`
			Schema *struct {
				Schema json.RawMessage `json:"schema"`
			} `json:"json_schema"`
			Plain json.RawMessage `json:"schema"` // as llama.cpp's server has it
		} `json:"response_format"`
		Grammar *string         `json:"grammar"`
		Schema  json.RawMessage `json:"json_schema"` // likewise
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	if in.Grammar != nil {
		r.Grammar = *in.Grammar
	}
	if schema := in.Schema; isSet(schema) {
		if r.Grammar != "" || in.Format != nil && in.Format.Type != "text" {
			return Invalid("json_schema", CodeInvalid, "json_schema: it does not go with grammar and response_format")
		}
		r.Schema = schema
		return nil
	}
	if in.Format == nil {
		return nil
	}
	f := in.Format
	schema := f.Plain
	if f.Type == "json_schema" && f.Schema != nil {
		schema = f.Schema.Schema
	}
	switch {
	case f.Type == "text":
	case r.Grammar != "":
		return Invalid("grammar", CodeInvalid, "grammar: it does not go with response_format")
	case f.Type != "json_object" && f.Type != "json_schema":
		return Invalid("response_format", CodeUnsupported, "response_format: type %.40q is %v, only text, json_object and json_schema", f.Type, errUnsupported)
	case isSet(schema):
		r.Schema = schema
	case f.Type == "json_object":
		r.AnyObject = true
	default:
		return Invalid("response_format", CodeMissing, "response_format: json_schema.schema is missing")
	}
	return nil
}

// isSet tells a value from null and nothing.
func isSet(value json.RawMessage) bool { return len(value) > 0 && string(value) != "null" }

func setBool(to *bool, v any) error {
	b, ok := v.(bool)
	if !ok {
		return fmt.Errorf("%s found, true or false expected", short(v))
	}
	*to = b
	return nil
}

func setCount(to *int, v any, least, most int64) error {
	n, err := integer(v)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%s found, a number in %d..%d expected", short(v), least, most)
	}
	*to = int(n)
	return nil
}

func setBetween(to *float32, v any, least, most float64) error {
	n, ok := v.(json.Number)
	f, err := strconv.ParseFloat(string(n), 32)
	if !ok || err != nil || !(f >= least && f <= most) {
		return fmt.Errorf("%s found, a number in %v..%v expected", short(v), least, most)
	}
	*to = float32(f)
	return nil
}

func setStreamOptions(r *Request, v any) error {
	o, ok := v.(map[string]any)
	if !ok {
		return errors.New("an object is expected")
	}
	if usage := o["include_usage"]; usage != nil {
		return setBool(&r.IncludeUsage, usage)
	}
	return nil
}

// Excluded is the least bias: the token does not come.
const Excluded = -100

// setLogitBias reads what is added to the logits of tokens; -100 excludes one.
func setLogitBias(r *Request, v any) error {
	list, ok := v.(map[string]any)
	if !ok || len(list) > maxLogitBias {
		return fmt.Errorf("an object of at most %d tokens is expected", maxLogitBias)
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		id, err := strconv.Atoi(name)
		if err != nil || id < 0 || id > maxTokens {
			return fmt.Errorf("%.20q is no token", name)
		}
		var bias float32
		if err := setBetween(&bias, list[name], Excluded, -Excluded); err != nil {
			return fmt.Errorf("token %d: %w", id, err)
		}
		if r.LogitBias == nil {
			r.LogitBias = map[int]float32{}
		}
		r.LogitBias[id] = bias
	}
	return nil
}
