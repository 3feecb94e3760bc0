// Package server answers the requests of ordinary clients over HTTP: OpenAI's chat completions, completions, responses, embeddings and
// models, Anthropic's messages, as streams or whole, and llama.cpp's tokenize, detokenize and apply-template. It keeps the
// promises of package transformer: one memory limit, and every answer with the bits that it has alone, whoever
// else is being answered.
//
//	m, err := server.Open(ctx, "tinystories", server.ModelOptions{Engine: transformer.Options{Memory: 300 << 20}})
//	if err != nil {
//		return err
//	}
//	defer m.Close()
//	s, err := server.New([]*server.Model{m}, server.Options{})
//	if err != nil {
//		return err
//	}
//	return http.ListenAndServe("127.0.0.1:8080", s) // or Serve, which bounds slow clients too
//
// Texts that are asked for at the same time go through the weights together (generate.Scheduler). What a request says
// that would change the answer and is not done is refused by name; a prompt that is longer than the context
// is an error that names both, never cut.
package server
