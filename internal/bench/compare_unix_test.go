//go:build unix

package bench

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLlamaPrograms reads what llama.cpp's programs print, from scripts that print the same.
func TestLlamaPrograms(t *testing.T) {
	write := func(name, script string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o777); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	alone, together := speedTest{"", 0, 8, 0, 1}, speedTest{"", 64, 8, 0, 4}
	for _, c := range []struct {
		name, script string
		test         speedTest
		want         float64
		says         string
	}{
		{"llama-bench", `echo '[ { "n_prompt": 0, "avg_ts": 12.5 } ]'`, alone, 12.5, ""},
		{"llama-bench", `echo "$*" >&2; exit 1`, alone, 0, "-m file -t 3 -p 0 -n 8 -d 0"},
		{"llama-bench", "echo nothing", alone, 0, "says"},
		{"llama-bench", "echo '[]'", alone, 0, "says"},
		{"llama-bench", `echo '[{"avg_ts":0}]'`, alone, 0, "says"},
		{"another", "", alone, 0, "no such file"},
		{"llama-batched-bench", "echo loading\n" + `echo '{"pl":4,"speed_tg":40}'`, together, 40, ""},
		{"llama-batched-bench", "echo loading", together, 0, "says"},
		{"llama-batched-bench", `echo "$*" >&2; exit 1`, together, 0, "-c 288 -npp 64 -ntg 8 -npl 4"},
	} {
		compare := Comparison{GGUF: "file", Llama: write(c.name, c.script), Threads: 3}
		got, err := compare.there(t.Context(), c.test)
		if got != c.want || (err != nil) != (c.says != "") {
			t.Errorf("%s %q: %v, %v", c.name, c.script, got, err)
		}
		if err != nil && (!errors.Is(err, ErrLlama) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s %q: %v", c.name, c.script, err)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		figures []float64
		want    float64
	}{{[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(c.figures); got != c.want {
			t.Errorf("%v: %v, want %v", c.figures, got, c.want)
		}
	}
}
