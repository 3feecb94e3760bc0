// Package transformer runs decoder-only language models from compressed weights,
// within a memory limit that is planned and kept.
//
//	m, err := transformer.Open(ctx, "tinystories-cdna", transformer.Options{Memory: 300 << 20})
//	...
//	defer m.Close()
//	s, err := m.NewSession()
//	...
//	defer s.Close()
//	err = s.Forward(ctx, ids, len(ids)-1, func(_ int, logits []float32) error { ... })
//
// [Model.Logits] does that for one whole sequence, and [Model.Forward] takes steps of
// several together: weights go by once for all of them. A model is safe for several
// goroutines, each with sessions of its own. [Open] takes a model directory, or a
// checkpoint (Hugging Face, GGUF, PyTorch) to run dense, as a reference.
// Architectures are data: [arch.Config] holds what differs between the families known,
// and an unknown one is refused by name. The shape of every tensor is compared
// with it before any is read. One layer runs by itself, with a receipt, in
// [Model.Attention], [Model.FFN] and [Model.Block]; [Layers] takes whole texts through all layers,
// one after the other, in the memory of the largest.
//
// # Results
//
// Logits have the same bits for every memory limit, number of threads, chunk of
// the prompt, CPU, and whatever sequences go together: products and attention follow the canon of internal/kernel,
// sums of norms have a fixed order, and exponentials of activations and angles are those of
// internal/detmath.
//
// # Memory
//
// With [Options.Memory] the whole process stays within the limit: [Plan] reserves
// the program, the key/value cache, activations and block buffers first, holds the
// matrices that still fit and streams the rest, block by block, for every chunk of
// tokens. A limit that is too small is refused with the smallest that would do. What the
// process holds already is measured, and [Open] sets the collector's limit to its share
// (package memory). Models that run dense are held whole, embeddings too.
package transformer
