package transformer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/stream"
)

// embedded returns the embeddings of tokens.
func embedded(t testing.TB, m *Model, tokens []int) stream.Tensor {
	t.Helper()
	x := stream.Tensor{Shape: []int{len(tokens), m.Config.Hidden}, Data: make([]float32, len(tokens)*m.Config.Hidden)}
	for i, id := range tokens {
		if err := m.embed(t.Context(), x.Data[i*m.Config.Hidden:][:m.Config.Hidden], id); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// TestGoldenBlock compares the hidden states after the first layer with golden
// ones, whole and cut into chunks.
func TestGoldenBlock(t *testing.T) {
	dir := needShared(t, "golden/llama/tinystories-656k-bf16")
	var ids []int
	readJSON(t, filepath.Join(dir, "ids.json"), &ids)
	want, shape, err := npy.ReadFloat32(filepath.Join(dir, "hidden_after_layer0.npy"))
	if err != nil {
		t.Fatal(err)
	}
	ids = ids[:shape[0]]
	var first []float32
	for _, chunk := range []int{0, 100} {
		m := openModel(t, needShared(t, "models/tinystories-656k-bf16"), Options{Chunk: chunk})
		var told tracer
		y, err := m.Block(t.Context(), 0, embedded(t, m, ids), 0, told.trace())
		if err != nil {
			t.Fatal(err)
		}
		if worst := largestError(t, y.Data, want); !(worst <= 1e-5) {
			t.Errorf("hidden states differ by %.2g of the largest", worst)
		}
		if first == nil {
			first = y.Data
		} else if !slices.Equal(y.Data, first) {
			t.Error("other bits in chunks")
		}
		if chunks := (len(ids) + m.Plan.Chunk - 1) / m.Plan.Chunk; len(told.products) != 7*chunks {
			t.Errorf("%d products in %d chunks", len(told.products), chunks)
		}
	}
}

// TestBlocksMakeTheModel: embeddings through all blocks and the head give the bits of
// Forward, for every family.
func TestBlocksMakeTheModel(t *testing.T) {
	for _, name := range fixtureNames(t) {
		f := openFixture(t, name)
		m := openModel(t, f.dir, Options{Context: f.Context, Chunk: 5})
		if !f.config.LayersAlone() || f.config.Experts.Beside {
			if _, err := m.Block(t.Context(), 0, embedded(t, m, f.Tokens), 0, nil); !errors.Is(err, ErrLayer) {
				t.Errorf("%s: a layer alone: %v", name, err)
			}
			continue
		}
		x := embedded(t, m, f.Tokens)
		for l := range m.Config.Layers {
			y, err := m.Block(t.Context(), l, x, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			x = y
		}
		h := x.Data
		normRows(m.Config, h, h, m.norm, m.Config.Hidden)
		got := make([]float32, len(f.Tokens)*m.Config.Vocab)
		if err := m.engine.DotAll(t.Context(), h, m.head.to(got)); err != nil {
			t.Fatal(err)
		}
		if err := m.softcap(t.Context(), new(capping), got); err != nil {
			t.Fatal(err)
		}
		for i, want := range allLogits(t, m, f.Tokens, len(f.Tokens)) {
			if math.Float32bits(got[i]) != math.Float32bits(want) {
				t.Fatalf("%s: logit %d is %v, not %v", name, i, got[i], want)
			}
		}
	}
}

// product is one that a traced layer made.
type product struct {
	name  string
	a, b  int
	x, y  []float32
	stats stream.Stats
}

// tracer notes what a layer's run does.
type tracer struct {
	products []product
	layers   []LayerRun // with copies of X and Y
}

func (t *tracer) trace() *Trace {
	return &Trace{
		Matrix: func(name string, w stream.Matrix) stream.Matrix { return &tracedMatrix{w, name, t} },
		Layer: func(l LayerRun) {
			l.X.Data, l.Y.Data = slices.Clone(l.X.Data), slices.Clone(l.Y.Data)
			t.layers = append(t.layers, l)
		},
	}
}

type tracedMatrix struct {
	stream.Matrix
	name string
	t    *tracer
}

func (m *tracedMatrix) RowsDot(ctx context.Context, y, x []float32, a, b int) (stream.Stats, error) {
	stats, err := m.Matrix.RowsDot(ctx, y, x, a, b)
	m.t.products = append(m.t.products, product{m.name, a, b, slices.Clone(x), slices.Clone(y), stats})
	return stats, err
}

// TestTrace looks at what is told of a compressed model's block, resident and streamed,
// and of the dense one's.
func TestTrace(t *testing.T) {
	f := openFixture(t, "phi3") // its fused projections use rows of one matrix
	dir := filepath.Join(t.TempDir(), "model")
	convertTo(t, f.dir, dir, "block-rows=8")
	resident := openModel(t, dir, Options{Context: 32, Chunk: 8})
	streamed := openStreamed(t, dir, Options{Context: 32, Chunk: 8})
	var first []LayerRun
	for _, m := range []*Model{resident, streamed, openModel(t, f.dir, Options{Context: 32})} {
		x := embedded(t, m, f.Tokens[:4])
		before := slices.Clone(x.Data)
		var told tracer
		y, err := m.Block(t.Context(), 1, x, 3, told.trace())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x.Data, before) {
			t.Error("x is overwritten")
		}
		var names, rows []string
		for _, p := range told.products {
			if m == streamed != (p.stats.ResidentBytes == 0) {
				t.Errorf("%s: %d bytes resident", p.name, p.stats.ResidentBytes)
			}
			names, rows = append(names, strings.TrimPrefix(p.name, "model.layers.1.")), append(rows, fmt.Sprint(p.a, p.b))
		}
		const want = "[self_attn.qkv_proj.weight self_attn.qkv_proj.weight self_attn.qkv_proj.weight self_attn.o_proj.weight " +
			"mlp.gate_up_proj.weight mlp.gate_up_proj.weight mlp.down_proj.weight]"
		if fmt.Sprint(names) != want || fmt.Sprint(rows) != "[0 32 32 48 48 64 0 32 0 40 40 80 0 32]" {
			t.Errorf("products %v, rows %v", names, rows)
		}
		if s := told.products[1].stats; m == streamed && (s.FirstBlock != 4 || s.LastBlock != 6) {
			t.Errorf("keys come from blocks %d to %d", s.FirstBlock, s.LastBlock)
		}
		if len(told.layers) != 3 {
			t.Fatalf("%d layers", len(told.layers))
		}
		attention, ffn, block := told.layers[0], told.layers[1], told.layers[2]
		if attention.Kind != KindAttention || attention.Layer != 1 || attention.Start != 3 || attention.Window != 9 || attention.Rope.Theta != m.Config.RopeOf(1).Theta {
			t.Errorf("attention %+v", attention)
		}
		if ffn.Kind != KindFFN || block.Kind != KindBlock || block.Start != 3 || block.Duration < attention.Duration+ffn.Duration {
			t.Errorf("ffn %+v, block %+v", ffn, block)
		}
		// Each layer's output goes on into the next.
		for _, pair := range [][2][]float32{
			{block.X.Data, x.Data}, {block.Y.Data, y.Data}, {attention.X.Data, told.products[0].x}, {attention.Y.Data, told.products[3].y},
			{ffn.X.Data, told.products[4].x}, {ffn.Y.Data, told.products[6].y},
		} {
			if !slices.Equal(pair[0], pair[1]) {
				t.Error("vectors of layers and products disagree")
			}
		}
		if m == resident {
			first = told.layers
		} else if m == streamed && !slices.Equal(block.Y.Data, first[2].Y.Data) {
			t.Error("streamed and resident blocks differ")
		}
	}
}

// TestAttentionStart: attention looks at distances only, so positions may begin
// anywhere.
func TestAttentionStart(t *testing.T) {
	f := openFixture(t, "llama")
	m := openModel(t, f.dir, Options{})
	x := embedded(t, m, f.Tokens)
	want, err := m.Attention(t.Context(), 0, x, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Attention(t.Context(), 0, x, 40, nil)
	if err != nil {
		t.Fatal(err)
	}
	if worst := largestError(t, got.Data, want.Data); !(worst <= 1e-5) {
		t.Errorf("from position 40 on, the output differs by %.2g", worst)
	}
	if slices.Equal(got.Data, want.Data) {
		t.Error("positions are not used")
	}
}

func TestLayerErrors(t *testing.T) {
	f := openFixture(t, "llama")
	m := openModel(t, f.dir, Options{Context: 8})
	tensor := func(shape ...int) stream.Tensor {
		return stream.Tensor{Shape: shape, Data: make([]float32, 4*32)}
	}
	for _, c := range []struct {
		layer int
		x     stream.Tensor
		start int
		want  error
	}{
		{-1, tensor(4, 32), 0, ErrLayer},
		{2, tensor(4, 32), 0, ErrLayer},
		{0, tensor(128), 0, stream.ErrShape},
		{0, tensor(2, 64), 0, stream.ErrShape},
		{0, tensor(5, 32), 0, stream.ErrShape},
		{0, tensor(-4, 32), 0, stream.ErrShape},
		{0, stream.Tensor{Shape: []int{0, 32}}, 0, stream.ErrShape},
		{0, stream.Tensor{}, 0, stream.ErrShape},
		{0, tensor(4, 32), -1, ErrContext},
		{0, tensor(4, 32), 5, ErrContext},
	} {
		_, err := m.Attention(t.Context(), c.layer, c.x, c.start, nil)
		_, blockErr := m.Block(t.Context(), c.layer, c.x, c.start, nil)
		if !errors.Is(err, c.want) || !errors.Is(blockErr, c.want) {
			t.Errorf("layer %d, %v at %d: %v and %v, want %v", c.layer, c.x.Shape, c.start, err, blockErr, c.want)
		}
		if c.start == 0 {
			if _, err := m.FFN(t.Context(), c.layer, c.x, nil); !errors.Is(err, c.want) {
				t.Errorf("FFN, layer %d, %v: %v, want %v", c.layer, c.x.Shape, err, c.want)
			}
		}
	}
}
