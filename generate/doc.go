// Package generate runs language models from text to text: it turns logits into tokens and
// tokens into text, keeps conversations, and shares a model among many.
//
// # From a path to a text
//
// An [Opening] opens a model in the right order: its tokenizer first, then the texts, whose
// memory is measured, then the model, planned with what they leave of the limit.
//
//	o, err := generate.Begin(ctx, "tinystories", transformer.Options{Memory: 300 << 20})
//	prompt, err := o.Encode(ctx, "Once upon a time")
//	m, err := o.Load(ctx)
//	defer m.Close()
//
// A [Generator] feeds a model its own output, token by token, each drawn by a [Sampler]:
//
//	s, err := m.NewSession()
//	defer s.Close()
//	sampler, err := generate.NewSampler(generate.Options{Temperature: 0.8, Seed: 1})
//	g := generate.Generator{Tokenizer: o.Tokenizer, Sampler: sampler}
//	result, err := g.Run(ctx, s, prompt, 100, func(text string) error {
//		_, err := fmt.Print(text)
//		return err
//	})
//
// The same model, prompt, options and seed give the same tokens on every machine. Guesses, from the text
// itself or by a smaller model, save passes through the weights and change none of them (Generator.Lookup and Draft).
//
// # Many texts, one model
//
// A [Pool] lends sessions to goroutines, fairly, and to each the one that knows the longest
// beginning of its text already. A [Conversation] takes one for each answer; a
// [ChatTemplate] writes its messages as the model expects them. A [Batch] continues many
// texts that are there from the start, several in one pass through the weights. In all of
// these a text has the bits that it has alone in a session of its own.
//
// Package helix puts this together for the usual ways of use.
package generate
