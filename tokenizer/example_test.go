package tokenizer_test

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/tokenizer"
)

func Example() {
	file := `{
		"added_tokens": [{"id": 0, "content": "<s>", "special": true}],
		"normalizer": {"type": "Lowercase"},
		"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
		"model": {"type": "BPE", "merges": [["▁", "h"], ["▁h", "i"]],
			"vocab": {"<s>": 0, "▁": 1, "h": 2, "i": 3, "▁h": 4, "▁hi": 5}},
		"post_processor": {"type": "TemplateProcessing",
			"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
			"special_tokens": {"<s>": {"ids": [0]}}},
		"decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
	}`
	tok, err := tokenizer.Parse([]byte(file), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, err := tok.Encode("Hi hi", true)
	if err != nil {
		panic(err)
	}
	fmt.Println(ids)
	fmt.Println(tok.DecodeSkip(ids, true))
	// Output:
	// [0 5 5]
	// hi hi
}

func ExampleTokenizer_Stream() {
	file := `{"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "merges": [], "vocab": {"c": 0, "a": 1, "f": 2, "Ã": 3, "©": 4}}}`
	tok, err := tokenizer.Parse([]byte(file), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	stream := tok.Stream()
	for _, id := range []int{0, 1, 2, 3, 4} { // é is two tokens
		fmt.Printf("%q ", stream.Next(id))
	}
	fmt.Printf("%q\n", stream.Flush())
	// Output: "c" "a" "f" "" "é" ""
}
