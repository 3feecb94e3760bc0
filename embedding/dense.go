package embedding

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/helix-substrate/helix-substrate/internal/detmath"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/storage"
)

// dense is a layer act(W x + b).
type dense struct {
	rows, cols int
	weights    []float32 // [rows, cols]
	bias       []float32 // or nil
	activation func(float32) float32
}

// activations are known by the names of torch's classes.
var activations = map[string]func(float32) float32{
	"torch.nn.modules.linear.Identity": nil,
	"torch.nn.modules.activation.Tanh": detmath.Tanh,
	"torch.nn.modules.activation.GELU": detmath.GELU,
	"torch.nn.modules.activation.SiLU": detmath.SiLU,
	"torch.nn.modules.activation.ReLU": func(x float32) float32 { return max(x, 0) },
}

// readDense reads a Dense for vectors of a size.
func readDense(ctx context.Context, s source, path string, size int) (*dense, error) {
	o, err := s.object(ctx, path+"/config.json")
	if err != nil {
		return nil, err
	}
	if o.values == nil {
		return nil, fmt.Errorf("there is no %s/config.json: %w", path, ErrModule)
	}
	d := &dense{}
	name, err := take[string](o, "activation_function")
	if name == "" {
		name = "torch.nn.modules.activation.Tanh"
	}
	var known bool
	if d.activation, known = activations[name]; !known && err == nil {
		err = o.refuse("activation_function", name)
	}
	if err != nil {
		return nil, err
	}
	biased := true
	if b, ok := o.values["bias"].(bool); ok {
		biased = b
		delete(o.values, "bias")
	}
	if d.cols, err = o.number("in_features"); err != nil {
		return nil, err
	}
	if d.rows, err = o.number("out_features"); err != nil {
		return nil, err
	}
	if err := errors.Join(o.only("module_input_name", nil, "sentence_embedding"), o.only("module_output_name", nil, "sentence_embedding"), o.finish()); err != nil {
		return nil, err
	}
	if d.cols != size || d.rows < 1 || d.rows > maxWeights/d.cols {
		return nil, fmt.Errorf("%s: %d values to %d, it is given %d: %w", o.file, d.cols, d.rows, size, ErrModule)
	}
	return d, d.load(ctx, s, path+"/model.safetensors", biased)
}

// load reads the weights.
func (d *dense) load(ctx context.Context, s source, name string, biased bool) error {
	f, err := storage.Open(ctx, s.place, s.name(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s, and no other kind of file is read: %w", name, ErrModule)
	} else if err != nil {
		return err
	}
	defer f.Close()
	if err := memory.Fits(name, 4*int64(d.rows)*int64(d.cols)); err != nil {
		return err
	}
	file, err := safetensors.NewFile(ctx, f, f.Size(), name)
	if err != nil {
		return err
	}
	read := func(tensor string, shape ...int) ([]float32, error) {
		t, ok := file.Tensor(tensor)
		if !ok || !slices.Equal(t.Shape, shape) {
			return nil, fmt.Errorf("%s: %s is not there, or not %v: %w", name, tensor, shape, ErrModule)
		}
		x := make([]float32, t.Len())
		return x, t.ReadFloat32(ctx, x, 0)
	}
	if d.weights, err = read("linear.weight", d.rows, d.cols); err != nil || !biased {
		return err
	}
	d.bias, err = read("linear.bias", d.rows)
	return err
}

func (d *dense) apply(x []float32) []float32 {
	y := make([]float32, d.rows)
	for r := range y {
		sum := 0.0
		for i, w := range d.weights[r*d.cols:][:d.cols] {
			sum += float64(float64(w) * float64(x[i]))
		}
		if d.bias != nil {
			sum += float64(d.bias[r])
		}
		if y[r] = float32(sum); d.activation != nil {
			y[r] = d.activation(y[r])
		}
	}
	return y
}
