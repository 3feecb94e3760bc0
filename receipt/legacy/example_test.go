package legacy_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/helix-substrate/helix-substrate/receipt/legacy"
)

// The receipt of a product, as the original writes it, and what an execution receipt says
// of it.
func Example() {
	document := `{"schema": "stream_xw_receipt_v1", "tensor_name": "w", "codec_version": "cdna_v2",
		"streaming_mode": "true_block_streaming", "blocks_touched": [0, 1], "status": "PASS"}`
	var r legacy.StreamXW
	if err := json.Unmarshal([]byte(document), &r); err != nil {
		log.Fatal(err)
	}
	o := r.Operation()
	fmt.Println(o.Name, o.TensorName, o.Hygiene.Codec, o.Hygiene.Mode)
	// Output:
	// stream_xw_matmul w cdna_v2 true_block_streaming
}
