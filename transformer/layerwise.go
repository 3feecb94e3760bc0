package transformer

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/cdna"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/stream"
)

// ErrOverflow reports activations that are no finite numbers.
var ErrOverflow = errors.New("activations are not finite numbers")

// Layers is a model whose layers run one after the other over whole texts, each with
// nothing but its own weights in memory, so that a model of any size goes through in the
// memory of its largest layer. It is for one goroutine.
//
// [OpenLayers] reads headers only; [Layers.Begin] takes the memory of passes; then come
// [Layers.Embed], each layer from [Layers.Layer], [Layers.Vectors] and [Layers.Norm]. Vectors have the bits that
// they have in [Model.Forward]. What goes from layer to layer is [Layers.Width] values of each token: its vector
// and, where layers see more than that, what they see (layerwise_carried.go).
type Layers struct {
	Config *arch.Config
	Notes  []string // as Model has

	model   *Model
	options Options // with their defaults
	weights []arch.Weight
	inputs  [][]Input // of each layer, then of the output head
	memory  []int64   // of each layer's weights
	heap    int64     // of the tables of the largest
	escaped int64     // of what a token is multiplied by in the one where escapes ask for most
	cache   *cache    // of one layer
	carried carried
}

// Input is what one matrix of a layer or several are multiplied by.
type Input struct {
	Name    string   // "layers.3.ffn_gate": the layer, and the first use of it; "head"
	Len     int      // values of a vector
	Each    int      // vectors of a token: 1, but of what chosen experts compute
	Tensors []string // the matrices, as the files call them
	// Adds says that the products, times Scale, are added to the residual stream as they are.
	Adds  bool
	Scale float32
}

// HeadInput is the name of the output head's input: the state after the last norm.
const HeadInput = "head"

// LayersOptions say how layers are run. Vectors depend on none of them, but on the context where
// rotary embeddings scale with it.
type LayersOptions struct {
	Context int         // the longest sequence, 0 for the model's own, at most Longest
	Longest int         // 0: 4096
	Threads int         // workers, 0 for GOMAXPROCS
	CPU     string      // forces a kernel level, empty for HELIX_CPU or the best
	Verify  cdna.Policy // of a model directory's blocks, as Options has
}

// OpenLayers opens what [OpenAt] does, but reads no weights. Errors are OpenAt's, but for those of
// memory.
func OpenLayers(ctx context.Context, at checkpoint.Location, o LayersOptions) (*Layers, error) {
	src, err := openSource(ctx, at, o.Verify)
	if err != nil {
		return nil, err
	}
	l, err := openLayers(ctx, src, Options{Context: o.Context, longest: o.Longest, Threads: o.Threads, CPU: o.CPU, Verify: o.Verify})
	if err != nil {
		src.close()
		return nil, fmt.Errorf("%s: %w", at.Name, err)
	}
	return l, nil
}

func openLayers(ctx context.Context, src source, o Options) (*Layers, error) {
	m, o, err := describe(ctx, src, o)
	if err != nil {
		return nil, err
	}
	c := m.Config
	l := &Layers{Config: c, Notes: m.Notes, model: m, options: o, weights: c.Weights(src.has), carried: newCarried(c)}
	m.blocks = make([]block, c.Layers)
	for i := range c.Layers {
		l.inputs = append(l.inputs, l.layerInputs(i))
		if err := l.survey(ctx, i); err != nil {
			return nil, err
		}
	}
	if c.HasHead() {
		l.inputs = append(l.inputs, []Input{l.headInput()})
	} else {
		l.inputs = append(l.inputs, nil)
	}
	return l, nil
}

// layerInputs finds what a layer's matrices are multiplied by, each once, in the order of use.
func (l *Layers) layerInputs(i int) []Input {
	var list []Input
	for w := range l.layer(i) {
		if w.IsVector() {
			continue
		}
		name := l.inputName(i, w.Parts[0].Use)
		stored := l.model.source.stored(w.Name)
		if n := len(list); n > 0 && list[n-1].Name == name {
			list[n-1].Tensors = append(list[n-1].Tensors, stored)
			continue
		}
		in := Input{Name: name, Len: w.Shape[1], Each: 1, Tensors: []string{stored}}
		switch w.Parts[0].Use {
		case arch.ExpertDown:
			in.Each = l.Config.Experts.PerToken
		case arch.AttentionOutput: // what stands beside it is added first
			in.Adds = !l.Config.PostNorms && l.Config.Mixer(i) == arch.AttentionMixer
		case arch.MixerOutput:
			in.Adds = !l.Config.PostNorms
		case arch.FFNDown:
			in.Adds = !l.Config.PostNorms && !l.Config.HasExperts(i)
		}
		if in.Adds {
			in.Scale = cmp.Or(l.Config.ResidualScale, 1) * cmp.Or(l.Config.Multipliers[w.Parts[0].Use].Product(), 1)
		}
		list = append(list, in)
	}
	return list
}

