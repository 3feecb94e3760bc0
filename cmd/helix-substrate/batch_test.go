//go:build !race

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
)

// hostileBatch is a batch whose lines take as much memory as lines of their length can, and
// some that are longer, after some that fill the context.
func hostileBatch(context int) []byte {
	longest := generate.MaxBatchLine(context)
	var all []byte
	line := func(url, body string, args ...any) {
		all = fmt.Appendf(all, `{"custom_id": "%d", "method": "POST", "url": "/v1/%s", "body": {"model": "m", "max_tokens": 3, %s}}`+"\n", len(all), url, fmt.Sprintf(body, args...))
	}
	for i := range 8 {
		line("completions", `"prompt": [%d%s]`, i, strings.Repeat(fmt.Sprintf(", %d", 3+i), context-2))
	}
	for _, length := range []int{longest - 200, 5 * longest} {
		for _, piece := range []string{`{"a":0},`, `{},`, `[],`, `0,`, `"",`, `{"a":[{}]},`} {
			line("completions", `"prompt": "Once", "metadata": [%s0]`, strings.Repeat(piece, length/len(piece)))
		}
		keys := ""
		for i := 0; len(keys) < length-12; i++ {
			keys += fmt.Sprintf(`"%x":0,`, i)
		}
		line("completions", `"prompt": "Once", "metadata": {%s"":0}`, keys)
		line("completions", `"prompt": [%s1]`, strings.Repeat("1,", length/2))
		for _, word := range []string{"word ", "a", " ", `\u0000`, `\ud83d\ude00`, "\u6587"} {
			line("completions", `"prompt": "%s"`, strings.Repeat(word, length/len(word)))
			line("completions", `"prompt": "Once", "stop": "%s"`, strings.Repeat(word, length/len(word)))
			line("completions", `"prompt": "Once", "%s": 1`, strings.Repeat(word, length/len(word)))
			line("chat/completions", `"messages": [{"role": "user", "content": "%s"}]`, strings.Repeat(word, length/len(word)))
		}
		message := `{"role": "user", "content": ""},`
		line("chat/completions", `"messages": [%s%s]`, strings.Repeat(message, length/len(message)-1), strings.TrimSuffix(message, ","))
		line("chat/completions", `"messages": [{"role": "user", "content": [%s{"type": "text", "text": "b", "x": 1, "y": 2}]}]`, strings.Repeat(`{"type": "text", "text": "a"},`, length/29-2))
		all = append(all, strings.Repeat("[", length)+"\n"+strings.Repeat("{\"a\":", length/5)+"\n"+strings.Repeat("\x00", length)+"\n"...)
	}
	return all
}

// TestBatchLimits: no line takes the program over its limit, and no answer depends on it,
// nor on how many go together on how many threads.
func TestBatchLimits(t *testing.T) {
	if testing.Short() || testing.CoverMode() != "" {
		t.Skip("it takes some seconds; an instrumented program is larger")
	}
	binary, err := exec.LookPath("helix-substrate")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := demo.Extract(filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	template := `{"chat_template": "{% for m in messages %}{{ m.role + m.content }}\n{% endfor %}"}`
	if err := os.WriteFile(filepath.Join(dir, "checkpoint", "tokenizer_config.json"), []byte(template), 0o666); err != nil {
		t.Fatal(err)
	}
	const context = 512
	if err := os.WriteFile(filepath.Join(dir, "in"), hostileBatch(context), 0o666); err != nil {
		t.Fatal(err)
	}
	batch := func(args ...string) (answers []byte, said string) {
		t.Helper()
		out := filepath.Join(dir, "out")
		_ = os.Remove(out)
		cmd := exec.Command(binary, append([]string{"run", "model", "--batch", "in", "-o", "out", "-c", fmt.Sprint(context)}, args...)...)
		cmd.Dir = dir
		text, _ := cmd.CombinedOutput() // some lines are refused
		answers, _ = os.ReadFile(out)
		return answers, string(text)
	}
	convert := exec.Command(binary, "convert", "checkpoint", "-o", "model", "--no-calibrate", "-q")
	convert.Dir = dir
	if out, err := convert.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, said := batch("--parallel", "1")
	if !strings.Contains(said, " answered, ") {
		t.Fatal(said)
	}
	_, refused := batch("--memory", "1MiB")
	least := 0
	if m := regexp.MustCompile(`at least (\d+)MiB would do`).FindStringSubmatch(refused); m == nil {
		t.Fatal(refused)
	} else if _, err := fmt.Sscan(m[1], &least); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ parallel, more, threads int }{{1, 0, 2}, {8, 15, 3}, {50, 60, 1}} {
		args := []string{"--parallel", fmt.Sprint(c.parallel), "--memory", fmt.Sprintf("%dMiB", least+c.more), "--threads", fmt.Sprint(c.threads)}
		got, said := batch(args...)
		if !strings.Contains(said, " answered, ") || strings.Contains(said, "limit was exceeded") {
			t.Errorf("%v: %s", args, said)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%v: other answers", args)
		}
		t.Log(strings.TrimSpace(said))
	}
}

// TestBatchTakesModelFlags: how a model is run is said to a batch as to one text.
func TestBatchTakesModelFlags(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[modelFlags]()) {
		if name := f.Tag.Get("name"); name != "" && !slices.Contains(withBatch, name) {
			t.Errorf("--%s is refused beside --batch", name)
		}
	}
}
