package calibrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/internal/linalg"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/storage"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Successor is a model that comes of another one, matrix by matrix in the order of use, each by what
// those before it make of a text.
type Successor struct {
	// Key tells what a working directory holds from that of others: of all that the weights depend on.
	Key string
	// Weights opens a matrix's weights, which are there; nil where they are the first model's own.
	Weights func(tensor string) (Weights, error)
	// Wants tells whether Take wants to know of an input: of one that has many vectors a token it never does.
	Wants func(in *transformer.Input) bool
	// Take makes the matrices of an input, on Heap bytes of the Go heap at most. d is valid until it returns.
	Take func(ctx context.Context, d *Drift) error
	Heap int64
}

// Drift is what has become of an input, x̂ in the successor and x in the first model.
type Drift struct {
	Input  *transformer.Input
	Tokens int64     // that the means are of
	Gram   []float32 // the lower triangle of the mean of x̂·x̂ᵀ, row by row, or those of its parts (lattice.Parts)

	// Lost is the mean of l·x̂ᵀ. Of an input whose products are added to the residual stream (Input.Adds) it is
	// [hidden size, Input.Len], and l is what that stream lacks when they are: how much more the products should be, and no
	// more depends on. Else l is x − x̂, and Lost the squares of the parts, one after another, which are one
	// [Input.Len, Input.Len] where there is one part.
	Lost []float64
}

// CheckFollow refuses, with memory.ErrLimit, a limit in which Follow would not do with windows of so many tokens, 0 for
// those of Run, and a successor of which Heap is known.
func CheckFollow(ctx context.Context, at checkpoint.Location, window int, s Successor, o Options) error {
	o.Context = window
	c, err := openModel(ctx, at, o)
	if err != nil {
		return err
	}
	f := &follower{Successor: s, walk: &walk{layers: c.layers}, limit: memory.Allowed(o.Memory)}
	if err = f.planMemory(o.CPU); err != nil {
		err = fmt.Errorf("%s: %w", at.Name, err)
	}
	return errors.Join(err, c.layers.Close())
}

// Follow takes windows through the model at a place and through its successor, layer by layer side by side, and
// tells of the drift of each input that is wanted. Of options Memory, Threads, CPU, Verify, Work and Progress count, which is
// called before each layer. After an error or the end of the process the next call
// with the same key goes on behind the last layer that was done. Errors are those of Run and the functions'.
func Follow(ctx context.Context, at checkpoint.Location, windows [][]int, s Successor, o Options) (err error) {
	limit := memory.Allowed(o.Memory)
	defer limit.Begin()()
	l, err := transformer.OpenLayers(ctx, at, transformer.LayersOptions{Context: len(windows[0]), Threads: o.Threads, CPU: o.CPU, Verify: o.Verify})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	f := &follower{Successor: s, walk: &walk{layers: l, windows: windows, progress: o.Progress}, limit: limit}
	defer func() { err = errors.Join(err, freeAll([]buffer{f.x, f.truth})) }()
	if err := f.begin(ctx, o); err != nil {
		return fmt.Errorf("%s: %w", at.Name, err)
	}
	if f.work, err = openWork(o.Work, s.Key); err != nil {
		return err
	}
	defer f.work.close()
	if err := f.layers(ctx); err != nil {
		return fmt.Errorf("%s: %w", at.Name, err)
	}
	return f.work.finish()
}

// follower is a running Follow.
type follower struct {
	Successor
	*walk
	limit  memory.Limit
	plan   *plan
	engine *linalg.Engine
	work   *work
	x      buffer // a window's vectors
	truth  buffer // what the first model makes of a window, of one input
}

// planMemory says where the memory goes.
func (f *follower) planMemory(cpu string) error {
	k, err := kernels(cpu)
	if err != nil {
		return err
	}
	f.engine = linalg.New(k, f.walk.layers.Threads())
	d := demand{heap: f.engine.ScratchBytes(), other: f.longest(), drift: true, later: f.Heap, what: "to correct drift"}
	f.plan, err = planMemory(f.walk.layers, f.limit, d)
	return err
}

// begin takes the memory.
func (f *follower) begin(ctx context.Context, o Options) error {
	err := f.planMemory(o.CPU)
	if err == nil {
		err = f.walk.layers.Begin(ctx, f.plan.ledger, f.plan.chunk)
	}
	if err == nil {
		f.x, err = f.plan.newBuffer("a window's activations", f.windowBytes())
	}
	if err == nil {
		f.truth, err = f.plan.newBuffer("an input's activations", 4*f.longest())
	}
	return err
}

// longest is the most values that are compared of a window.
func (f *follower) longest() (n int64) {
	l := f.walk.layers
	for i := range l.Config.Layers {
		for _, in := range l.Inputs(i) {
			if in.Len <= MaxInput {
				n = max(n, int64(f.width(&in)))
			}
		}
	}
	return n * int64(l.Context())
}