func (l *Layers) inputName(layer int, use arch.Use) string {
	return fmt.Sprintf("layers.%d.%s", layer, l.Config.Input(use))
}

// headInput is the output head's, which the embeddings may stand for or be stored beside.
func (l *Layers) headInput() Input {
	c, src := l.Config, l.model.source
	in := Input{Name: HeadInput, Len: c.Hidden, Each: 1}
	if c.TiedHead && src.has(arch.EmbeddingName) {
		in.Tensors = append(in.Tensors, src.stored(arch.EmbeddingName))
	}
	if src.has(arch.HeadName) {
		in.Tensors = append(in.Tensors, src.stored(arch.HeadName))
	}
	return in
}

// layer yields the tensors of a layer that the model has, in the order of use.
func (l *Layers) layer(i int) func(yield func(w *arch.Weight) bool) {
	return func(yield func(w *arch.Weight) bool) {
		for k := range l.weights {
			if w := &l.weights[k]; len(w.Parts) > 0 && w.Layer == i && !yield(w) {
				return
			}
		}
	}
}

// survey notes what a layer's weights take.
func (l *Layers) survey(ctx context.Context, i int) error {
	var list []arch.Weight
	for w := range l.layer(i) {
		if !w.IsVector() {
			list = append(list, *w)
		}
	}
	if w := l.projection(); w != nil {
		list = append(list, *w)
	}
	w, err := survey(ctx, l.Config, l.model.source, list)
	if err != nil {
		return err
	}
	defer w.close()
	layouts := w.compressed()
	bytes := w.dense
	for k := range layouts {
		bytes += layouts[k].ResidentBytes
	}
	buffers, _ := stream.PlanResidency(1<<62, l.model.threads, layouts)
	l.memory = append(l.memory, bytes+buffers.BufferBytes)
	l.heap = max(l.heap, w.outliers+w.reading+tables(l.Config, 1, layouts))
	l.escaped = max(l.escaped, escaped(l.Config, layouts))
	return nil
}

// Inputs returns what the matrices of a layer are multiplied by, each once, in the order of
// use: those of the layer numbered Config.Layers are the output head's, if there is one. The list is shared.
func (l *Layers) Inputs(layer int) []Input { return l.inputs[layer] }

// Context is how many tokens a sequence may have.
func (l *Layers) Context() int { return l.options.Context }

// Threads is the number of workers.
func (l *Layers) Threads() int { return l.model.threads }

// Parameters is the number of weights in all of the model's matrices.
func (l *Layers) Parameters() int64 {
	n := int64(0)
	for _, w := range l.weights {
		if !w.IsVector() {
			n += int64(w.Shape[0]) * int64(w.Shape[1])
		}
	}
	return n
}

// LargestMatrix is the number of weights of the largest matrix in any layer.
func (l *Layers) LargestMatrix() (n int64) {
	for i := range l.Config.Layers {
		for w := range l.layer(i) {
			if !w.IsVector() {
				n = max(n, int64(w.Shape[0])*int64(w.Shape[1]))
			}
		}
	}
	return n
}

// Weights is the number of weights in a layer's matrices.
func (l *Layers) Weights(layer int) (n int64) {
	for w := range l.layer(layer) {
		if !w.IsVector() {
			n += int64(w.Shape[0]) * int64(w.Shape[1])
		}
	}
	return n
}

// Memory is the bytes outside of the Go heap that a layer's weights take.
func (l *Layers) Memory(layer int) int64 { return l.memory[layer] }

// Passes is what passes of chunk tokens take: bytes outside of the Go heap, and on it.
func (l *Layers) Passes(chunk int) (reserved, heap int64) {
	c, e := l.Config, l.extent(chunk)
	layout := layerLayout(c)
	return 4*e.floats(c) + layout.copied(0) + layout.keys(e.context, CacheF32), e.heap(c) + l.heap + int64(chunk)*l.escaped
}

func (l *Layers) extent(chunk int) extent {
	if l.Config.Bidirectional { // which takes a text in one pass
		chunk = l.options.Context
	}
	return extent{chunk: chunk, workers: max(leastWorkers, l.model.threads), context: l.options.Context, watched: true}
}

