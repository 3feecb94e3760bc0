package tokenizer

import "fmt"

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
	case "dbrx", "smaug-bpe", "chatglm-bpe":
		return split(llama3GGUF)
	case "glm4", "glm5":
		return ggufPre{[]string{llama3GGUF}, true, false}, nil
	case "minicpm5":
		return ggufPre{[]string{`\p{N}{1,3}`, asciiSuffixes + lettersPattern + `|\p{N}+` + othersPattern}, true, false}, nil
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
	case "tiny_aya", "cohere2moe":
		return split(`\d{1,3}(?=(?:\d{3})*\b)`, o200kPattern)
	case "kimi-k2":
		return split(kimiPattern)
	case "youtu":
		return ggufPre{[]string{youtuScripts, lowerHalf + asciiSuffixes + `?|` + upperHalf + asciiSuffixes + `?|\p{N}` + pathsPattern}, true, false}, nil
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
	bloomPattern = ` ?[^(\s|.,!?…。，、।۔،)]+`
	kimiUpper    = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]`
	kimiLower    = `[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]`
	kimiPattern  = `\p{Han}+|[^\r\n\p{L}\p{N}]?` + kimiUpper + `*` + kimiLower + `+` + foldedSuffixes + `?|[^\r\n\p{L}\p{N}]?` + kimiUpper + `+` + kimiLower + `*` +
		foldedSuffixes + `?|\p{N}{1,3}` + othersPattern
	youtuScripts    = `[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+`
	deepseekLetters = `\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+`
)
