// Package checkpoint opens a model's weights whatever kind of file they lie in: a
// Hugging Face directory, safetensors, GGUF, PyTorch or one .npy array, on disk or
// in a repository of the hub.
//
// Only headers are read. Every [Tensor] then reads itself in windows, as float32
// or as the bytes that are stored:
//
//	c, err := checkpoint.Open("models/tinystories")
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	for _, t := range c.Tensors() {
//		row := make([]float32, t.Shape[len(t.Shape)-1])
//		err := t.ReadFloat32(row, 0)
//		...
//	}
//
// Quantized weights come out dequantized: GGUF's blocks, and float8 matrices with
// their scales ("weight_scale_inv", as DeepSeek publishes them), which are then no
// tensors of their own.
package checkpoint
