package transformer

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/helix-substrate/helix-substrate/arch"
	"github.com/helix-substrate/helix-substrate/checkpoint"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/stream"
)

// memory is a source of made-up weights.
type inMemory struct {
	c       *arch.Config
	tensors map[string]made
}

type made struct {
	shape []int
	data  []float32
}

func (s *inMemory) config(context.Context) (*arch.Config, error) { return s.c, nil }
func (s *inMemory) experts() (string, *model.ExpertUse)          { return "", nil }
func (s *inMemory) close() error                                 { return nil }

func (s *inMemory) names() iter.Seq[string] { return maps.Keys(s.tensors) }

func (s *inMemory) has(name string) bool {
	_, ok := s.tensors[name]
	return ok
}

func (s *inMemory) shape(name string) ([]int, bool) {
	t, ok := s.tensors[name]
	return t.shape, ok
}

func (s *inMemory) vector(_ context.Context, name string) ([]float32, error) {
	return s.tensors[name].data, nil
}

func (s *inMemory) same(_ context.Context, a, b string) (bool, error) {
	return slices.Equal(s.tensors[a].data, s.tensors[b].data), nil
}

func (s *inMemory) size(_ context.Context, name string) (size, error) {
	return size{dense: 4 * int64(len(s.tensors[name].data))}, nil
}

func (s *inMemory) matrix(_ context.Context, e *stream.Engine, name string) (stream.Matrix, error) {
	t := s.tensors[name]
	rows, cols := model.MatrixShape(t.shape)
	return e.NewDense(rows, cols, func(dst []float32, a, b int) error {
		copy(dst, t.data[a*cols:b*cols])
		return nil
	})
}

func (s *inMemory) stored(name string) string { return name }

func (s *inMemory) rows(ctx context.Context, e *stream.Engine, name string) (rows, error) {
	return s.matrix(ctx, e, name)
}

// float64s are the weights as the oracle wants them.
func (s *inMemory) float64s() map[string][]float64 {
	w := map[string][]float64{}
	for name, t := range s.tensors {
		wide := make([]float64, len(t.data))
		for i, v := range t.data {
			wide[i] = float64(v)
		}
		w[name] = wide
	}
	return w
}

