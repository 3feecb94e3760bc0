package helix_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/cdna"
)

func ExampleInspect() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "layer.cdna2.hxz")
	if _, err := helix.Encode(ctx, path, "layer", weights(), 64, helix.Options{}); err != nil {
		log.Fatal(err)
	}

	d, err := helix.Inspect(ctx, path, helix.InspectOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.File.Tensor, d.File.Shape, d.File.NumBlocks, "block, packed by", d.File.Encoding)
	v, err := helix.Verify(ctx, path, helix.VerifyOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Checks[0].Name, "verified, error:", v.Checks[0].Err)
	// Output:
	// layer [48 64] 1 block, packed by zstd
	// layer verified, error: <nil>
}

// TestVerifyFile: a damaged block is a check's error, not Verify's.
func TestVerifyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "layer.cdna2.hxz")
	if _, err := helix.Encode(t.Context(), path, "layer", weights(), 64, helix.Options{Codec: "none"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := helix.Verify(t.Context(), path, helix.VerifyOptions{})
	if err != nil || len(v.Checks) != 1 || !errors.Is(v.Checks[0].Err, cdna.ErrChecksum) {
		t.Errorf("%+v, %v", v, err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := helix.Verify(canceled, path, helix.VerifyOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
