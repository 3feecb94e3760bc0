package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

func TestGeneration(t *testing.T) {
	g := NewGeneration(filepath.Join("some", "where", "tiny"), time.Unix(0, 0))
	c := &g.Claims
	if c.Model != "tiny" || g.Measurements.Started != "1970-01-01T00:00:00Z" {
		t.Errorf("%+v", g)
	}
	c.Restart(0) // before the first turn there is nothing to keep
	prompt := []int{1, 2, 3}
	g.Add(Turn{PromptIDs: prompt, OutputIDs: []int{4, 5}, Stop: "length"}, time.Second, 2*time.Second)
	prompt[0] = 9
	if got := c.TokenIDs(); !slices.Equal(got, []int{1, 2, 3, 4, 5}) {
		t.Errorf("after one turn: %v", got)
	}
	// sha256 of 01000000 02000000 03000000 04000000 05000000
	if want := "4f6addc9659d6fb90fe94b6688a79f2a1fa8d36ec43f8f3e1d9b6528c448a384"; c.TokensSHA256 != want {
		t.Errorf("tokens %s, want %s", c.TokensSHA256, want)
	}
	c.Restart(4)
	g.Add(Turn{PromptIDs: []int{6}, Stop: "error", Error: "a block is damaged"}, time.Second, 0)
	if len(c.Turns) != 2 || c.Turns[1].Keep != 4 || !slices.Equal(c.TokenIDs(), []int{1, 2, 3, 4, 6}) {
		t.Errorf("%+v: %v", c.Turns, c.TokenIDs())
	}
	c.Restart(7) // more than there is
	g.Add(Turn{OutputIDs: []int{7}, Stop: "stop"}, 0, 0)
	if got := c.TokenIDs(); !slices.Equal(got, []int{1, 2, 3, 4, 6, 7}) {
		t.Errorf("after three turns: %v", got)
	}
	m := &g.Measurements
	if m.PromptTokens != 4 || m.OutputTokens != 3 || m.PromptPerSecond() != 2 || m.OutputPerSecond() != 1.5 {
		t.Errorf("%+v", m)
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, g); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"error": "a block is damaged"`, `"stop_ids": []`, `"prompt_ids": []`, `"model_sha256"`, `"n": 0`} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%s is missing in %s", part, &b)
		}
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
