package tokenizer

// preTokenizers are the names that ToGGUF tries for a byte-level BPE, the common ones first. Of those that cut alike, one is here.
var preTokenizers = []string{"gpt-2", "llama-bpe", "qwen2", "smollm", "tekken", "gpt-4o", "deepseek-v3", "deepseek-llm", "deepseek-coder",
	"dbrx", "qwen35", "falcon", "bloom", "viking", "bailingmoe", "seed-coder", "kimi-k2", "youtu", "tiny_aya", "minicpm5", "default"}

// probes are texts that pre-tokenizers cut in different ways: words, contractions, digits, runs of white space, punctuation, code,
// scripts, marks, and all of them side by side.
var probes = []string{
	"", " ", "a", "\n", "   \n   x", "Hello world", "Once upon a time, there was a little girl named Lily. She didn't know what they'd seen!",
	"I've 3 apples, 12 pears and 1234567 plums; 99.95% of 10,000. 1 22 333 4444 55555 666666", "  two  spaces\n\nlines\r\n\tand tabs\t\t end  ",
	"for (int i = 0; i < n; i++) { x[i] += f(a, b)->c; } // ok?\n\t\treturn \"x\";\n}\n\n\n", "naïve café, Ünïcödé — “quotes” … 5×3=15 €20 ½ ² Ⅷ",
	"Привет, мир! 你好，世界。こんにちは 한국어 مرحبا עולם नमस्ते ภาษาไทย កម្ពុជា", "emoji 🙂👩‍👩‍👧 x🙂y and \u0301combining e\u0301 क्षि", "CamelCaseWord snake_case_word UPPER's WE'LL",
	"it's IT'S I'm I'M you're YOU'RE he'd HE'D they'll 'tis ''s ' s x'y z's\u00a0a", "http://example.org/a?b=c&d=e#f", "!!! ??? ... --- *** ===\n?!\n\n.\r\n", "a1b2 c3 4d ٣٤٥ १२३ a\u00a0b",
	"#include <x>\r\n\r\n  y", "$5 +1 -2 ^3 ~4 |5 `6` <7> \\8 (a) [b] {c}", "a/b/c //d /\n/e", " \n \n\n \n\n\n \t \t\t \t\n  \n   \n    end", "x  y   z    w", "中文123abc。日本語 カタカナ！？「引用」",
	"don’t won’t", "A.B.C. U.S.A. e.g.", "\u3000全角　空白",
}
