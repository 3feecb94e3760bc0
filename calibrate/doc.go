// Package calibrate measures what a model's matrices are multiplied by: it runs the model over
// text, layer by layer, and keeps for every distinct input of matrices Σ, the mean of x·xᵀ (of one of
// more than 8192 values, of its parts: lattice.Parts). A quantizer that knows Σ spends its errors
// where the activations do not look.
//
//	err := calibrate.Run(ctx, at, "model.statistics", calibrate.Options{Memory: 1 << 30})
//	...
//	s, err := calibrate.Open(ctx, "model.statistics")
//	...
//	defer s.Close()
//	in, ok := s.For("model.layers.0.mlp.up_proj.weight")
//	if ok {
//		sigma := make([]float32, lattice.GramLen(in.N))
//		err = s.Gram(ctx, sigma, in.Key)
//	}
//
// Any model runs that package transformer runs, wherever it lies. One layer's weights are in memory at
// a time, its Σ and a window of text; between layers, activations wait in a file. So a
// model is calibrated in the memory of its largest layer, and what a killed process has done
// up to a layer's end is taken up by the next one.
//
// The statistics' bytes depend on the model's files, the text and the number and length of its windows,
// not on memory, threads, CPU or interruptions: Σ is summed in float64, each element one chain
// of fused multiply-adds over the tokens.
package calibrate
