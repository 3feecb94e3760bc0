package transformer

import "github.com/helix-substrate/helix-substrate/stream"

// linear is a matrix that activations are multiplied by, or some of its rows, with an
// optional bias.
type linear struct {
	Name        string // of the tensor, as Hugging Face has it
	W           stream.Matrix
	First, Rows int       // the rows of W used, all of them unless several share W
	Scale       float32   // of the products, before the bias is added; 0 stands for 1
	Bias        []float32 // of length Rows, or nil; of several experts, of all of them
	Each        int       // rows of W that an expert has, where it holds several; First is in those of the first
}

// of returns the linear layer of an expert.
func (l *linear) of(expert int) linear {
	one := *l
	one.First += expert * l.Each
	if l.Bias != nil {
		one.Bias = l.Bias[expert*l.Rows:][:l.Rows]
	}
	return one
}

// to asks for y[v] = scale · W x[v] + bias for a batch of vectors.
func (l *linear) to(y []float32) stream.Product {
	return stream.Product{W: l.W, A: l.First, B: l.First + l.Rows, Y: y, Scale: l.Scale, Bias: l.Bias}
}
