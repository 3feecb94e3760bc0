package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
)

// ErrLlama reports a llama.cpp program that is not there, fails, or says what is not understood.
var ErrLlama = errors.New("llama.cpp's program")

// Comparison measures a model as it runs here beside a GGUF file as llama.cpp runs it, by turns: each test once here, once
// there, and so on for as many rounds, so that whatever else the machine does meets both.
type Comparison struct {
	Model, GGUF string
	Llama       string // the directory of llama-bench and llama-batched-bench
	Prompts     []int  // tokens of prompts to read
	N           int    // tokens to generate
	Depths      []int  // and after how many others
	Sequences   int    // texts that go together in a further test; 1 for none
	Threads     int    // 0 for GOMAXPROCS
	Rounds      int
	Stderr      io.Writer // where the processes say what is wrong
	// Progress, if set, is told of each measurement.
	Progress func(done, total int, test string)
}

// Compared is a test's outcome: tokens a second of each round, in order.
type Compared struct {
	Test  string    `json:"test"`
	Here  []float64 `json:"here_tokens_per_s"`
	Llama []float64 `json:"llama_tokens_per_s"`
}

// Ratio is the median here divided by the median there.
func (c *Compared) Ratio() float64 { return Median(c.Here) / Median(c.Llama) }

// Median returns the middle of some figures, of an even number the mean of the two in the middle.
func Median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// speedTest is one thing to measure.
type speedTest struct {
	name                        string
	prompt, n, depth, sequences int
}

func (c *Comparison) tests() (list []speedTest) {
	for _, p := range c.Prompts {
		list = append(list, speedTest{fmt.Sprintf("prompt %d", p), p, 0, 0, 1})
	}
	for _, d := range c.Depths {
		list = append(list, speedTest{fmt.Sprintf("generation at depth %d", d), 0, c.N, d, 1})
	}
	if c.Sequences > 1 {
		list = append(list, speedTest{fmt.Sprintf("generation, %d texts", c.Sequences), batchedPrompt, c.N, 0, c.Sequences})
	}
	return list
}

// batchedPrompt is how many tokens each of several texts begins with.
const batchedPrompt = 64

// Run measures. Errors are ErrLlama, those of opening the model, and the context's.
func (c *Comparison) Run(ctx context.Context) ([]Compared, error) {
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	tests := c.tests()
	results := make([]Compared, len(tests))
	for i := range c.Rounds * len(tests) {
		t, r := tests[i%len(tests)], &results[i%len(tests)]
		if c.Progress != nil {
			c.Progress(i, c.Rounds*len(tests), t.name)
		}
		here, err := c.here(ctx, t)
		if err != nil {
			return nil, err
		}
		there, err := c.there(ctx, t)
		if err != nil {
			return nil, err
		}
		r.Test, r.Here, r.Llama = t.name, append(r.Here, here), append(r.Llama, there)
	}
	return results, nil
}

func (c *Comparison) here(ctx context.Context, t speedTest) (float64, error) {
	var g Generation
	w := work{Generation: &generation{Model: c.Model, Prompt: t.prompt, N: t.n, Depth: t.depth, Sequences: t.sequences, Threads: c.Threads}}
	if err := inChild(ctx, c.Model, w, c.Stderr, &g); err != nil {
		return 0, err
	}
	if t.n == 0 {
		return g.PromptPerSec, nil
	}
	return g.GeneratePerSec, nil
}

func (c *Comparison) there(ctx context.Context, t speedTest) (float64, error) {
	if t.sequences > 1 {
		return c.batched(ctx, t)
	}
	out, err := c.llama(ctx, "llama-bench", "-p", strconv.Itoa(t.prompt), "-n", strconv.Itoa(t.n), "-d", strconv.Itoa(t.depth), "-r", "1", "-o", "json")
	if err != nil {
		return 0, err
	}
	var list []struct {
		Speed float64 `json:"avg_ts"`
	}
	if err := json.Unmarshal(out, &list); err != nil || len(list) != 1 || !(list[0].Speed > 0) {
		return 0, fmt.Errorf("%w llama-bench says %.100q", ErrLlama, out)
	}
	return list[0].Speed, nil
}

func (c *Comparison) batched(ctx context.Context, t speedTest) (float64, error) {
	out, err := c.llama(ctx, "llama-batched-bench", "-c", strconv.Itoa(t.sequences*(t.prompt+t.n)), "-npp", strconv.Itoa(t.prompt), "-ntg", strconv.Itoa(t.n),
		"-npl", strconv.Itoa(t.sequences), "--output-format", "jsonl")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(out) {
		var r struct {
			Speed float64 `json:"speed_tg"`
		}
		if json.Unmarshal(line, &r) == nil && r.Speed > 0 {
			return r.Speed, nil
		}
	}
	return 0, fmt.Errorf("%w llama-batched-bench says %.100q", ErrLlama, out)
}

// llama runs one of llama.cpp's programs and returns its output.
func (c *Comparison) llama(ctx context.Context, name string, args ...string) ([]byte, error) {
	args = append([]string{"-m", c.GGUF, "-t", strconv.Itoa(c.Threads)}, args...)
	command := exec.CommandContext(ctx, filepath.Join(c.Llama, name), args...)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if stopped := context.Cause(ctx); stopped != nil {
		return nil, stopped
	}
	if err != nil {
		err = fmt.Errorf("%w %s: %w", ErrLlama, name, err)
		if lines := bytes.Split(bytes.TrimSpace(complaints.Bytes()), []byte("\n")); len(lines[len(lines)-1]) > 0 {
			err = fmt.Errorf("%w: %.200s", err, lines[len(lines)-1])
		}
		return nil, err
	}
	return out, nil
}
