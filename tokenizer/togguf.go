package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// preTokenizers are the names that ToGGUF tries for a byte-level BPE, the common ones
// first.
var preTokenizers = []string{"gpt-2", "llama-bpe", "qwen2", "smollm", "tekken", "gpt-4o", "deepseek-v3", "deepseek-llm", "dbrx", "default"}

// probes are texts on which a translated vocabulary must cut as the original does:
// words, contractions, digits, runs of white space, punctuation, code and scripts.
var probes = []string{
	"", " ", "Hello world", "Once upon a time, there was a little girl named Lily. She didn't know what they'd seen!",
	"I've 3 apples, 12 pears and 1234567 plums; 99.95% of 10,000.", "  two  spaces\n\nlines\r\n\tand tabs\t\t end  ",
	"for (int i = 0; i < n; i++) { x[i] += f(a, b)->c; } // ok?", "naïve café, Ünïcödé — “quotes” … 5×3=15 €20",
	"Привет, мир! 你好，世界。こんにちは 한국어 مرحبا עולם नमस्ते", "emoji 🙂👩‍👩‍👧 and \u0301combining", "CamelCaseWord snake_case_word UPPER's WE'LL",
	"a", "\n", "   \n   x", "http://example.org/a?b=c&d=e#f", "!!! ??? ... --- ***",
}

// ToGGUF translates the contents of tokenizer.json and, unless it is nil, of
// tokenizer_config.json for a GGUF file. The result is tried on a set of texts: what
// does not encode them as the original does is ErrUnsupported, as are models that GGUF
// does not know. Other errors are those of Parse.
func ToGGUF(tokenizerJSON, config []byte) (*GGUFVocabulary, error) {
	original, err := Parse(tokenizerJSON, config)
	if err != nil {
		return nil, err
	}
	var file struct {
		Added []addedTokenJSON `json:"added_tokens"`
		Model struct {
			Type         string          `json:"type"`
			Unknown      *string         `json:"unk_token"`
			ByteFallback bool            `json:"byte_fallback"`
			Merges       json.RawMessage `json:"merges"`
		} `json:"model"`
	}
	if err := json.Unmarshal(tokenizerJSON, &file); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	merges, err := mergeList(file.Model.Merges)
	if err != nil {
		return nil, err
	}
	if file.Model.Type != "" && file.Model.Type != "BPE" {
		return nil, fmt.Errorf("%w: model %q in a GGUF file", ErrUnsupported, file.Model.Type)
	}
	v := &GGUFVocabulary{Tokens: make([]string, original.VocabSize()), Types: make([]TokenType, original.VocabSize()), ChatTemplate: original.ChatTemplate()}
	for id := range v.Tokens {
		token, ok := original.token(id)
		v.Tokens[id], v.Types[id] = token, NormalToken
		if !ok {
			v.Tokens[id], v.Types[id] = fmt.Sprintf("[PAD%d]", id), UnusedToken
		}
	}
	for _, a := range file.Added {
		if id, ok := original.ID(a.Content); ok {
			if v.Types[id] = UserDefinedToken; a.Special {
				v.Types[id] = ControlToken
			}
		}
	}
	v.ends(original)
	candidates := []string{""}
	if file.Model.ByteFallback {
		v.sentencePiece(merges, file.Model.Unknown, original)
	} else {
		v.Model, candidates = "gpt2", preTokenizers
		for _, m := range merges {
			v.Merges = append(v.Merges, m[0]+" "+m[1])
		}
	}
	for _, prefix := range []bool{true, false} {
		if v.Model == "llama" {
			v.AddSpacePrefix = &prefix
		}
		for _, v.Pre = range candidates {
			if v.encodesAs(original) {
				return v, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: no pre-tokenizer of GGUF cuts texts as this one does", ErrUnsupported)
}

// ends copies the tokens around a text and those that end it.
func (v *GGUFVocabulary) ends(original *Tokenizer) {
	if id, ok := original.BOS(); ok {
		v.BOS = &id
	}
	if ids := original.EOS(); len(ids) > 0 {
		v.EOS = &ids[0]
		if len(ids) > 1 {
			v.EOT = &ids[1]
		}
	}
	around := original.Encode("", true)
	before := v.BOS != nil && len(around) > 0 && around[0] == *v.BOS
	after := v.EOS != nil && len(around) > 0 && around[len(around)-1] == *v.EOS && (!before || len(around) > 1)
	v.AddBOS, v.AddEOS = &before, &after
}

// sentencePiece sets what a vocabulary with byte tokens needs: pairs are merged by
// falling score, so scores follow the order of merges.
func (v *GGUFVocabulary) sentencePiece(merges [][2]string, unknown *string, original *Tokenizer) {
	v.Model = "llama"
	rank := make(map[string]int, len(merges))
	for i, m := range merges {
		if _, ok := rank[m[0]+m[1]]; !ok {
			rank[m[0]+m[1]] = i + 1
		}
	}
	v.Scores = make([]float32, len(v.Tokens))
	for id, token := range v.Tokens {
		if r, ok := rank[token]; ok {
			v.Scores[id] = -float32(r)
		} else if v.Scores[id] = -float32(len(merges) + 1 + id); v.Types[id] != NormalToken {
			v.Scores[id] = 0
		}
		var b byte
		if n, err := fmt.Sscanf(token, "<0x%02X>", &b); err == nil && n == 1 && len(token) == 6 {
			v.Types[id], v.Scores[id] = ByteToken, 0
		}
	}
	if unknown != nil {
		if id, ok := original.ID(*unknown); ok {
			v.Unknown, v.Types[id] = &id, UnknownToken
		}
	}
}

// encodesAs tries the vocabulary.
func (v *GGUFVocabulary) encodesAs(original *Tokenizer) bool {
	t, err := FromGGUF(*v)
	if err != nil {
		return false
	}
	for _, text := range probes {
		if !slices.Equal(v.known(t.Encode(text, true)), v.known(original.Encode(text, true))) {
			return false
		}
	}
	return true
}

// known makes one of unknown tokens in a row, which only some vocabularies fuse.
func (v *GGUFVocabulary) known(ids []int) []int {
	return slices.CompactFunc(ids, func(a, b int) bool { return v.Unknown != nil && a == b && a == *v.Unknown })
}

// mergeList reads merges in both spellings: "a b" and ["a", "b"].
func mergeList(text json.RawMessage) ([][2]string, error) {
	if text == nil {
		return nil, nil
	}
	var pairs [][2]string
	if json.Unmarshal(text, &pairs) == nil {
		return pairs, nil
	}
	var lines []string
	if err := json.Unmarshal(text, &lines); err != nil {
		return nil, fmt.Errorf("%w: merges: %v", ErrFormat, err)
	}
	pairs = pairs[:0]
	for i, line := range lines {
		left, right, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("%w: merge %d, %q, is not two tokens", ErrFormat, i, line)
		}
		pairs = append(pairs, [2]string{left, right})
	}
	return pairs, nil
}