// readWeights reads all tensors of a Hugging Face directory, by the names that package arch has
// for those that the configuration wants.
func readWeights(t testing.TB, c *arch.Config, dir string) *inMemory {
	t.Helper()
	f, err := checkpoint.OpenPath(t.Context(), dir, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &inMemory{c: c, tensors: map[string]made{}}
	for _, x := range f.Tensors() {
		data := make([]float32, x.Len())
		if err := x.ReadFloat32(t.Context(), data, 0); err != nil {
			t.Fatal(err)
		}
		s.tensors[x.Name] = made{x.Shape, data}
	}
	for _, w := range c.Weights(func(name string) bool { return s.has(arch.StoredName(name, s.has)) }) {
		if stored := arch.StoredName(w.Name, s.has); stored != w.Name && s.has(stored) {
			s.tensors[w.Name] = s.tensors[stored]
			delete(s.tensors, stored)
		}
	}
	return s
}

// inventWeights makes random weights for a configuration; every optional tensor
// is there or not.
func inventWeights(c *arch.Config, seed uint64) *inMemory {
	random := rand.New(rand.NewPCG(seed, 1))
	s := &inMemory{c: c, tensors: map[string]made{}}
	invent := func(w arch.Weight) {
		scale, n := 0.5, w.Shape[0]
		if len(w.Shape) > 1 {
			scale, n = 1/math.Sqrt(float64(w.Shape[1])), n*w.Shape[1]
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(scale * random.NormFloat64())
		}
		s.tensors[w.Name] = made{w.Shape, data}
	}
	fused := random.IntN(2) == 0 // gates and up projections of experts
	for _, w := range c.Weights(func(name string) bool { return fused && strings.HasSuffix(name, ".gate_up_proj") }) {
		if w.Name == arch.EmbeddingName {
			w.Shape[0] += random.IntN(3)
		}
		if !w.Optional || random.IntN(2) == 0 {
			invent(w)
		}
	}
	return s
}

func flatten(rows [][]float64) []float32 {
	var flat []float32
	for _, r := range rows {
		for _, v := range r {
			flat = append(flat, float32(v))
		}
	}
	return flat
}

// TestForwardOnFixtures compares the oracle with Hugging Face's logits.
func TestForwardOnFixtures(t *testing.T) {
	for _, name := range fixtureNames(t) {
		f := openFixture(t, name)
		w := readWeights(t, f.config, f.dir).float64s()
		got, _ := forward(f.config, w, f.Context, f.Tokens)
		if worst := largestError(t, flatten(got), f.logits); !(worst <= 1e-4) {
			t.Errorf("%s: logits differ by %.2g of the largest", name, worst)
		}
	}
}

// inventConfig draws an architecture that nobody has built.
func inventConfig(t *rapid.T) *arch.Config {
	number := func(name string, a, b int) int { return rapid.IntRange(a, b).Draw(t, name) }
	yes := func(name string) bool { return rapid.Bool().Draw(t, name) }
	kv := number("kv heads", 1, 3)
	c := &arch.Config{
		Architecture: "none", Layers: number("layers", 1, 3), Hidden: number("hidden", 5, 70), FFN: number("ffn", 1, 70),
		KVHeads: kv, Heads: kv * number("group", 1, 4), HeadDim: 2 * number("pairs", 2, 35), Vocab: number("vocab", 2, 70),
		Context: 32, NormEps: 1e-2, TiedHead: yes("tied"), Activation: rapid.SampledFrom([]arch.Activation{arch.SiLU, arch.GELUTanh, arch.ClampedSwiGLU, arch.ReLUSquared}).Draw(t, "act"),
		NormOffset: yes("offset"), QKNorm: yes("qk norm"), PostNorms: yes("post norms"), FusedQKV: yes("qkv"), FusedGate: yes("gate"),
		EmbedScale: rapid.SampledFrom([]float32{1, 3}).Draw(t, "embed scale"), AttnScale: rapid.Float32Range(0.1, 1).Draw(t, "attn scale"),
		AttnSoftcap: rapid.SampledFrom([]float32{0, 1.5}).Draw(t, "attn cap"), LogitSoftcap: rapid.SampledFrom([]float32{0, 2}).Draw(t, "logit cap"),
		SlidingWindow: number("window", 0, 9), ResidualScale: rapid.SampledFrom([]float32{0, 0.5}).Draw(t, "residual scale"),
		LogitScale: rapid.SampledFrom([]float32{0, 0.25}).Draw(t, "logit scale"), Sinks: yes("sinks"),
	}
	c.PlainFFN = c.Activation == arch.ReLUSquared || c.Activation != arch.ClampedSwiGLU && yes("plain")
	c.FusedGate = c.FusedGate && !c.PlainFFN
	if c.Activation == arch.ClampedSwiGLU {
		c.SwiGLUAlpha, c.SwiGLULimit = 1.5, 0.8
	}
	c.WholeNorm, c.NoPreNorms = c.QKNorm && yes("whole norm"), c.PostNorms && yes("no pre-norms")
	c.HeadNorms = c.QKNorm && !c.WholeNorm && yes("head norms")
	c.UnitNorm, c.Chunked = !c.QKNorm && yes("unit norm"), c.SlidingWindow > 0 && yes("chunks")
	if yes("temperature") {
		c.Temperature = arch.Temperature{Factor: 0.3, Length: number("temperature length", 1, 9), First: number("temperature first", 0, 1), NoRope: yes("temperature without rope")}
	}
	if yes("no rope") {
		c.NoRope = rapid.SliceOfN(rapid.Bool(), c.Layers, c.Layers).Draw(t, "without rope")
	}
	c.GatedAttention = !c.FusedQKV && yes("gates")
	if yes("delta nets") {
		heads := number("heads of keys", 1, 3)
		c.Mixers = arch.Mixers{
			Taps: number("taps", 2, 5), KeyHeads: heads, ValueHeads: heads * number("heads of values", 1, 3), KeyDim: number("key", 1, 20), ValueDim: number("value", 1, 20),
			Grouped: yes("grouped"), Of: rapid.SliceOfN(rapid.SampledFrom([]arch.Mixer{arch.AttentionMixer, arch.DeltaMixer}), c.Layers, c.Layers).Draw(t, "mixers"),
		}
	} else if yes("mamba") {
		groups := number("groups", 1, 3)
		c.Mixers = arch.Mixers{
			Taps: number("taps", 2, 5), Bias: yes("convolution bias"), KeyHeads: groups, ValueHeads: groups * number("heads", 1, 3), KeyDim: number("key", 1, 20), ValueDim: number("value", 1, 20),
			Of: rapid.SliceOfN(rapid.SampledFrom([]arch.Mixer{arch.AttentionMixer, arch.MambaMixer, arch.AttentionMamba}), c.Layers, c.Layers).Draw(t, "mixers"),
			Mamba: arch.Mamba{
				InBias: yes("in bias"), OutBias: yes("out bias"), Norm: rapid.SampledFrom([]arch.MambaNorm{arch.NormGated, arch.NormFirst, arch.NormNone}).Draw(t, "gated norm"),
				Channels: rapid.SampledFrom([][3]float32{{}, {0.5, 1.25, 0.75}}).Draw(t, "channels"),
			},
		}
		if c.Single = !c.PostNorms && yes("single"); c.Single {
			c.Mixers.Of = rapid.SliceOfN(rapid.SampledFrom([]arch.Mixer{arch.AttentionMixer, arch.MambaMixer, arch.NoMixer}), c.Layers, c.Layers).Draw(t, "mixers, or none")
		}
	} else if yes("convolutions") {
		c.Mixers = arch.Mixers{Taps: number("taps", 2, 5), Bias: yes("convolution bias")}
		c.Mixers.Of = rapid.SliceOfN(rapid.SampledFrom([]arch.Mixer{arch.AttentionMixer, arch.ConvMixer}), c.Layers, c.Layers).Draw(t, "mixers")
	}
	if yes("experts") {
		n := number("number of experts", 1, 6)
		c.Experts = arch.Experts{Count: n, PerToken: number("chosen", 1, n), FFN: number("expert ffn", 1, 40), Normalize: yes("normalize"), Shared: number("shared", 0, 30)}
		c.Experts.SharedGate = c.Experts.Shared > 0 && yes("shared gate")
		if c.Experts.Sigmoid = yes("sigmoid"); c.Experts.Sigmoid {
			c.Experts.Bias = yes("router bias")
			c.Experts.Epsilon = rapid.SampledFrom([]float64{0, 1e-2}).Draw(t, "epsilon")
		}
		c.Experts.Biases = !c.PlainFFN && yes("biases")
		c.Experts.OnInput = c.Experts.Sigmoid && !c.Experts.Bias && !c.Experts.Normalize && yes("on input")
		c.Experts.Scale = rapid.SampledFrom([]float32{0, 2.5}).Draw(t, "scale")
		if c.Experts.OnInput {
			c.Experts.Scale = 0
		} else if n%2 == 0 && n >= 4 && yes("groups") {
			c.Experts.Groups = n / 2
			least := (c.Experts.PerToken + 1) / 2
			c.Experts.GroupsPerToken = number("groups a token", least, n/2)
		}
		if yes("some dense") {
			c.Experts.Dense = rapid.SliceOfN(rapid.Bool(), c.Layers, c.Layers).Draw(t, "dense")
		}
	}
	if c.Mixers.Of == nil && !c.FusedQKV && !c.GatedAttention && !c.WholeNorm && !c.HeadNorms && yes("heads of two kinds") {
		c.Global = arch.GlobalHeads{Dim: 2 * number("global pairs", 0, 30), KeyIsValue: yes("keys are values")}
		if c.Heads%2 == 0 {
			c.Global.KV = 2 * number("two global kv heads", 0, 1)
		}
		c.ValueNorm = yes("value norms")
	}
	if c.LayerScale = !c.Single && yes("layer scalars"); !c.Single && !c.PlainFFN && yes("per-layer embeddings") {
		c.PerLayer = arch.PerLayer{Len: number("per layer", 1, 20), Vocab: c.Vocab + number("more embeddings", 0, 2)}
	}
	c.Experts.Beside = c.Experts.Count > 0 && c.Experts.Shared == 0 && !c.Experts.Biases && c.Experts.Dense == nil && !c.FusedGate && !c.Single && !c.PlainFFN && yes("beside")
	rope := func(name string) arch.Rope {
		dim := c.HeadDim
		if c.Global.Dim > 0 {
			dim = min(dim, c.Global.Dim)
		}
		return arch.Rope{Theta: rapid.Float64Range(2, 1e6).Draw(t, name), Dim: 2 * number(name+" pairs", 0, dim/2), Interleaved: yes(name + " interleaved"), Pairs: number(name+" pairs that turn", 0, 1)}
	}
	c.Rope, c.LocalRope = rope("rope"), rope("local rope")
	if c.SlidingWindow > 0 {
		c.Local = rapid.SliceOfN(rapid.Bool(), c.Layers, c.Layers).Draw(t, "local")
	}
	if n := number("shared keys", 0, c.Layers-1); c.Mixers.Of == nil && !c.FusedQKV && !c.GatedAttention && !c.WholeNorm && !c.HeadNorms {
		if c.SharedKV = n; n > 0 && c.FFN > 1 {
			c.WideFFN = number("wide ffn", 0, 60)
		}
		for l := c.Layers - n; l < c.Layers; l++ {
			if c.KVSource(l) == l {
				c.SharedKV, c.WideFFN = 0, 0
			}
		}
	}
	if !c.FusedQKV && !c.FusedGate && c.Experts.Count == 0 && !c.Global.KeyIsValue && (c.Mixers.Of == nil || c.Mixers.HasMamba()) && yes("multipliers") {
		c.Multipliers = map[arch.Use]arch.Multiplier{
			arch.Query: {In: 0.5}, arch.Key: {In: 1.5}, arch.Value: {In: 0.75, Out: 1.5}, arch.AttentionOutput: {Out: 1.25}, arch.FFNDown: {In: 0.5},
			arch.MixerGate: {In: 0.75, Out: 1.25}, arch.MixerInput: {In: 0.75}, arch.MixerStep: {In: 0.75, Out: 0.5}, arch.MixerOutput: {Out: 0.5},
		}
	}
	if c.Parallel = !c.PostNorms && !c.Single && yes("parallel"); !c.NormOffset && c.Mixers.Of == nil {
		c.LayerNorm = yes("layer norm")
	}
	if yes("latent") {
		c.LayerNorm, c.Multipliers, c.ValueNorm, c.Global, c.SharedKV, c.WideFFN = false, nil, false, arch.GlobalHeads{}, 0, 0
		c.Latent = arch.Latent{KV: number("kv rank", 1, 40), Query: number("query rank", 0, 40), Value: number("value", 1, c.HeadDim), NormEps: 1e-3}
		c.HeadNorms, c.UnitNorm, c.Chunked = false, false, false
		c.KVHeads, c.QKNorm, c.WholeNorm, c.FusedQKV, c.GatedAttention, c.Sinks, c.NoRope, c.SlidingWindow, c.Local = c.Heads, false, false, false, false, false, nil, 0, nil
		c.Rope.Dim = max(2, c.Rope.Dim)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestForwardOnInventions compares the fast model with the oracle on architectures
// of all kinds, and with itself cut into other calls, chunks and threads.
func TestForwardOnInventions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := inventConfig(t)
		s := inventWeights(c, rapid.Uint64().Draw(t, "seed"))
		tokens := rapid.SliceOfN(rapid.IntRange(0, c.Vocab-1), 1, 16).Draw(t, "tokens")
		rows, closest := forward(c, s.float64s(), 16, tokens)
		if closest < 1e-4 {
			t.Skip("which expert a token gets is a matter of rounding")
		}
		want := flatten(rows)
		run := func(o Options, cut int) []float32 {
			got, err := runOnce(s, o, tokens, cut)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		got := run(Options{Context: 16}, len(tokens))
		worst, scale := 0.0, 0.0
		for i, v := range want {
			worst = max(worst, math.Abs(float64(v)-float64(got[i])))
			scale = max(scale, math.Abs(float64(v)))
		}
		if !(worst <= 1e-4*scale) {
			t.Fatalf("logits differ by %.2g of %.2g", worst, scale)
		}
		o := Options{Context: 16, Threads: rapid.IntRange(1, 4).Draw(t, "threads"), Chunk: rapid.IntRange(1, 16).Draw(t, "chunk")}
		for i, v := range run(o, rapid.IntRange(1, len(tokens)).Draw(t, "cut")) {
			if math.Float32bits(v) != math.Float32bits(got[i]) {
				t.Fatalf("with %+v, logit %d is %v, not %v", o, i, v, got[i])
			}
		}
	})
}

// runOnce opens a source, runs tokens and closes everything.
func runOnce(src source, o Options, tokens []int, cut int) (logits []float32, err error) {
	m, err := open(context.Background(), src, memory.Allowed(o.Memory), o)
	if err != nil {
		return nil, err
	}
	s, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	for at := 0; at < len(tokens) && err == nil; at += cut {
		err = s.Forward(context.Background(), tokens[at:min(at+cut, len(tokens))], 0, func(_ int, row []float32) error {
			logits = append(logits, row...)
			return nil
		})
	}
	for _, close := range []func() error{s.Close, m.Close} {
		if e := close(); err == nil && e != nil {
			err = fmt.Errorf("close: %w", e)
		}
	}
	return logits, err
}
