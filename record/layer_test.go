package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/legacy"
	"github.com/helix-substrate/helix-substrate/stream"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// TestLayer looks at the receipts of a block, in two chunks: of compressed weights that were
// measured, lossless and dense ones.
func TestLayer(t *testing.T) {
	dir := t.TempDir()
	checkpoint, measured, lossless := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "measured"), filepath.Join(dir, "lossless")
	if err := demo.Extract(checkpoint); err != nil {
		t.Fatal(err)
	}
	for _, job := range []convert.Job{
		{Source: checkpoint, Output: measured, Entropy: true, Options: convert.Options{Method: convert.Entropy}}, {Source: checkpoint, Output: lossless, Options: convert.Options{Method: convert.Lossless}},
	} {
		if _, err := convert.Directory(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ path, codec, verify, used string }{
		{measured, "cdna_v2", "trust-cached", "cpu"}, {lossless, "lossless_v1", "trust-cached", ""}, {checkpoint, "dense", "none", ""},
	} {
		of, err := Fingerprint(t.Context(), c.path, "")
		if err != nil {
			t.Fatal(err)
		}
		m, err := transformer.Open(t.Context(), c.path, transformer.Options{Context: 32, Chunk: 2})
		if err != nil {
			t.Fatal(err)
		}
		x := stream.Tensor{Shape: []int{3, m.Config.Hidden}, Data: make([]float32, 3*m.Config.Hidden)}
		for i := range x.Data {
			x.Data[i] = float32(i%7) - 3
		}
		claims := receipt.LayerClaims{Operation: receipt.OpBlock, Layer: 1, Start: 4, CacheType: "f32"}
		y, detail, err := Layer(t.Context(), m, of, &claims, x)
		if err != nil {
			t.Fatal(err)
		}
		r := detail.(*legacy.Block)
		if claims.X.SHA256 != r.ComputeProof.InputSHA256 || r.ComputeProof != proofOf(x.Data, y.Data) || claims.Context != 32 || claims.Model.Architecture != "llama" {
			t.Errorf("%+v, %+v", claims, r)
		}
		if a := r.Attention; a.Schema != legacy.AttentionSchema || a.Layer != 1 || a.StartPosition != 4 || a.Tokens != 3 || a.Heads != m.Config.Heads || a.RopePairing != "half_split" {
			t.Errorf("%+v", a)
		}
		var names []string
		for _, p := range append(r.Attention.Projections, r.FFN.Projections...) {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(p.TensorName, "model.layers.1."), "_proj.weight"))
			if p.CodecVersion != c.codec || p.VerifyPolicy != c.verify || p.Kernel.ExecutorUsed != c.used || p.StreamingMode != legacy.Resident || p.Rows != nil {
				t.Errorf("%s: %+v", c.path, p)
			}
		}
		const want = "[self_attn.q self_attn.k self_attn.v self_attn.o self_attn.q self_attn.k self_attn.v self_attn.o mlp.gate mlp.up mlp.down mlp.gate mlp.up mlp.down]"
		if fmt.Sprint(names) != want {
			t.Errorf("%v", names)
		}
		if n := len(detail.Operations()); n != 3+14 {
			t.Errorf("%d operations", n)
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
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