// Begin takes the memory of passes of at most chunk tokens from a ledger, which may be nil;
// weights will be taken from it too. Vectors do not depend on chunk.
func (l *Layers) Begin(ctx context.Context, b *memory.Ledger, chunk int) (err error) {
	if chunk < 1 || chunk > l.options.Context {
		return fmt.Errorf("passes of %d tokens, the context is %d: %w", chunk, l.options.Context, ErrOption)
	}
	m := l.model
	e := l.extent(chunk)
	m.budget, m.Plan = b, &Plan{Context: l.options.Context, CacheType: CacheF32, Chunk: e.chunk}
	if err := m.prepare(l.options, e); err != nil {
		return err
	}
	layout := layerLayout(l.Config)
	if l.cache, err = newCache(layout, l.options.Context, CacheF32, 0, newPages(layout, CacheF32, layout.keys(l.options.Context, CacheF32), 1, b)); err != nil {
		return err
	}
	if err := l.cache.reserve(0, l.options.Context); err != nil {
		return err
	}
	m.norm, err = m.lastNorm(ctx)
	return err
}

// Embed calls visit with what the first layer is given of each of the ids, ascending and each once: Width values, which are
// valid until visit returns. Errors are ErrToken, those of reading, visit's and the context's.
func (l *Layers) Embed(ctx context.Context, ids []int, visit func(id int, x []float32) error) (err error) {
	m := l.model
	own, err := m.source.rows(ctx, m.engine, l.Config.StoredEmbedding(m.source.has))
	if err != nil {
		return err
	}
	return errors.Join(l.embed(ctx, own, ids, visit), own.Close())
}

// EmbeddingTensor is what the files call the embeddings.
func (l *Layers) EmbeddingTensor() string {
	return l.model.source.stored(l.Config.StoredEmbedding(l.model.source.has))
}

// EmbedBy does what Embed does with other embeddings: read gives rows [a, b) of them.
func (l *Layers) EmbedBy(ctx context.Context, read func(ctx context.Context, dst []float32, a, b int) error, ids []int, visit func(id int, x []float32) error) error {
	return l.embed(ctx, otherRows(read), ids, visit)
}

// otherRows are rows that no file of the model has.
type otherRows func(ctx context.Context, dst []float32, a, b int) error

func (r otherRows) Floats(ctx context.Context, dst []float32, a, b int) error {
	return r(ctx, dst, a, b)
}
func (r otherRows) Close() error { return nil }

func (l *Layers) embed(ctx context.Context, from rows, ids []int, visit func(id int, x []float32) error) error {
	m, c := l.model, l.Config
	m.embeddings = from
	x := make([]float32, l.Width())
	for _, id := range ids {
		if id < 0 || id >= c.Vocab {
			return fmt.Errorf("token %d of a vocabulary of %d: %w", id, c.Vocab, ErrToken)
		}
		if err := m.embed(ctx, x[:c.Hidden], id); err != nil {
			return err
		}
		l.carried.begin(x, id)
		if err := visit(id, x); err != nil {
			return err
		}
	}
	return nil
}

// Norm gives vectors x [tokens, hidden] the model's last norm, in place.
func (l *Layers) Norm(x []float32) {
	if c := l.Config; l.model.norm != nil {
		normRows(c, x, x, l.model.norm, c.Hidden)
	}
}

// Close frees everything. An open layer is closed before it.
func (l *Layers) Close() error {
	var err error
	if l.cache != nil {
		err = l.cache.close()
	}
	return errors.Join(err, l.model.closeMatrices(), l.model.source.close())
}

// Layer is a layer whose weights are in memory.
type Layer struct {
	layers *Layers
	index  int
	see    func(in *Input, x []float32) error

	embeddings rows // where the layer is given something of tokens besides their vectors

	added func(sum []float32) error // is shown the residual stream after attention and after the feed-forward layer
}

// Layer reads a layer's weights. One layer is open at a time. Errors are ErrLayer,
// arch.ErrWeights, stream.ErrBudget where the ledger does not have Memory, those of reading and
// the context's.
func (l *Layers) Layer(ctx context.Context, index int) (*Layer, error) {
	if index < 0 || index >= l.Config.Layers {
		return nil, fmt.Errorf("layer %d of %d: %w", index, l.Config.Layers, ErrLayer)
	}
	y := &Layer{layers: l, index: index}
	if err := y.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("layer %d: %w", index, err), y.Close())
	}
	return y, nil
}

