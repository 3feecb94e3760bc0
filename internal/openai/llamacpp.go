package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// LlamaCompletions is the request for a completion in the form of llama.cpp's server: what has no limit there has none here, tokens are drawn as
// there where nothing is said, and the model need not be named.
const LlamaCompletions Kind = "/completion"

// Part is a part of a prompt: a text, or tokens.
type Part struct {
	Text string
	IDs  []int // nil: it is a text
}

// How llama.cpp's server draws tokens where a request does not say.
const (
	llamaTemperature = 0.8
	llamaTopK        = 40
	llamaTopP        = 0.95
	llamaMinP        = 0.05
)

// llamaRandom is the seed that llama.cpp takes for one by chance, as it does -1.
const llamaRandom = 1<<32 - 1

// llamaFields are those of LlamaCompletions. What it lacks of a server's other fields is passed over.
var llamaFields = served(with(map[string]field{}), map[string]field{
	"prompt":  setParts,
	"n_probs": setProbabilities,
	"seed": func(r *Request, v any) error {
		if n, err := integer(v); err == nil && (n == -1 || n == llamaRandom) {
			return nil
		}
		return setSeed(r, v)
	},
	"top_k": func(r *Request, v any) error {
		if n, err := integer(v); err == nil && n <= 0 {
			r.TopK = 0
			return nil
		}
		return setCount(&r.TopK, v, 0, maxTokens)
	},
	"logit_bias":    setBiases,
	"return_tokens": func(r *Request, v any) error { return setBool(&r.ReturnTokens, v) },

	"n":                   only(json.Number("1")),
	"n_cmpl":              only(json.Number("1")),
	"echo":                only(false),
	"logprobs":            only(), // its name is n_probs
	"samplers":            only(),
	"post_sampling_probs": only(false),
	"response_fields":     only([]any{}),
	"t_max_predict_ms":    only(json.Number("0"), json.Number("-1")),
	"n_indent":            only(json.Number("0")),
	"lora":                only([]any{}),
	"image_data":          only([]any{}),
})

// ParseLlama reads the body of a LlamaCompletions; Model is empty where it names none.
func ParseLlama(body []byte) (*Request, *Error) {
	r := &Request{Kind: LlamaCompletions, Temperature: llamaTemperature, TopK: llamaTopK, TopP: llamaTopP, MinP: llamaMinP, N: 1}
	err := r.read(body, llamaFields, passOver(llamaFields))
	if err == nil {
		err = r.readFormat(body)
	}
	if err == nil {
		err = r.checkRecent()
	}
	if err == nil && r.Parts == nil {
		err = Invalid("prompt", CodeMissing, "prompt is missing, or empty")
	}
	return r, err
}

// setProbabilities reads of how many tokens chances are told; with 0 of none.
func setProbabilities(r *Request, v any) error {
	if err := setCount(&r.TopLogProbs, v, 0, maxTopLogProbs); err != nil {
		return err
	}
	r.LogProbs = r.TopLogProbs > 0
	return nil
}

// setParts reads a prompt: a text, an object that has one, a list of tokens and of texts among them, or a list of one of these.
func setParts(r *Request, v any) error {
	list, ok := v.([]any)
	if !ok {
		text, err := promptText(v)
		if err == nil && text != "" {
			r.Parts = []Part{{Text: text}}
		}
		return err
	}
	if len(list) == 1 {
		if _, number := list[0].(json.Number); !number {
			return setParts(r, list[0])
		}
	}
	numbers := 0
	for _, item := range list {
		if number, ok := item.(json.Number); ok {
			id, err := integer(number)
			if err != nil || id < 0 || id > maxTokens {
				return fmt.Errorf("%s found, a token expected", short(item))
			}
			if n := len(r.Parts); n == 0 || r.Parts[n-1].IDs == nil {
				r.Parts = append(r.Parts, Part{})
			}
			last := &r.Parts[len(r.Parts)-1]
			last.IDs = append(last.IDs, int(id))
			numbers++
			continue
		}
		text, ok := item.(string)
		if !ok {
			return fmt.Errorf("several prompts in one request are %w", errUnsupported)
		}
		r.Parts = append(r.Parts, Part{Text: text})
	}
	if numbers == 0 && len(list) > 0 {
		return fmt.Errorf("several prompts in one request are %w", errUnsupported)
	}
	return nil
}

// promptText is a prompt that is a text.
func promptText(v any) (string, error) {
	if o, ok := v.(map[string]any); ok {
		if media, _ := o["multimodal_data"].([]any); o["multimodal_data"] != nil && (media == nil || len(media) > 0) {
			return "", fmt.Errorf("multimodal_data is %w", errUnsupported)
		}
		v = o["prompt_string"]
	}
	text, ok := v.(string)
	if !ok {
		return "", errors.New("a text, or a list of tokens and texts, is expected")
	}
	return text, nil
}

// setBiases reads what is added to the logits of tokens, as an object or as a list of pairs, where false excludes a token.
func setBiases(r *Request, v any) error {
	list, ok := v.([]any)
	if !ok {
		return setLogitBias(r, v)
	}
	object := map[string]any{}
	for _, item := range list {
		pair, _ := item.([]any)
		if len(pair) != 2 {
			return fmt.Errorf("%s found, a token and its bias expected", short(item))
		}
		id, err := integer(pair[0])
		if err != nil {
			return fmt.Errorf("%s is no token: biases of texts are %w", short(pair[0]), errUnsupported)
		}
		name, bias := strconv.FormatInt(id, 10), pair[1]
		if _, twice := object[name]; twice {
			return fmt.Errorf("token %d has two biases", id)
		}
		if bias == false {
			bias = json.Number(strconv.Itoa(Excluded))
		}
		object[name] = bias
	}
	return setLogitBias(r, object)
}
