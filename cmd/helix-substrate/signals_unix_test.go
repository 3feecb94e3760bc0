//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/bench"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// TestSignals sends SIGTERM to every verb that can work for long, at a random moment: it
// ends with exit code 130 and one line, and what is left is what was there before, but for
// a conversion's .partial, which the next one takes up. How long each took is logged, as is
// one that did not look at its context and was cut off.
func TestSignals(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for a minute")
	}
	s := newSignalled(t)
	for _, line := range []string{
		"convert big -o out --threads 1 --calibrate-tokens 1024 -q",
		"convert big -o out --threads 1 --no-calibrate --codec brotli -q",
		"convert big -o out --threads 1 --no-calibrate --bits 3 -q",
		"convert big -o out --threads 1 --no-calibrate --size 6MB -q",
		"convert big -o out --threads 1 --method lossless -q",
		"convert big -o out --threads 1 --no-calibrate --se -q",
		"convert big -o out --threads 1 --no-calibrate --size 6MB --dry-run -q",
		"convert wide.npy -o out --threads 1 --method kmeans -q",
		"encode wide.npy -o out.cdna2.hxz --threads 1 --codec brotli",
		"encode wide.npy -o out.cdna2.hxz --threads 1 --method kmeans",
		"decode wide.cdna2.hxz -o out.npy",
		"inspect wide.cdna --blocks",
		"inspect bigcdna",
		"verify converted --threads 1",
		"verify converted --threads 1 --rebuild big",
		"verify wide.cdna",
		"matmul --x x.npy --w wide.cdna2.hxz --out y.npy --threads 1",
		"matmul --x xt.npy --w wide.cdna2.hxz --transpose --out y.npy --threads 1",
		"run demo -c 100000 --threads 1 < story",
		"run demo -c 4096 -n 4000 --threads 1 Once",
		"run big --threads 1 Once",
		"run converted --threads 1 Once",
		"run demo --batch batch.jsonl -o out.jsonl --threads 1",
		"run big --batch batch.jsonl -o out.jsonl -c 4096 --memory 200MiB --threads 1",
		"run demo < -",
		"run demo --chat < -",
		"forward demo -c 100000 --threads 1 -o out.npy --ids " + strings.Repeat("1,", 9000) + "1",
		"forward big -c 100000 --threads 1 -o out.npy --ids " + strings.Repeat("1,", 900) + "1",
		"layer bigcdna --layer 0 --x hidden.npy -c 4096 --threads 1 -o out.npy",
		"eval ppl demo --text story --threads 1",
		"eval kld demo --reference demo --text story --threads 1",
		"export bigcdna -o out.safetensors",
		"export converted -o out.gguf",
		"diff big bigcdna",
		"se wide.npy --threads 1 --estimator gram",
		"se wide.npy --threads 1",
		"plan big",
		"bench codec",
		"bench codebook wide.npy",
		"bench kernels --dir scratch",
		"bench memory --dir scratch",
		"bench matmul --dir scratch",
		"bench generate --dir scratch",
		"receipt replay run.json --threads 1",
		"receipt replay convert.json --threads 1",
		"receipt log verify log.jsonl",
		"demo -o out",
	} {
		t.Run(name(line), func(t *testing.T) { s.interrupt(t, line) })
	}
	t.Run("twice", s.twice)
}

// name is a command line as a test's name.
func name(line string) string {
	return strings.Join(strings.Fields(line[:min(len(line), 60)]), "_")
}

// signalled is a directory with inputs that keep verbs busy.
type signalled struct {
	binary, dir string
	random      *rand.Rand
}

func newSignalled(t *testing.T) *signalled {
	binary, err := exec.LookPath("helix-substrate")
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &signalled{binary, t.TempDir(), rand.New(rand.NewPCG(seed, 0))}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Weights of many magnitudes: no codebook is designed in a moment.
	const side = 4096
	w := bench.Gaussian(side*side, 1)
	for i := range w {
		w[i] *= float32(1 + i%977)
	}
	check(npy.Create(s.path("wide.npy"), []int{side, side}, w))
	check(npy.Create(s.path("x.npy"), []int{2048, side}, w[:2048*side]))
	check(npy.Create(s.path("xt.npy"), []int{2048, side}, w[:2048*side]))
	check(npy.Create(s.path("hidden.npy"), []int{4096, 512}, bench.Gaussian(4096*512, 2)))
	check(os.WriteFile(s.path("story"), []byte(strings.Repeat("Once upon a time, there was a little girl. ", 4000)), 0o666))
	request := `{"custom_id": "%d", "method": "POST", "url": "/v1/completions", "body": {"model": "m", "prompt": "Once", "max_tokens": 400}}` + "\n"
	var batch []byte
	for i := range 400 {
		batch = fmt.Appendf(batch, request, i)
	}
	check(os.WriteFile(s.path("batch.jsonl"), batch, 0o666))
	for _, dir := range []string{"scratch", "temporary", "big"} {
		check(os.Mkdir(s.path(dir), 0o777))
	}
	check(demo.Extract(s.path("demo")))
	check(os.WriteFile(s.path("demo/tokenizer_config.json"), []byte(`{"chat_template": "{{ messages[-1].content }}"}`), 0o666))
	check(os.WriteFile(s.path("big/tokenizer.json"), []byte(byteLevel), 0o666))
	big := bench.Llama{Layers: 4, Hidden: 512, FFN: 1536, Heads: 8, KVHeads: 4, Vocab: 4096}
	check(big.Make(t.Context(), s.path("bigcdna"), 256, "zstd"))
	s.must(t, "export", "bigcdna", "-o", "big/model.safetensors", "-q")
	s.must(t, "encode", "wide.npy", "-o", "wide.cdna2.hxz")
	s.must(t, "encode", "wide.npy", "-o", "wide.cdna")
	s.must(t, "convert", "big", "-o", "converted", "-q", "--calibrate-tokens", "1024", "--receipt", "convert.json")
	s.must(t, "run", "demo", "Once", "-n", "2000", "-c", "2048", "--receipt", "run.json", "--log", "log.jsonl")
	return s
}

