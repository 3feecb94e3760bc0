package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
)

// field is what becomes of a field of a request. Its value is not null.
type field func(r *Request, v any) error

// errUnsupported reports a value that would change the result.
var errUnsupported = errors.New("not supported")

// fieldsOf are the fields of requests in a batch.
var fieldsOf = map[Kind]map[string]field{
	ChatCompletions: with(map[string]field{
		"messages":              setMessages,
		"max_completion_tokens": setMaxTokens,
		"logprobs":              only(false),
		"top_logprobs":          only(json.Number("0")),
		"tools":                 only([]any{}),
		"functions":             only([]any{}),
		"tool_choice":           only("none", "auto"),
		"function_call":         only("none", "auto"),
		"response_format":       only(map[string]any{"type": "text"}),
		"modalities":            only([]any{"text"}),
		"parallel_tool_calls":   harmless,
		"audio":                 only(),
		"prediction":            only(),
		"reasoning_effort":      only(),
		"verbosity":             only(),
		"web_search_options":    only(),
	}),
	Completions: with(map[string]field{
		"prompt":   setPrompt,
		"best_of":  only(json.Number("1")),
		"echo":     only(false),
		"suffix":   only(""),
		"logprobs": only(),
	}),
}

// with adds the fields that all requests have.
func with(fields map[string]field) map[string]field {
	maps.Copy(fields, map[string]field{
		"model":                  setModel,
		"max_tokens":             setMaxTokens,
		"temperature":            func(r *Request, v any) error { return setNumber(&r.Temperature, v, 2) },
		"top_p":                  func(r *Request, v any) error { return setNumber(&r.TopP, v, 1) },
		"seed":                   setSeed,
		"stop":                   setStop,
		"n":                      only(json.Number("1")),
		"stream":                 only(false),
		"stream_options":         only(),
		"frequency_penalty":      only(json.Number("0")),
		"presence_penalty":       only(json.Number("0")),
		"logit_bias":             only(map[string]any{}),
		"user":                   harmless,
		"metadata":               harmless,
		"store":                  harmless,
		"service_tier":           harmless,
		"safety_identifier":      harmless,
		"prompt_cache_key":       harmless,
		"prompt_cache_retention": harmless,
	})
	return fields
}

// harmless is a field that changes nothing here.
func harmless(*Request, any) error { return nil }

// only accepts values that ask for what is done anyway; a number in whatever spelling, such as Python's 1.0.
func only(values ...any) field {
	return func(_ *Request, v any) error {
		for _, allowed := range values {
			if reflect.DeepEqual(v, allowed) || sameNumber(v, allowed) {
				return nil
			}
		}
		if len(values) == 0 {
			return errUnsupported
		}
		return fmt.Errorf("%s is %w, only %s", short(v), errUnsupported, short(values[0]))
	}
}

// sameNumber tells whether two values are numbers, and the same.
func sameNumber(a, b any) bool {
	m, _ := a.(json.Number)
	n, _ := b.(json.Number)
	x, err := m.Float64()
	y, wrong := n.Float64()
	return err == nil && wrong == nil && x == y
}

func setModel(r *Request, v any) error {
	var ok bool
	if r.Model, ok = v.(string); !ok {
		return errors.New("a string is expected")
	}
	return nil
}

// maxTokens bounds what is asked for; no model has a longer context.
const maxTokens = 1 << 28

func setMaxTokens(r *Request, v any) error {
	n, err := integer(v)
	if err != nil || n < 1 || n > maxTokens {
		return fmt.Errorf("%s found, a number in 1..%d expected", short(v), maxTokens)
	}
	if r.MaxTokens != 0 && r.MaxTokens != int(n) {
		return fmt.Errorf("max_tokens and max_completion_tokens differ: %d and %d", r.MaxTokens, n)
	}
	r.MaxTokens = int(n)
	return nil
}

// setNumber reads a number in 0..most.
func setNumber(to *float32, v any, most float64) error {
	n, ok := v.(json.Number)
	f, err := strconv.ParseFloat(string(n), 32)
	if !ok || err != nil || !(f >= 0 && f <= most) {
		return fmt.Errorf("%s found, a number in 0..%v expected", short(v), most)
	}
	*to = float32(f)
	return nil
}

func setSeed(r *Request, v any) (err error) {
	if r.Seed, err = integer(v); err != nil {
		return fmt.Errorf("%s found, an integer of 64 bits expected", short(v))
	}
	r.Seeded = true
	return nil
}

func integer(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, errors.New("a number is expected")
	}
	return strconv.ParseInt(string(n), 10, 64)
}

// maxStop is how many texts may end an answer.
const maxStop = 4

func setStop(r *Request, v any) error { return setStops(r, v, maxStop) }

func setStops(r *Request, v any, most int) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) > most {
		return fmt.Errorf("%d texts found, at most %d expected", len(list), most)
	}
	for _, item := range list {
		s, ok := item.(string)
		if !ok || s == "" {
			return fmt.Errorf("%s found, a text that is not empty expected", short(item))
		}
		r.Stop = append(r.Stop, s)
	}
	return nil
}

// setPrompt reads a prompt: a text, the tokens of one, or a list of one of these.
func setPrompt(r *Request, v any) error {
	list, ok := v.([]any)
	if ok && len(list) == 1 {
		if _, number := list[0].(json.Number); !number {
			v = list[0]
			list, ok = v.([]any)
		}
	}
	if !ok {
		if r.Prompt, ok = v.(string); !ok {
			return fmt.Errorf("%s found, a text or a list of tokens expected", short(v))
		}
		return nil
	}
	ids := make([]int, len(list))
	for i, item := range list {
		if _, text := item.(string); text {
			return fmt.Errorf("several texts in one request are %w", errUnsupported)
		}
		n, err := integer(item)
		if err != nil || n < 0 || n > maxTokens {
			return fmt.Errorf("%s found, a token expected", short(item))
		}
		ids[i] = int(n)
	}
	if len(ids) > 0 {
		r.PromptIDs = ids
	}
	return nil
}
