package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// GGUFVocabulary is the tokenizer in a GGUF file's metadata (tokenizer.ggml.*). FromGGUF keeps none of its slices.
type GGUFVocabulary struct {
	Name   string      // general.name, by which llama.cpp knows Phi-3, whose special tokens take the white space after them
	Model  string      // tokenizer.ggml.model: "llama" (SentencePiece's BPE) or "gpt2" (byte-level BPE)
	Pre    string      // tokenizer.ggml.pre, for "gpt2": the name of the pre-tokenizer; "" is "default"
	Tokens []string    // by id
	Scores []float32   // by id, for "llama"; nil: all 0
	Types  []TokenType // by id; nil: all NormalToken
	Merges []string    // "left right" by rank, for "gpt2"

	BOS, EOS, EOT, EOM, Unknown     *int // ids; nil: not in the file
	Separator, Padding, Class, Mask *int // the same; ids that are no tokens are ignored

	AddBOS, AddEOS *bool // nil: as llama.cpp for this model
	AddSpacePrefix *bool // nil: true for "llama"; not for "gpt2"

	ChatTemplate   string
	NamedTemplates map[string]string // tokenizer.chat_template.NAME
}

// TokenType is tokenizer.ggml.token_type.
type TokenType int32

// The types that GGUF knows.
const (
	NormalToken      TokenType = 1
	UnknownToken     TokenType = 2 // stands for what the vocabulary lacks
	ControlToken     TokenType = 3 // special: <s>, <|im_end|>
	UserDefinedToken TokenType = 4 // found in the text before the model sees it
	UnusedToken      TokenType = 5
	ByteToken        TokenType = 6 // <0x0A>
)

// FromGGUF returns the tokenizer of a GGUF file, which works as llama.cpp's with special tokens parsed. Only for the pre-tokenizers
// "tekken" and "gpt-4o" it takes the models' own patterns where llama.cpp has approximations. Errors wrap ErrFormat, ErrUnsupported
// (naming the model or pre-tokenizer) or ErrVocabulary, or are memory.ErrLimit where the process has no room for it.
func FromGGUF(meta GGUFVocabulary) (*Tokenizer, error) {
	n := len(meta.Tokens)
	if n == 0 || n > maxID {
		return nil, fmt.Errorf("%w: GGUF vocabulary of %d tokens", ErrVocabulary, n)
	}
	if meta.Types != nil && len(meta.Types) != n || meta.Scores != nil && len(meta.Scores) != n {
		return nil, fmt.Errorf("%w: GGUF vocabulary of %d tokens, %d types and %d scores", ErrVocabulary, n, len(meta.Types), len(meta.Scores))
	}
	for _, id := range []*int{meta.BOS, meta.EOS, meta.EOT, meta.EOM, meta.Unknown} {
		if id != nil && (*id < 0 || *id >= n) {
			return nil, fmt.Errorf("%w: special token %d of %d", ErrVocabulary, *id, n)
		}
	}
	if err := fits(n); err != nil {
		return nil, err
	}
	v := vocabulary{make(map[string]int32, n), slices.Clone(meta.Tokens), n}
	for id, token := range v.tokens {
		if token == "" {
			token = fmt.Sprintf("[EMPTY_%d]", id)
			v.tokens[id] = token
		}
		v.ids[token] = int32(id)
	}
	t := &Tokenizer{bos: -1, chatTemplate: meta.ChatTemplate}
	addBOS := false
	switch meta.Model {
	case "llama":
		scores := meta.Scores
		if scores == nil {
			scores = make([]float32, n)
		}
		unknown := int32(-1)
		if meta.Unknown != nil {
			unknown = int32(*meta.Unknown)
		}
		m, err := newSPM(v, scores, unknown)
		if err != nil {
			return nil, err
		}
		t.model = m
		t.normalizer = replace{literal(" "), "▁"}
		t.decoders = []decoderStep{replaceDecoder{literal("▁"), " "}, byteFallbackDecoder{}, fuseDecoder{}}
		if t.spacePrefix = meta.AddSpacePrefix == nil || *meta.AddSpacePrefix; t.spacePrefix {
			t.decoders = append(t.decoders, fused(stripDecoder{' ', 1, 0}))
		}
		addBOS = true
	case "gpt2":
		pre, err := ggufPreTokenizer(meta.Pre)
		if err != nil {
			return nil, err
		}
		m, err := ggufBPE(v, meta.Merges)
		if err != nil {
			return nil, err
		}
		m.wholeFirst = pre.wholeFirst
		m.findSeams()
		t.model = m
		if t.pretokenizers, err = pre.steps(); err != nil {
			return nil, err
		}
		t.decoders = []decoderStep{byteLevelDecoder{}}
		addBOS = pre.addBOS
	default:
		return nil, fmt.Errorf("%w: GGUF tokenizer model %q (known: llama, gpt2)", ErrUnsupported, meta.Model)
	}

	var added []addedToken
	for id, kind := range meta.Types {
		switch kind {
		case ControlToken, UnknownToken:
			added = append(added, addedToken{content: v.tokens[id], special: true})
		case UserDefinedToken:
			added = append(added, addedToken{content: v.tokens[id]})
		}
	}
	if takesSpace(meta.Name) {
		for i := range added {
			added[i].rstrip = !slices.Contains(spaceKept, added[i].content)
		}
	}
	if err := t.addTokens(added); err != nil {
		return nil, err
	}
	t.ggufEnds(meta, addBOS)
	return t, nil
}

// takesSpace tells, as llama.cpp does, whether special tokens take the white space after them.
func takesSpace(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "phi-3") || strings.Contains(name, "phi3")
}

