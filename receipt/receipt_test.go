package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"testing"
)

func TestHashFloat32(t *testing.T) {
	// sha256 of 00 00 80 3f 00 00 00 c0, and of nothing
	if got := HashFloat32([]float32{1, -2}); got != "ee4ac73c2bd27756ab82780f27c73a7bc4d3f0bb6acb37e008bc27eccd7e588b" {
		t.Errorf("1, -2: %s", got)
	}
	if got := HashFloat32(nil); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("nothing: %s", got)
	}
	long := make([]float32, 5000)
	long[4999] = 1
	if HashFloat32(long) == HashFloat32(make([]float32, 5000)) {
		t.Error("the last of many values does not count")
	}
}

func TestCompareVsCanonical(t *testing.T) {
	tilt := func(cosine float64) []float32 {
		return []float32{float32(cosine), float32(math.Sqrt(1 - cosine*cosine))}
	}
	for _, c := range []struct {
		y, canonical []float32
		status       string
	}{
		{[]float32{1, 0}, []float32{1, 0}, "PASS"},
		{tilt(0.9991), []float32{1, 0}, "PASS"},
		{tilt(0.9989), []float32{1, 0}, "ACCEPTABLE"},
		{tilt(0.9901), []float32{1, 0}, "ACCEPTABLE"},
		{tilt(0.9899), []float32{1, 0}, "FAIL"},
		{[]float32{0, 0}, []float32{0, 0}, "PASS"},
		{[]float32{0, 0}, []float32{1, 0}, "FAIL"},
		{[]float32{float32(math.NaN()), 0}, []float32{1, 0}, "FAIL"},
		{[]float32{float32(math.Inf(1)), 0}, []float32{1, 0}, "FAIL"},
	} {
		got, err := CompareVsCanonical(c.y, c.canonical)
		if err != nil || got.Status != c.status {
			t.Errorf("%v and %v: %+v, %v; want %s", c.y, c.canonical, got, err, c.status)
		}
		if err := WriteJSON(new(bytes.Buffer), got); err != nil {
			t.Errorf("%+v: %v", got, err)
		}
	}
	if _, err := CompareVsCanonical([]float32{1}, nil); !errors.Is(err, ErrCompare) {
		t.Errorf("other lengths: %v", err)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, &StreamXW{Schema: StreamXWSchema, BlocksTouched: []int{0, 1}}); err != nil {
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
