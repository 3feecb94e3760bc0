package calibrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/internal/atomicfile"
	"github.com/helix-substrate/helix-substrate/internal/journal"
	"github.com/helix-substrate/helix-substrate/internal/kernel"
	"github.com/helix-substrate/helix-substrate/internal/linalg"
	"github.com/helix-substrate/helix-substrate/internal/offheap"
	"github.com/helix-substrate/helix-substrate/internal/safetensors"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/overwrite"
	"github.com/helix-substrate/helix-substrate/storage"
	"github.com/helix-substrate/helix-substrate/tokenizer"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// Run runs the model at a place over the options' text and writes its statistics to path, which
// must not exist. After an error, the context's included, or the end of the process, the next
// call with the same arguments goes on behind the last layer that was done. Errors are ErrOption,
// ErrText, ErrOverflow, ErrWork, memory.ErrLimit, which names the smallest limit that would do,
// overwrite.ErrOutput, generate.ErrNoTokenizer, those of transformer.OpenAt and of writing.
//
// Under a limit Run sets the collector's to what it has planned; whoever goes on under the limit plans
// anew (see package memory).
func Run(ctx context.Context, at checkpoint.Location, path string, o Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := checkOutput(at, path); err != nil {
		return err
	}
	limit := memory.Allowed(o.Memory)
	defer limit.Begin()()
	before, _ := memory.Peak()
	c, err := open(ctx, at, o)
	if err != nil {
		return err
	}
	if peak, _ := memory.Peak(); peak > before {
		c.opening = peak
	}
	err = c.run(ctx, at, path, limit)
	if err != nil {
		err = fmt.Errorf("%s: %w", at.Name, err)
	}
	return errors.Join(err, c.layers.Close())
}

// checkOutput refuses a path that would destroy something.
func checkOutput(at checkpoint.Location, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: it is there already: %w", path, overwrite.ErrOutput)
	}
	var inputs []overwrite.Input
	if dir, onDisk := at.Place.(storage.Dir); onDisk {
		inputs = []overwrite.Input{{Flag: "source", Path: filepath.Join(string(dir), at.File), Kind: overwrite.Model}}
	}
	return overwrite.Check(inputs, []overwrite.Output{{Flag: "statistics", Path: path, Kind: overwrite.File}})
}

// calibration is a running Run.
type calibration struct {
	options Options
	layers  *transformer.Layers
	windows [][]int
	head    head
	notes   []string
	opening int64 // what opening it took at its highest, if more than the process had held before

	engine *linalg.Engine
	plan   *plan
	work   *work
	x      buffer // a window's vectors
	grams  int64  // bytes of Σ in the work's file so far
	clock  clock
}

// open opens the model and reads the text.
func open(ctx context.Context, at checkpoint.Location, o Options) (*calibration, error) {
	c, err := openModel(ctx, at, o)
	if err != nil {
		return nil, err
	}
	t, err := generate.OpenTokenizerAt(ctx, at, o.Verify)
	if err == nil {
		err = c.readText(ctx, t)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", at.Name, err), c.layers.Close())
	}
	return c, nil
}

// Windows tells how many windows Run would make of the options' text. Errors are Run's.
func Windows(ctx context.Context, at checkpoint.Location, o Options) (int, error) {
	if err := o.Check(); err != nil {
		return 0, err
	}
	c, err := open(ctx, at, o)
	if err != nil {
		return 0, err
	}
	return len(c.windows), c.layers.Close()
}

// openModel opens the model alone.
func openModel(ctx context.Context, at checkpoint.Location, o Options) (*calibration, error) {
	l, err := transformer.OpenLayers(ctx, at, transformer.LayersOptions{Context: o.Context, Longest: DefaultContext, Threads: o.Threads, CPU: o.CPU, Verify: o.Verify})
	if err != nil {
		return nil, err
	}
	if longest := l.Config.Context; o.Context > longest {
		err = fmt.Errorf("%s: windows of %d tokens, the model is made for %d: %w", at.Name, o.Context, longest, ErrOption)
		return nil, errors.Join(err, l.Close())
	}
	return &calibration{options: o, layers: l, notes: slices.Clone(l.Notes)}, nil
}

