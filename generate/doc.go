// Package generate turns logits into tokens and tokens into text: sampling, chat
// templates, and the loop that feeds a model its own output.
//
//	g := generate.Generator{Model: m, Tokenizer: t, Sampler: generate.NewSampler(generate.Options{Seed: 7})}
//	result, err := g.Run(ctx, session, prompt, 128, func(text string) error {
//		_, err := os.Stdout.WriteString(text)
//		return err
//	})
//
// The same model, prompt, options and seed give the same tokens on every machine.
package generate