// byteLevel is a tokenizer that knows one word, cut as GPT-2 does.
const byteLevel = `{"model": {"type": "BPE", "vocab": {"O": 0, "n": 1, "c": 2, "e": 3}, "merges": []},
	"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"}}`

func (s *signalled) path(name string) string { return filepath.Join(s.dir, name) }

// command is a run of the program; what it leaves in the system's temporary directory is
// found like everything else.
func (s *signalled) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.binary, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+s.path("temporary"))
	return cmd
}

func (s *signalled) must(t *testing.T, args ...string) {
	t.Helper()
	if out, err := s.command(args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// files are all that is there.
func (s *signalled) files(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		files = append(files, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// start starts a command line: "verb arguments < file", where "-" is a pipe that says
// nothing and does not end.
func (s *signalled) start(t *testing.T, line string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	line, input, redirected := strings.Cut(line, " < ")
	cmd, stderr = s.command(strings.Fields(line)...), new(bytes.Buffer)
	cmd.Stderr = stderr
	if input == "-" {
		pipe, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pipe.Close() })
	} else if redirected {
		file, err := os.Open(s.path(input))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cmd.Stdin = file
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, stderr
}

// interrupt runs a command line and sends it SIGTERM within its first half second, or earlier
// where it does not take that long.
func (s *signalled) interrupt(t *testing.T, line string) {
	before := s.files(t)
	delay := time.Duration(50+s.random.IntN(450)) * time.Millisecond
	for range 5 {
		cmd, stderr := s.start(t, line)
		started, done := time.Now(), make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(delay):
		}
		sent := time.Now()
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-done
		took := time.Since(sent)
		var left []string
		for _, path := range s.files(t) {
			if !slices.Contains(before, path) {
				left = append(left, strings.TrimPrefix(path, s.dir+"/"))
			}
		}
		for _, name := range left {
			os.RemoveAll(s.path(name))
		}
		code := cmd.ProcessState.ExitCode()
		if code == exitOK || !cmd.ProcessState.Exited() { // too late, or before signals were caught
			delay = time.Duration((0.2 + 0.6*s.random.Float64()) * float64(sent.Sub(started)))
			if !cmd.ProcessState.Exited() {
				delay = 2*delay + 20*time.Millisecond
			}
			continue
		}
		text := stderr.String()
		cut := strings.Contains(text, "in the midst")
		if lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n"); code != exitInterrupted ||
			strings.Count(text, "helix-substrate: interrupted") != 1 || !strings.HasPrefix(lines[len(lines)-1], "helix-substrate: interrupted") {
			t.Errorf("after %v: exit code %d\n%s", delay, code, text)
		}
		for _, name := range left {
			if top, _, _ := strings.Cut(name, "/"); !(top == ".out.partial" && strings.HasPrefix(line, "convert ")) && !(cut && strings.Contains(name, ".partial")) {
				t.Errorf("after %v: %s is left", delay, name)
			}
		}
		t.Logf("after %d ms: ended in %d ms, cut off: %v", delay.Milliseconds(), took.Milliseconds(), cut)
		return
	}
	t.Log("always done before")
}

// appears waits for a file that a command makes when it is at work, and so catches signals.
func appears(t *testing.T, pattern string) {
	t.Helper()
	for range 6000 {
		if found, err := filepath.Glob(pattern); err != nil || len(found) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %s after a minute", pattern)
}

// twice sends a second signal as soon as the first can have been taken: it ends at once,
// whatever the verb does.
func (s *signalled) twice(t *testing.T) {
	cmd, stderr := s.start(t, "convert big -o out --threads 1 --no-calibrate --codec brotli -q")
	appears(t, s.path(".out.partial"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { // signals in quick succession are merged into one
		for ctx.Err() == nil && cmd.Process.Signal(syscall.SIGINT) == nil {
			time.Sleep(time.Millisecond)
		}
	}()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
