package transformer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/internal/npy"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/stream"
)

// embedded returns the embeddings of tokens.
func embedded(t testing.TB, m *Model, tokens []int) stream.Tensor {
	t.Helper()
	x := stream.Tensor{Shape: []int{len(tokens), m.Config.Hidden}, Data: make([]float32, len(tokens)*m.Config.Hidden)}
	if err := m.embed(x.Data, tokens); err != nil {
		t.Fatal(err)
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
		y, r, err := m.Block(t.Context(), 0, embedded(t, m, ids), 0)
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
		if chunks := (len(ids) + m.Plan.Chunk - 1) / m.Plan.Chunk; len(r.Attention.Projections) != 4*chunks || len(r.FFN.Projections) != 3*chunks {
			t.Errorf("receipts of %d and %d projections in %d chunks", len(r.Attention.Projections), len(r.FFN.Projections), chunks)
		}
	}
}

// TestBlocksMakeTheModel: embeddings through all blocks and the head give the bits of
// Forward, for every family.
func TestBlocksMakeTheModel(t *testing.T) {
	for _, name := range fixtureNames(t) {
		f := openFixture(t, name)
		m := openModel(t, f.dir, Options{Context: f.Context, Chunk: 5})
		x := embedded(t, m, f.Tokens)
		for l := range m.Config.Layers {
			y, _, err := m.Block(t.Context(), l, x, 0)
			if err != nil {
				t.Fatal(err)
			}
			x = y
		}
		h := x.Data
		rmsNormRows(h, h, m.norm, m.Config.Hidden, m.Config.NormEps, m.Config.NormOffset)
		got := make([]float32, len(f.Tokens)*m.Config.Vocab)
		if err := m.head.apply(t.Context(), got, h); err != nil {
			t.Fatal(err)
		}
		softcap(got, m.Config.LogitSoftcap)
		for i, want := range allLogits(t, m, f.Tokens, len(f.Tokens)) {
			if math.Float32bits(got[i]) != math.Float32bits(want) {
				t.Fatalf("%s: logit %d is %v, not %v", name, i, got[i], want)
			}
		}
	}
}

// TestLayerReceipts looks at the receipts of a compressed model, resident and
// streamed, and of the dense one.
func TestLayerReceipts(t *testing.T) {
	f := openFixture(t, "phi3") // its fused projections use rows of one matrix
	dir := filepath.Join(t.TempDir(), "model")
	if _, err := convert.Directory(t.Context(), convert.Job{Source: f.dir, Output: dir, Options: convert.Options{BlockRows: 8}}); err != nil {
		t.Fatal(err)
	}
	resident := openModel(t, dir, Options{Context: 32, Chunk: 8})
	streamed := openStreamed(t, dir, Options{Context: 32, Chunk: 8})
	var first *receipt.Block
	for _, m := range []*Model{resident, streamed, openModel(t, f.dir, Options{Context: 32})} {
		x := embedded(t, m, f.Tokens[:4])
		before := slices.Clone(x.Data)
		y, r, err := m.Block(t.Context(), 1, x, 3)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x.Data, before) {
			t.Error("x is overwritten")
		}
		if r.ComputeProof.InputSHA256 != receipt.HashFloat32(x.Data) || r.ComputeProof.OutputSHA256 != receipt.HashFloat32(y.Data) {
			t.Error("the block's hashes are not those of x and y")
		}
		var names, rows []string
		for _, p := range append(slices.Clone(r.Attention.Projections), r.FFN.Projections...) {
			if m == streamed != (p.StreamingMode == receipt.BlockStreaming) {
				t.Errorf("streaming mode %s", p.StreamingMode)
			}
			if p.Schema != receipt.StreamXWSchema || p.Status != "PASS" {
				t.Errorf("projection %+v", p)
			}
			names, rows = append(names, strings.TrimPrefix(p.TensorName, "model.layers.1.")), append(rows, fmt.Sprint(p.Rows))
		}
		const want = "[self_attn.qkv_proj.weight self_attn.qkv_proj.weight self_attn.qkv_proj.weight self_attn.o_proj.weight " +
			"mlp.gate_up_proj.weight mlp.gate_up_proj.weight mlp.down_proj.weight]"
		if fmt.Sprint(names) != want || fmt.Sprint(rows) != "[[0 32] [32 48] [48 64] [] [0 40] [40 80] []]" {
			t.Errorf("projections %v, rows %v", names, rows)
		}
		if m == streamed && fmt.Sprint(r.Attention.Projections[1].BlocksTouched) != "[4 5]" {
			t.Errorf("keys come from blocks %v", r.Attention.Projections[1].BlocksTouched)
		}
		if a := r.Attention; a.Schema != receipt.AttentionSchema || a.Layer != 1 || a.StartPosition != 3 || a.Tokens != 4 || a.Hidden != 32 ||
			a.Heads != 2 || a.KVHeads != 1 || a.HeadDim != 16 || a.SlidingWindow != 9 || a.RopePairing != "half_split" || a.Architecture != "phi3" {
			t.Errorf("attention %+v", a)
		}
		// Each layer's output goes on into the next.
		if r.Attention.ComputeProof.InputSHA256 != r.Attention.Projections[0].ComputeProof.InputSHA256 ||
			r.Attention.ComputeProof.OutputSHA256 != r.Attention.Projections[3].ComputeProof.OutputSHA256 ||
			r.FFN.ComputeProof.OutputSHA256 != r.FFN.Projections[2].ComputeProof.OutputSHA256 {
			t.Error("hashes of layers and projections disagree")
		}
		if m == resident {
			first = r
		} else if m == streamed && r.ComputeProof != first.ComputeProof {
			t.Error("streamed and resident blocks differ")
		}
		var b bytes.Buffer
		if err := receipt.WriteJSON(&b, r); err != nil {
			t.Fatal(err)
		}
		var back map[string]any
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"schema", "layer", "tokens", "compute_proof", "duration_ms", "projections_ms", "start_pos", "attention", "ffn", "status"} {
			if back[key] == nil {
				t.Errorf("no %s in the receipt", key)
			}
		}
	}
}

// TestAttentionStart: attention looks at distances only, so positions may begin
// anywhere.
func TestAttentionStart(t *testing.T) {
	f := openFixture(t, "llama")
	m := openModel(t, f.dir, Options{})
	x := embedded(t, m, f.Tokens)
	want, _, err := m.Attention(t.Context(), 0, x, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := m.Attention(t.Context(), 0, x, 40)
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
		_, _, err := m.Attention(t.Context(), c.layer, c.x, c.start)
		_, _, blockErr := m.Block(t.Context(), c.layer, c.x, c.start)
		if !errors.Is(err, c.want) || !errors.Is(blockErr, c.want) {
			t.Errorf("layer %d, %v at %d: %v and %v, want %v", c.layer, c.x.Shape, c.start, err, blockErr, c.want)
		}
		if c.start == 0 {
			if _, _, err := m.FFN(t.Context(), c.layer, c.x); !errors.Is(err, c.want) {
				t.Errorf("FFN, layer %d, %v: %v, want %v", c.layer, c.x.Shape, err, c.want)
			}
		}
	}
}