func (f *follower) windowBytes() int64 {
	return 4 * int64(f.walk.layers.Context()) * int64(f.walk.layers.Width())
}

// width is the length of what is compared of an input.
func (f *follower) width(in *transformer.Input) int {
	if in.Adds {
		return f.walk.layers.Config.Hidden
	}
	return in.Len
}

// wants tells whether an input's drift is to be measured.
func (f *follower) wants(in *transformer.Input) bool {
	return in.Each == 1 && in.Len <= MaxInput && f.Wants(in)
}

// layers takes the windows through one layer after the other, up to the last of which something is wanted.
func (f *follower) layers(ctx context.Context) error {
	l := f.walk.layers
	first, last := l.Config.Layers, -1
	for i := range l.Config.Layers {
		for k := range l.Inputs(i) {
			if f.wants(&l.Inputs(i)[k]) {
				first, last = min(first, i), i
			}
		}
	}
	done, err := f.work.resume(ctx, 2*int64(len(f.windows))*f.windowBytes(), make([][]int64, l.Config.Layers))
	if err != nil {
		return err
	}
	if done > first { // what is wanted lies behind what is left of them
		done, f.work.lines = -1, nil
		err = f.work.restart()
	}
	if err == nil && done < 0 && last >= 0 {
		done, err = 0, f.embed(ctx)
	}
	for i := done; i <= last && err == nil; i++ {
		f.tell(i)
		err = f.layer(ctx, i, i == last)
	}
	return err
}

// Of the activations' files the first half is the first model's, the second its successor's.
func (f *follower) place(successor bool, window int) int64 {
	if successor {
		window += len(f.windows)
	}
	return int64(window) * f.windowBytes()
}

// embed writes the embeddings of all windows.
func (f *follower) embed(ctx context.Context) error {
	l, to := f.walk.layers, f.work.activations[0]
	n := 4 * int64(l.Width())
	ids, places := tokenPlaces(f.windows)
	write := func(successor bool) func(id int, x []float32) error {
		return func(id int, x []float32) error {
			copy(offheap.Float32s(f.x.bytes), x)
			for _, at := range places[id] {
				if _, err := to.WriteAt(f.x.bytes[:n], f.place(successor, 0)+at*n); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := l.Embed(ctx, ids, write(false)); err != nil {
		return err
	}
	w, err := f.Weights(l.EmbeddingTensor())
	if err != nil {
		return err
	}
	if w == nil {
		err = l.Embed(ctx, ids, write(true))
	} else {
		err = errors.Join(l.EmbedBy(ctx, w.ReadRows, ids, write(true)), w.Close())
	}
	if err != nil {
		return err
	}
	sum, err := storage.Sum(ctx, to, 2*int64(len(f.windows))*f.windowBytes())
	if err != nil {
		return err
	}
	return f.work.note(boundary{Activations: sum})
}

// layer takes all windows through a layer.
func (f *follower) layer(ctx context.Context, i int, last bool) error {
	all := f.walk.layers.Inputs(i)
	wanted := slices.DeleteFunc(slices.Clone(all), func(in transformer.Input) bool { return !f.wants(&in) })
	if err := f.first(ctx, i, wanted); err != nil {
		return err
	}
	for k := range all {
		if at := slices.IndexFunc(wanted, func(in transformer.Input) bool { return in.Name == all[k].Name }); at >= 0 {
			if err := f.take(ctx, i, k, f.truthOf(wanted, at)); err != nil {
				return err
			}
		}
	}
	if last {
		return nil
	}
	hash := sha256.New()
	to := f.work.activations[(i+1)%2]
	if _, err := io.Copy(hash, io.NewSectionReader(storage.WithContext(ctx, to), 0, f.place(true, 0))); err != nil {
		return err
	}
	err := f.run(ctx, i, len(all), func(y *transformer.Layer, w int, x []float32) error {
		if err := y.Run(ctx, x, nil); err != nil {
			return err
		}
		hash.Write(f.x.bytes)
		_, err := to.WriteAt(f.x.bytes, f.place(true, w))
		return err
	})
	if err != nil {
		return err
	}
	return f.work.note(boundary{Done: i + 1, Activations: hex.EncodeToString(hash.Sum(nil)), Grams: []string{}})
}

// truthOf is where the first model's part of a wanted input begins in the file of such.
func (f *follower) truthOf(wanted []transformer.Input, at int) (start int64) {
	for k := range at {
		start += 4 * int64(len(f.windows)*f.walk.layers.Context()) * int64(f.width(&wanted[k]))
	}
	return start
}

// first takes the first model's vectors through a layer, and keeps what is wanted of them.
func (f *follower) first(ctx context.Context, i int, wanted []transformer.Input) (err error) {
	y, err := f.walk.layers.Layer(ctx, i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, y.Close()) }()
	from, to := f.work.activations[i%2], f.work.activations[(i+1)%2]
	for w := range f.windows {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if _, err := storage.ReadFull(ctx, from, f.x.bytes, f.place(false, w)); err != nil {
			return err
		}
		seen := make([]int64, len(wanted)) // bytes of the window
		err := y.RunTo(ctx, offheap.Float32s(f.x.bytes), nil, func(in *transformer.Input, v, sum []float32) error {
			k := slices.IndexFunc(wanted, func(other transformer.Input) bool { return other.Name == in.Name })
			if k < 0 {
				return nil
			}
			if sum != nil {
				v = sum
			}
			b := f.truth.bytes[:4*copy(offheap.Float32s(f.truth.bytes), v)]
			at := f.truthOf(wanted, k) + 4*int64(w*f.walk.layers.Context()*f.width(in)) + seen[k]
			seen[k] += int64(len(b))
			_, err := f.work.values.WriteAt(b, at)
			return err
		})
		if err != nil {
			return err
		}
		if _, err := to.WriteAt(f.x.bytes, f.place(false, w)); err != nil {
			return err
		}
	}
	return nil
}

// run does something with every window of the successor's vectors at a layer in which the matrices of the
// first so many inputs are its own.
func (f *follower) run(ctx context.Context, i, inputs int, do func(y *transformer.Layer, window int, x []float32) error) (err error) {
	y, err := f.walk.layers.Layer(ctx, i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, y.Close()) }()
	for _, in := range f.walk.layers.Inputs(i)[:inputs] {
		for _, name := range in.Tensors {
			w, err := f.Weights(name)
			if err != nil {
				return err
			}
			if w == nil {
				continue
			}
			restore, err := y.Replace(name, func(dst []float32, a, b int) error { return w.ReadRows(ctx, dst, a, b) })
			if err = errors.Join(err, w.Close()); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, restore()) }()
		}
	}
	for w := range f.windows {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if _, err := storage.ReadFull(ctx, f.work.activations[i%2], f.x.bytes, f.place(true, w)); err != nil {
			return err
		}
		if err := do(y, w, offheap.Float32s(f.x.bytes)); err != nil {
			return err
		}
	}
	return nil
}