// readText makes windows of the options' text.
func (c *calibration) readText(ctx context.Context, t *tokenizer.Tokenizer) error {
	sections, length := c.options.Text, c.layers.Context()
	if sections == nil {
		var err error
		if sections, err = text.Default(); err != nil {
			return err
		}
	}
	tokens := cmp.Or(c.options.Tokens, DefaultTokens(c.layers.Parameters()))
	wanted := max((MinTokens+length-1)/length, tokens/length)
	var before, after []int // of a window
	if bos := begins(t); c.layers.Config.Bidirectional {
		before, after = t.Around()
	} else if bos >= 0 {
		before = []int{bos}
	}
	own := length - len(before) - len(after) // tokens of a window that are the text's
	if own < 1 {
		return fmt.Errorf("windows of %d tokens, of which %d are special ones: %w", length, len(before)+len(after), ErrOption)
	}
	r := newReader(t, sections)
	ids, err := r.read(ctx, sections, wanted*own)
	if err != nil {
		return err
	}
	c.notes = append(c.notes, r.notes...)
	list := windows(ids, own, before, after)
	if len(list)*length < MinTokens {
		return fmt.Errorf("the text has %d tokens, at least %d in whole windows of %d are needed: %w", len(ids), MinTokens, length, ErrText)
	}
	return c.setWindows(list, text.Sum(sections))
}

// setWindows has the model read windows of a text with that SHA-256.
func (c *calibration) setWindows(list [][]int, sum string) error {
	vocabulary := c.layers.Config.Vocab
	for _, w := range list {
		if id := slices.Max(w); id >= vocabulary {
			return fmt.Errorf("token %d of a vocabulary of %d: %w", id, vocabulary, transformer.ErrToken)
		}
	}
	tokens := sha256.Sum256(tokenBytes(list))
	c.windows = list
	c.head = head{Text: sum, Context: c.layers.Context(), Windows: len(list), tokens: hex.EncodeToString(tokens[:])}
	return nil
}

// run runs the layers and writes the statistics.
func (c *calibration) run(ctx context.Context, at checkpoint.Location, path string, limit memory.Limit) (err error) {
	if c.head.Source, err = SourceSum(ctx, at); err != nil {
		return err
	}
	k, err := kernels(c.options.CPU)
	if err != nil {
		return err
	}
	c.engine = linalg.New(k, c.layers.Threads())
	if c.plan, err = planMemory(c.layers, limit, demand{sums: true, heap: c.engine.ScratchBytes(), what: "to calibrate it", since: c.opening}); err != nil {
		return err
	}
	if err := c.layers.Begin(ctx, c.plan.ledger, c.plan.chunk); err != nil {
		return err
	}
	if c.x, err = c.plan.newBuffer("a window's activations", c.windowBytes()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.x.free()) }()
	dir := c.options.Work
	if dir == "" {
		dir = filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".calibration")
	}
	if c.work, err = openWork(dir, c.key()); err != nil {
		return err
	}
	defer c.work.close()
	if err := c.passLayers(ctx); err != nil {
		return err
	}
	if err := c.write(ctx, path); err != nil {
		return err
	}
	return c.work.finish()
}

func kernels(level string) (*kernel.Kernels, error) {
	if level == "" {
		return kernel.FromEnv()
	}
	return kernel.ForLevel(kernel.Level(level))
}

// key tells what a working directory holds from that of other calibrations, and of other versions of the program.
func (c *calibration) key() string {
	h := &c.head
	return journal.Sum(fmt.Appendf(nil, "%s\n%s\n%s %s %s %d %d", format, model.Tool, h.Source, h.Text, h.tokens, h.Context, h.Windows))
}

func (c *calibration) windowBytes() int64 {
	return 4 * int64(c.head.Context) * int64(c.layers.Width())
}