// spaceKept are those that do not. llama.cpp reads no file of such a model without them.
var spaceKept = []string{"<unk>", "<s>", "<|endoftext|>"}

// ggufEnds sets the tokens around a text and those that end a generation.
func (t *Tokenizer) ggufEnds(meta GGUFVocabulary, addBOS bool) {
	if meta.AddBOS != nil {
		addBOS = *meta.AddBOS
	}
	bos, eos := meta.BOS, meta.EOS
	if meta.Model == "llama" { // llama.cpp's defaults
		if one := 1; bos == nil && len(meta.Tokens) > one {
			bos = &one
		}
		if two := 2; eos == nil && len(meta.Tokens) > two {
			eos = &two
		}
	}
	var before, after []int
	if bos != nil {
		t.bos = *bos
		if addBOS {
			before = []int{t.bos}
		}
	}
	if eos != nil {
		t.eos = []int{*eos}
		if meta.AddEOS != nil && *meta.AddEOS {
			after = []int{*eos}
		}
	}
	t.post = []template{around(before, after)}
	t.specialTokens = map[string]string{}
	for name, id := range map[string]*int{"bos_token": bos, "eos_token": eos, "unk_token": meta.Unknown, "sep_token": meta.Separator,
		"pad_token": meta.Padding, "cls_token": meta.Class, "mask_token": meta.Mask} {
		if id != nil && *id >= 0 && *id < len(meta.Tokens) {
			t.specialTokens[name] = t.Token(*id)
		}
	}
	for _, id := range []*int{meta.EOT, meta.EOM} {
		if id != nil && !slices.Contains(t.eos, *id) {
			t.eos = append(t.eos, *id)
		}
	}
	for _, name := range ggufStops {
		if id, ok := t.added[name]; ok && t.special[id] && !slices.Contains(t.eos, id) {
			t.eos = append(t.eos, id)
		}
	}
}

func ggufBPE(v vocabulary, merges []string) (*bpe, error) {
	m := newBPE(v)
	for _, char := range byteAlphabet {
		if r, _ := utf8.DecodeRuneInString(char); m.char(r) < 0 { // a byte without a token keeps its neighbours apart and vanishes
			m.addChar(r, int32(v.size+len(m.spelled)))
			m.spelled = append(m.spelled, nil)
		}
	}
	m.merges = newPairTable(len(merges))
	add := m.merger()
	for i, merge := range merges {
		left, right, ok := strings.Cut(merge, " ")
		if !ok {
			return nil, fmt.Errorf("%w: merge %d, %q, is not two tokens", ErrFormat, i, merge)
		}
		if err := add(i, []byte(left), []byte(right)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// ggufStops are tokens that end a text by their names.
var ggufStops = []string{"<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<EOT>", "<|return|>", "<|call|>",
	"<end_of_utterance>", "<｜end▁of▁sentence｜>"}

// ggufPre is a pre-tokenizer that GGUF files know by name.
type ggufPre struct {
	patterns   []string // each cuts what the ones before left
	wholeFirst bool
	addBOS     bool
}

// steps returns the pre-tokenizer.
func (p ggufPre) steps() ([]preTokenizer, error) {
	var list []preTokenizer
	for _, expr := range p.patterns {
		pattern, err := newPattern(expr)
		if err != nil {
			return nil, err
		}
		list = append(list, splitter{pattern, isolated, false})
	}
	return append(list, byteLevel{}), nil
}

func ggufPreTokenizer(name string) (ggufPre, error) {
	split := func(patterns ...string) (ggufPre, error) { return ggufPre{patterns: patterns}, nil }
	switch name {
	case "", "default":
		return split(`[\p{P}\$\+<=>\^~\|]+`, gpt2GGUF, `\p{N}+`, `[0-9][0-9][0-9]`)
	case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano":
		return ggufPre{[]string{llama3GGUF}, true, true}, nil
	case "dbrx", "smaug-bpe", "glm4", "chatglm-bpe":
		return split(llama3GGUF)
	case "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum", "modern-bert",
		"mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4":
		return split(gpt2GGUF)
	case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b":
		return split(`\p{N}`, gpt2GGUF)
	case "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "hunyuan", "solar-open", "megrez", "grok-2":
		return split(qwen2GGUF)
	case "qwen35":
		return split(asciiSuffixes + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*` + linesPattern)
	case "tekken":
		return ggufPre{[]string{tekkenPattern}, true, true}, nil
	case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2":
		return split(o200kPattern)
	case "deepseek-v3", "hunyuan-dense", "joyai-llm":
		return split(`\p{N}{1,3}`, deepseek3CJK, deepseek3)
	case "deepseek-llm":
		return split(`[\r\n]`, deepseekLetters, `\s?[!-/:-~！-／：-～‘-‟　-。]+`, `\s+\Z`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}+`)
	case "deepseek-coder":
		return split(`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}`)
	case "falcon":
		return split("[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2GGUF, `[0-9][0-9][0-9]`)
	case "poro-chat", "bloom", "gpt3-finnish":
		return split(bloomPattern)
	case "viking":
		return split(bloomPattern, `\p{N}`)
	case "bailingmoe", "bailingmoe2", "llada-moe":
		return split(`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`)
	case "seed-coder":
		return split(asciiSuffixes + lettersPattern + `|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+` + linesPattern)
	}
	return ggufPre{}, fmt.Errorf("%w: GGUF pre-tokenizer %q", ErrUnsupported, name)
}

const (
	bloomPattern    = ` ?[^(\s|.,!?…。，、।۔،)]+`
	deepseekLetters = `\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+`
)