func (y *Layer) open(ctx context.Context) error {
	m := y.layers.model
	for w := range y.layers.layer(y.index) {
		if !w.IsVector() {
			matrix, err := m.source.matrix(ctx, m.engine, w.Name)
			if err != nil {
				return err
			}
			m.matrices[w.Name] = matrix
			if err := matrix.Load(ctx); err != nil {
				return err
			}
		}
		if err := m.place(ctx, w); err != nil {
			return err
		}
	}
	y.watch()
	return y.openPerLayer(ctx)
}

// Run takes what a sequence's tokens, at positions 0, 1, …, have before the layer, x [tokens, Width], through it, in
// place. see, if not nil, is called with every input of [Layers.Inputs], as many vectors at
// a time as go together, from the first token to the last; x is valid until it returns. Errors
// are stream.ErrShape, ErrContext, ErrOverflow, which names the matrix, those of streaming, see's
// and the context's.
func (y *Layer) Run(ctx context.Context, x []float32, see func(in *Input, x []float32) error) error {
	l, n := y.layers, y.layers.Width()
	tokens := len(x) / n
	switch {
	case tokens < 1 || tokens*n != len(x):
		return fmt.Errorf("%d values for vectors of %d: %w", len(x), n, stream.ErrShape)
	case tokens > l.options.Context:
		return fmt.Errorf("%d vectors, there is room for %d: %w", tokens, l.options.Context, ErrContext)
	}
	y.see = see
	chunk := l.model.Plan.Chunk
	for at := 0; at < tokens; at += chunk {
		last := min(at+chunk, tokens)
		err := l.model.inPass(ctx, func(p *pass) error {
			for i := at; i < last; i++ {
				p.add(l.cache, i, i)
			}
			p.added = y.added
			return y.runRows(ctx, p, x[at*n:last*n])
		})
		if err != nil {
			return fmt.Errorf("layer %d: %w", y.index, err)
		}
	}
	return nil
}

// errSeen ends a pass in which all has been seen that anybody wants to.
var errSeen = errors.New("seen")

func seenAll(err error) error {
	if errors.Is(err, errSeen) {
		return nil
	}
	return err
}

// RunTo is Run as far as the input last; x is of no use then. nil is all of the layer. see is called with
// every input before it, and with sum where the products are added to the residual stream: that
// stream then, [tokens, hidden], else nil. Both are valid until see returns.
func (y *Layer) RunTo(ctx context.Context, x []float32, last *Input, see func(in *Input, v, sum []float32) error) error {
	show := func(in *Input, v, sum []float32) error {
		if err := see(in, v, sum); err != nil {
			return err
		}
		if in == last {
			return errSeen
		}
		return nil
	}
	var waits *Input // for its products to be added
	var v []float32
	y.added = func(sum []float32) error {
		in := waits
		if waits = nil; in == nil {
			return nil
		}
		return show(in, v, sum)
	}
	defer func() { y.added = nil }()
	return y.Run(ctx, x, func(in *Input, x []float32) error {
		if in.Adds {
			waits, v = in, x
			return nil
		}
		return show(in, x, nil)
	})
}

// ExpertUses returns how often each of the layer's experts was chosen since it was opened; nil if it has none.
func (y *Layer) ExpertUses() []int64 { return y.layers.model.blocks[y.index].Experts.counts() }

// Close frees the layer's weights.
func (y *Layer) Close() error {
	m := y.layers.model
	errs := []error{y.closePerLayer()}
	for name, w := range m.matrices {
		errs = append(errs, w.Close())
		delete(m.matrices, name)
	}
	m.blocks[y.index] = block{}
	return errors.Join(errs...)
}

// Replace has the layer multiply by other weights in place of a matrix's, which the files call
// tensor: read gives rows [a, b) of them. restore puts the matrix's own back, and is called before
// Close. Errors are arch.ErrWeights where the layer has no such matrix, stream.ErrBudget and read's.
func (y *Layer) Replace(tensor string, read func(dst []float32, a, b int) error) (restore func() error, err error) {
	m := y.layers.model
	for w := range y.layers.layer(y.index) {
		if w.IsVector() || m.source.stored(w.Name) != tensor {
			continue
		}
		other, err := m.engine.NewDense(w.Shape[0], w.Shape[1], read)
		if err != nil {
			return nil, err
		}
		var own []func()
		for _, p := range w.Parts {
			seen := m.blocks[y.index].linear(p.Use).W.(*watched)
			matrix := seen.Matrix
			seen.Matrix = other
			own = append(own, func() { seen.Matrix = matrix })
		}
		return func() error {
			for _, f := range own {
				f()
			}
			return other.Close()
		}, nil
	}
	return nil, fmt.Errorf("layer %d has no matrix %q: %w", y.index, tensor, arch.ErrWeights)
}
