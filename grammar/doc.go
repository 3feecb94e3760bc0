// Package grammar says which texts a model may generate: those of a grammar, written in llama.cpp's GBNF ([Parse]) or made of a
// JSON schema ([Schema]). A [Matcher] follows a text token by token and excludes from the logits
// all tokens that no text of the grammar goes on with:
//
//	g, err := grammar.Schema(schema)
//	if err != nil {
//		return err
//	}
//	m := g.Match(grammar.NewVocabulary(tokenizer))
//	request.Adjust = m.Adjust // of a generate.Request
//
// Grammars come from outside. Their size, and the work and memory of matching, are bounded: what goes beyond is ErrLimit.
//
// A grammar is a pushdown automaton over bytes: characters become the ranges of bytes that UTF-8 has for them, so that
// tokens that end within a character are no special case. States are kept with what follows them, and the tokens that each
// allows; texts come back to the same ones again and again.
package grammar