// passLayers takes all windows through one layer after the other.
func (c *calibration) passLayers(ctx context.Context) error {
	n := c.layers.Config.Layers
	done, err := c.work.resume(ctx, int64(len(c.windows))*c.windowBytes(), c.sizes())
	if err != nil {
		return err
	}
	c.clock.start(c, done)
	if done < 0 {
		if done, err = 0, c.embed(ctx); err != nil {
			return err
		}
	}
	for i := range done {
		for _, in := range inputs(c.layers, i) {
			c.grams += triangleBytes(in.Len)
		}
	}
	for i := done; i <= n; i++ {
		if err := c.layer(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// sizes are those of every layer's Σ as they are written, in bytes.
func (c *calibration) sizes() [][]int64 {
	list := make([][]int64, c.layers.Config.Layers+1)
	for i := range list {
		for _, in := range inputs(c.layers, i) {
			list[i] = append(list[i], triangleBytes(in.Len))
		}
	}
	return list
}

// embed writes the embeddings of all windows, each token's wherever it stands.
func (c *calibration) embed(ctx context.Context) error {
	ids, places := tokenPlaces(c.windows)
	to, n := c.work.activations[0], c.layers.Width()
	err := c.layers.Embed(ctx, ids, func(id int, x []float32) error {
		copy(offheap.Float32s(c.x.bytes), x)
		for _, at := range places[id] {
			if _, err := to.WriteAt(c.x.bytes[:4*n], at*4*int64(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	sum, err := storage.Sum(ctx, to, int64(len(c.windows))*c.windowBytes())
	if err != nil {
		return err
	}
	return c.work.note(boundary{Activations: sum})
}

// tokenPlaces returns the tokens of windows of equal length, ascending, and where each stands in all of them.
func tokenPlaces(windows [][]int) (ids []int, places map[int][]int64) {
	places = map[int][]int64{}
	for w, window := range windows {
		for i, id := range window {
			places[id] = append(places[id], int64(w*len(window)+i))
		}
	}
	return slices.Sorted(maps.Keys(places)), places
}

// layer takes all windows through layer i, sums what its matrices are given, and notes its end. The
// last is the output head, of which nothing but the norm before it is computed.
func (c *calibration) layer(ctx context.Context, i int) (err error) {
	sums, err := c.newSums(i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sums.free()) }()
	uses := func() []int64 { return nil }
	step := func(x []float32, see func(in *transformer.Input, x []float32) error) error {
		x = c.layers.Vectors(x)
		c.layers.Norm(x)
		return see(sums.inputs[0], x)
	}
	if i < c.layers.Config.Layers {
		layer, failed := c.layers.Layer(ctx, i)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, layer.Close()) }()
		step = func(x []float32, see func(in *transformer.Input, x []float32) error) error {
			return layer.Run(ctx, x, see)
		}
		uses = layer.ExpertUses
	} else if len(sums.inputs) == 0 {
		step = func([]float32, func(in *transformer.Input, x []float32) error) error { return nil }
	}
	from, to, hash := c.work.activations[i%2], c.work.activations[(i+1)%2], sha256.New()
	for w := range c.windows {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		at := int64(w) * c.windowBytes()
		if _, err := storage.ReadFull(ctx, from, c.x.bytes, at); err != nil {
			return err
		}
		if err := step(offheap.Float32s(c.x.bytes), sums.of(ctx, w)); err != nil {
			return err
		}
		if _, err := to.WriteAt(c.x.bytes, at); err != nil {
			return err
		}
		hash.Write(c.x.bytes)
		c.clock.window(i)
	}
	grams, err := c.keep(sums)
	if err != nil {
		return err
	}
	return c.work.note(boundary{Done: i + 1, Activations: hex.EncodeToString(hash.Sum(nil)), Grams: grams, Uses: uses()})
}

// write writes the statistics of all layers to path.
func (c *calibration) write(ctx context.Context, path string) error {
	var list []entry
	for i, line := range c.work.lines[1:] {
		for k, in := range inputs(c.layers, i) {
			e := entry{Key: in.Name, N: in.Len, Tensors: in.Tensors, SHA256: line.Grams[k]}
			if in.Each > 1 {
				e.Each = in.Each
			}
			list = append(list, e)
		}
	}
	for i := range c.layers.Config.Layers {
		uses := c.work.lines[i+1].Uses
		if uses == nil { // of a layer without experts
			uses = []int64{}
		}
		c.head.uses = append(c.head.uses, uses)
	}
	tensors, metadata, err := describe(&c.head, list)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(to io.Writer) error {
		w, err := safetensors.NewWriter(to, tensors, metadata)
		if err != nil {
			return err
		}
		if _, err := w.Write(tokenBytes(c.windows)); err != nil {
			return err
		}
		if _, err := io.Copy(w, io.NewSectionReader(storage.WithContext(ctx, c.work.values), 0, c.grams)); err != nil {
			return err
		}
		return w.Close()
	})
}
