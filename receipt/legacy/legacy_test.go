package legacy

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/helix-substrate/helix-substrate/receipt"
)

// TestKeys: the original's names are all there.
func TestKeys(t *testing.T) {
	var b bytes.Buffer
	if err := receipt.WriteJSON(&b, &StreamXW{Schema: StreamXWSchema, BlocksTouched: []int{0, 1}}); err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"schema", "tensor_name", "cdna_path", "codec_version", "streaming_mode", "transpose_w", "projection_mode",
		"blocks_touched", "blocks_verified", "sidecar_applied", "sidecar_corrections", "compute_proof", "memory_audit", "duration_ms",
		"timestamp", "status", "timing_breakdown", "native_kernel"} {
		if _, ok := back[key]; !ok {
			t.Errorf("the original's key %s is missing", key)
		}
	}
}
