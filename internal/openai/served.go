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
		"min_p":          func(r *Request, v any) error { return setNumber(&r.MinP, v, 1) },
		"repeat_penalty": func(r *Request, v any) error { return setNumber(&r.RepeatPenalty, v, 100) },
	})
	maps.Copy(fields, own)
	return fields
}

// readFormat reads what form the answer is to have. It reads the body again: the members of a schema have an order.
func (r *Request) readFormat(body []byte) *Error {
	var in struct {
		Format *struct {
			Type   string `json:"type"`
			Schema *struct {
				Schema json.RawMessage `json:"schema"`
			} `json:"json_schema"`
		} `json:"response_format"`
		Grammar *string `json:"grammar"`
	}
	if err := decode(body, &in); err != nil {
		return err
	}
	if in.Grammar != nil {
		r.Grammar = *in.Grammar
	}
	if in.Format == nil {
		return nil
	}
	switch f := in.Format; {
	case f.Type == "text":
		return nil
	case r.Grammar != "":
		return Invalid("grammar", CodeInvalid, "grammar: it does not go with response_format")
	case f.Type == "json_object":
		r.AnyObject = true
	case f.Type != "json_schema":
		return Invalid("response_format", CodeUnsupported, "response_format: type %.40q is %v, only text, json_object and json_schema", f.Type, errUnsupported)
	case f.Schema == nil || len(f.Schema.Schema) == 0:
		return Invalid("response_format", CodeMissing, "response_format: json_schema.schema is missing")
	default:
		r.Schema = f.Schema.Schema
	}
	return nil
}

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
		if err := setBetween(&bias, list[name], -100, 100); err != nil {
			return fmt.Errorf("token %d: %w", id, err)
		}
		if r.LogitBias == nil {
			r.LogitBias = map[int]float32{}
		}
		r.LogitBias[id] = bias
	}
	return nil
}
