package convert

import (
	"github.com/helix-substrate/helix-substrate/calibrate"
	"github.com/helix-substrate/helix-substrate/model"
)

// Report tells what a conversion did.
type Report struct {
	Output        string         `json:"output"`
	Tensors       []TensorReport `json:"tensors"` // by name
	Stats         model.Stats    `json:"stats"`
	BitsPerWeight float64        `json:"bits_per_weight"` // over the compressed matrices, all overhead counted
	Resumed       int            `json:"resumed"`         // tensors that an earlier run had converted
	Seconds       float64        `json:"seconds"`
	Root          string         `json:"root_sha256"`
	// Certificate says how far the model is from its source, Rates what was tried to hold that; of a
	// Job.KLD.
	Certificate *model.Certificate `json:"certificate,omitempty"`
	Rates       []RatePoint        `json:"rates,omitempty"`
	// Probes say what groups of matrices do to the predictions, each alone, at equal rates; where bits
	// are spread by that.
	Probes []calibrate.Probe `json:"probes,omitempty"`
	// Notes are what is to be known of the source, for people.
	Notes []string `json:"-"`
}

// TensorReport tells what became of one tensor; Matrix is nil for exact ones.
type TensorReport struct {
	Name        string        `json:"name"`
	Shape       []int         `json:"shape"`
	DType       string        `json:"dtype"`
	SourceBytes int64         `json:"source_bytes"`
	Bytes       int64         `json:"bytes"`
	SameAs      string        `json:"same_as,omitempty"`    // the tensor whose files it shares; Bytes is 0
	NonFinite   bool          `json:"non_finite,omitempty"` // it is kept exact, NaN or infinities included
	Seconds     float64       `json:"seconds"`
	Matrix      *MatrixReport `json:"matrix,omitempty"`
}