// take measures the drift of a layer's input k, of which the first model's part begins at truth, and has
// its matrices made.
func (f *follower) take(ctx context.Context, i, k int, truth int64) (err error) {
	in := &f.walk.layers.Inputs(i)[k]
	d := &Drift{Input: in, Tokens: int64(len(f.windows) * f.walk.layers.Context())}
	lost, err := f.plan.newBuffer("the drift of "+in.Name, lostBytes(f.walk.layers, in))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lost.free()) }()
	d.Lost = offheap.Float64s(lost.bytes)
	squares, err := f.plan.newBuffer("Σ of "+in.Name, gramBytes(in.Len))
	if err != nil {
		return err
	}
	sum := newGram(in.Len, offheap.Float64s(squares.bytes))
	if err := f.sum(ctx, i, k, truth, d, sum); err != nil {
		return errors.Join(err, squares.free())
	}
	f.settle() // for what comes of the sums
	d.Gram, err = sum.triangles(float64(d.Tokens))
	if err = errors.Join(err, squares.free()); err != nil {
		return fmt.Errorf("statistics of %s: %w", in.Name, err)
	}
	scale := float64(d.Tokens)
	if in.Adds {
		scale = float64(scale * float64(in.Scale))
	}
	for j, v := range d.Lost {
		d.Lost[j] = v / scale
	}
	if err := f.Take(ctx, d); err != nil {
		return err
	}
	if f.limit.Source != memory.None {
		memory.Settle(f.plan.share)
	}
	return nil
}

// settle leaves to the Go heap all that nothing outside of it takes.
func (f *follower) settle() {
	if f.limit.Source != memory.None {
		memory.Settle(f.limit.Bytes - f.plan.ledger.Used())
	}
}

// sum sums the products that a Drift has the means of.
func (f *follower) sum(ctx context.Context, i, k int, truth int64, d *Drift, sigma gram) error {
	in := d.Input
	width := f.width(in)
	window := int64(f.walk.layers.Context() * width)
	return f.run(ctx, i, k, func(y *transformer.Layer, w int, x []float32) error {
		rest := f.truth.bytes[:4*window]
		if _, err := storage.ReadFull(ctx, f.work.values, rest, truth+4*int64(w)*window); err != nil {
			return err
		}
		lacks := offheap.Float32s(rest)
		return y.RunTo(ctx, x, in, func(seen *transformer.Input, v, sum []float32) error {
			if seen != in {
				return nil
			}
			if sum == nil {
				sum = v
			}
			l := lacks[:len(sum)]
			lacks = lacks[len(sum):]
			for j, s := range sum {
				l[j] -= s
			}
			if err := sigma.add(ctx, f.engine, v); err != nil {
				return err
			}
			if in.Adds {
				return f.engine.Cross(ctx, d.Lost, width, in.Len, l, width, v, in.Len, len(v)/in.Len)
			}
			return newGram(in.Len, d.Lost).cross(ctx, f.engine, l, v)
		})
	})
}
