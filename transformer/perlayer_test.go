package transformer

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/helix-substrate/helix-substrate/arch"
)

// TestPerLayerRows: of a checkpoint's table of embeddings by layer none is in memory, and converted models with one have the
// same bits within a limit, for other chunks and threads.
func TestPerLayerRows(t *testing.T) {
	f := openFixture(t, "gemma4-layers")
	table := func(p *Plan) Placement {
		i := slices.IndexFunc(p.Matrices, func(m Placement) bool { return m.Name == arch.PerLayerEmbeddingName })
		if i < 0 {
			t.Fatal("no table in the plan")
		}
		return p.Matrices[i]
	}
	dense, err := PlanFor(t.Context(), f.dir, Options{Context: f.Context})
	if err != nil {
		t.Fatal(err)
	}
	if table(dense).Resident {
		t.Error("a checkpoint's table is in memory")
	}
	for _, method := range []string{"entropy", "lossless"} {
		dir := filepath.Join(t.TempDir(), "model")
		convertTo(t, f.dir, dir, "method="+method)
		free := openModel(t, dir, Options{Context: f.Context})
		want := allLogits(t, free, f.Tokens, len(f.Tokens))
		m := openModel(t, dir, Options{Context: f.Context, Memory: free.Plan.Minimum + 8<<20, Chunk: 5, Threads: 2})
		if got := allLogits(t, m, f.Tokens, 3); !slices.Equal(got, want) {
			t.Errorf("%s: other logits within a limit", method)
		}
	}
}
