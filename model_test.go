package helix_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/export"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/memory"
	"github.com/helix-substrate/helix-substrate/transformer"
)

const opening = "Once upon a time, there was a little"

// checkpoint extracts the built-in model and gives it a chat template.
func checkpoint(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoint")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	template := "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(template), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open opens a model until the test's end.
func open(t testing.TB, path string, o helix.ModelOptions) *helix.Model {
	t.Helper()
	m, err := helix.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// read ranges over a text to its end.
func read(texts iter.Seq2[string, error]) (string, error) {
	var all strings.Builder
	for text, err := range texts {
		if err != nil {
			return all.String(), err
		}
		all.WriteString(text)
	}
	return all.String(), nil
}

// must is read of a text that has no error.
func must(t testing.TB, texts iter.Seq2[string, error]) string {
	t.Helper()
	text, err := read(texts)
	if err != nil {
		t.Error(err)
	}
	return text
}

// TestOpen opens every kind of path: they give the same text where they have the same weights.
func TestOpen(t *testing.T) {
	src := checkpoint(t)
	dst, gguf := filepath.Join(t.TempDir(), "model"), filepath.Join(t.TempDir(), "model.gguf")
	if _, err := helix.Convert(t.Context(), src, dst, helix.Options{Method: "lossless"}); err != nil {
		t.Fatal(err)
	}
	if _, err := export.File(t.Context(), src, gguf, export.Options{}); err != nil {
		t.Fatal(err)
	}
	var want string
	for _, path := range []string{src, dst, gguf, filepath.Join(src, "model.safetensors")} {
		m := open(t, path, helix.ModelOptions{Context: 64})
		got := must(t, m.Generate(t.Context(), opening, helix.GenerateOptions{MaxTokens: 20}))
		if want == "" {
			want = got
		}
		if got != want || got == "" {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if _, err := helix.Open(t.Context(), "mistralai/Mistral-7B-v0.1", helix.ModelOptions{}); !errors.Is(err, generate.ErrRepository) || !strings.Contains(err.Error(), "convert it first") {
		t.Errorf("a repository: %v", err)
	}
	if _, err := helix.Open(t.Context(), filepath.Join(src, "absent"), helix.ModelOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := helix.Open(ended, src, helix.ModelOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// TestGenerate: what a loop is given, what it leaves behind, and how it ends.
func TestGenerate(t *testing.T) {
	m := open(t, checkpoint(t), helix.ModelOptions{Context: 96})
	var r helix.Result
	o := helix.GenerateOptions{MaxTokens: 30, Result: &r}
	want := must(t, m.Generate(t.Context(), opening, o))
	if r.Text != want || r.OutputTokens != 30 || r.Stop != generate.StopLength || r.KeptTokens != 0 || r.PromptTokens < 5 {
		t.Errorf("%+v of %q", r, want)
	}
	if got := must(t, m.Generate(t.Context(), opening, o)); got != want || r.KeptTokens != r.PromptTokens-1 {
		t.Errorf("again: %q with %+v", got, r)
	}
	seeded := helix.GenerateOptions{MaxTokens: 30, Temperature: 1, Seed: 7}
	if a, b := must(t, m.Generate(t.Context(), opening, seeded)), must(t, m.Generate(t.Context(), opening, seeded)); a != b || a == want {
		t.Errorf("one seed: %q and %q", a, b)
	}

	pieces := 0
	for _, err := range m.Generate(t.Context(), opening, o) {
		if pieces++; err != nil || pieces == 3 {
			break
		}
	}
	if pieces != 3 || r.Stop != generate.StopCancel || !strings.HasPrefix(want, r.Text) {
		t.Errorf("broken off after %d pieces: %+v", pieces, r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range m.Generate(ctx, opening, o) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) || r.Stop != generate.StopCancel {
		t.Errorf("cancelled: %v, %+v", last, r)
	}
	if got := must(t, m.Generate(t.Context(), opening, o)); got != want {
		t.Errorf("after all that: %q", got)
	}

	stop := want[10:15]
	o.Stop = []string{stop}
	if got := must(t, m.Generate(t.Context(), opening, o)); got != want[:strings.Index(want, stop)] || r.Stop != generate.StopToken {
		t.Errorf("up to %q: %q, %+v", stop, got, r)
	}
	for prompt, want := range map[string]error{strings.Repeat(opening, 30): transformer.ErrContext} {
		if _, err := read(m.Generate(t.Context(), prompt, o)); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", len(prompt), err)
		}
	}
	for _, o := range []helix.GenerateOptions{{Temperature: -1}, {MaxTokens: -1}, {TopK: -1}, {Stop: []string{"x", ""}}} {
		if _, err := read(m.Generate(t.Context(), opening, o)); !errors.Is(err, generate.ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ids, err := m.Tokenize(t.Context(), opening, false)
	if err != nil || m.Detokenize(ids) != opening {
		t.Errorf("%v is %q, %v", ids, m.Detokenize(ids), err)
	}
}

// TestDraft: with a draft a model says the same, and knows how much of it was guessed; one that is not there is refused.
func TestDraft(t *testing.T) {
	dir := checkpoint(t)
	o := helix.GenerateOptions{MaxTokens: 40, Temperature: 0.8, Seed: 7}
	want, err := read(open(t, dir, helix.ModelOptions{Context: 128}).Generate(t.Context(), opening, o))
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, dir, helix.ModelOptions{Context: 128, Sequences: 2, Draft: dir})
	for _, lookup := range []int{0, 3, -1} {
		var r helix.Result
		o.Lookup, o.Result = lookup, &r
		if got, err := read(m.Generate(t.Context(), opening, o)); err != nil || got != want {
			t.Errorf("%q, %v, without a draft %q", got, err, want)
		}
		if (r.Guessed > 0) != (lookup >= 0) || r.Right != r.Guessed {
			t.Errorf("lookup %d: %d of %d guesses of the model itself were right", lookup, r.Right, r.Guessed)
		}
	}
	if _, err := helix.Open(t.Context(), dir, helix.ModelOptions{Draft: filepath.Join(dir, "absent")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a draft that is not there: %v", err)
	}
}

// TestConversation: a conversation goes on where it was, also after a turn that was cut
// off, and another one does not disturb it.
func TestConversation(t *testing.T) {
	m := open(t, checkpoint(t), helix.ModelOptions{Context: 128})
	lines := []string{"Tell me a story.", "And then?", "Was it a dog?", "The end."}
	talk := func(between func()) (answers []string, kept int) {
		var r helix.Result
		c, err := m.NewConversation(helix.ChatOptions{
			System: "Be brief.", GenerateOptions: helix.GenerateOptions{MaxTokens: 12, Temperature: 0.9, Seed: 5, Result: &r},
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range lines {
			answers = append(answers, must(t, c.Say(t.Context(), line)))
			if i > 0 {
				kept += r.KeptTokens
			}
			between()
		}
		if m := c.Messages(); m[len(m)-1].Content != strings.TrimSpace(answers[len(lines)-1]) {
			t.Errorf("%v after %q", m, answers)
		}
		return answers, kept
	}
	want, kept := talk(func() {})
	got, none := talk(func() { must(t, m.Generate(t.Context(), "Tom", helix.GenerateOptions{MaxTokens: 2})) })
	if !slices.Equal(got, want) || none >= kept || kept < 40 {
		t.Errorf("%q with %d tokens kept, %q with %d", want, kept, got, none)
	}
}

// TestConversationKept: a conversation that was kept elsewhere goes on as it would have.
func TestConversationKept(t *testing.T) {
	m := open(t, checkpoint(t), helix.ModelOptions{Context: 128})
	begin := func(o helix.ChatOptions) *helix.Conversation {
		o.MaxTokens = 12
		c, err := m.NewConversation(o)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := begin(helix.ChatOptions{System: "Be brief."})
	must(t, c.Say(t.Context(), "Tell me a story."))
	kept := c.Messages()
	want := must(t, c.Say(t.Context(), "And then?"))
	if got := must(t, begin(helix.ChatOptions{Messages: kept}).Say(t.Context(), "And then?")); got != want || want == "" {
		t.Errorf("%q, want %q", got, want)
	}
	if got := must(t, begin(helix.ChatOptions{System: "Be brief.", Messages: kept[1:]}).Say(t.Context(), "And then?")); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, o := range []helix.ChatOptions{{System: "x", Messages: kept}, {Messages: kept[:2]}, {Messages: kept[2:]}, {Messages: []generate.Message{{Role: "tool"}, {}}}} {
		if _, err := m.NewConversation(o); !errors.Is(err, generate.ErrOption) {
			t.Errorf("%+v: %v", o.Messages, err)
		}
	}
}

// TestConcurrent has more goroutines than sequences generate, chat and embed at once: each
// gets what it gets alone. The race detector sees it.
func TestConcurrent(t *testing.T) {
	m := open(t, checkpoint(t), helix.ModelOptions{Context: 96, Sequences: 3})
	prompts := []string{opening, "One day, a girl", "Tom had a", "The cat saw", opening + " dog", "Lily and Ben"}
	work := func(i int) (text string, vector []float32) {
		o := helix.GenerateOptions{MaxTokens: 12, Temperature: 0.8, Seed: uint64(i)}
		switch prompt := prompts[i%len(prompts)]; i % 3 {
		case 0:
			return must(t, m.Generate(t.Context(), prompt, o)), nil
		case 1:
			c, err := m.NewConversation(helix.ChatOptions{GenerateOptions: o})
			if err != nil {
				t.Error(err)
				return "", nil
			}
			return must(t, c.Say(t.Context(), prompt)) + "|" + must(t, c.Say(t.Context(), "And then?")), nil
		default:
			vector, err := m.Embed(t.Context(), prompt, helix.EmbedOptions{})
			if err != nil {
				t.Error(err)
			}
			return "", vector
		}
	}
	const n = 12
	var texts [n]string
	var vectors [n][]float32
	for i := range n {
		texts[i], vectors[i] = work(i)
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			text, vector := work(i)
			if text != texts[i] || !slices.Equal(vector, vectors[i]) {
				t.Errorf("%d: %q, alone %q", i, text, texts[i])
			}
		})
	}
	all.Wait()
}

// TestEmbed: the vector has unit length, or is the model's own; it does not depend on what
// the model knows already.
func TestEmbed(t *testing.T) {
	m := open(t, checkpoint(t), helix.ModelOptions{Context: 96})
	embed := func(text string, o helix.EmbedOptions) []float32 {
		t.Helper()
		v, err := m.Embed(t.Context(), text, o)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	dot := func(a, b []float32) (sum float64) {
		for i := range a {
			sum += float64(a[i]) * float64(b[i])
		}
		return sum
	}
	cat := embed("The cat sat on the mat.", helix.EmbedOptions{})
	if n := dot(cat, cat); n < 0.9999 || n > 1.0001 {
		t.Errorf("length² %v", n)
	}
	embed("Something else, which is longer than that.", helix.EmbedOptions{})
	raw := embed("The cat sat on the mat.", helix.EmbedOptions{Raw: true})
	if n := dot(raw, raw); n < 1.01 || dot(raw, cat)*dot(raw, cat) < 0.9999*n {
		t.Errorf("length² %v, product %v", n, dot(raw, cat))
	}
	embed("The cat sat on the", helix.EmbedOptions{})
	if again := embed("The cat sat on the mat.", helix.EmbedOptions{}); !slices.Equal(again, cat) {
		t.Error("a beginning that was known changed the embedding")
	}
	if cow := embed("The cow sat on the mat.", helix.EmbedOptions{}); slices.Equal(cow, cat) {
		t.Error("a cow is a cat")
	}
}

// TestClose ends what is running, and what comes later; twice is once.
func TestClose(t *testing.T) {
	m := open(t, checkpoint(t), helix.ModelOptions{Context: 512})
	c, err := m.NewConversation(helix.ChatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan bool), make(chan error, 2)
	go func() { // generates without end
		first := true
		for _, err := range m.Generate(context.Background(), opening, helix.GenerateOptions{Temperature: 1, Seed: 2}) {
			if first {
				close(begun)
				first = false
			}
			if err != nil {
				ended <- err
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		ended <- nil
	}()
	<-begun
	go func() { // waits its turn
		_, err := read(m.Generate(context.Background(), opening, helix.GenerateOptions{}))
		ended <- err
	}()
	var closing sync.WaitGroup
	for range 2 {
		closing.Go(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, helix.ErrClosed) {
			t.Errorf("what was running: %v", err)
		}
	}
	closing.Wait()
	_, generated := read(m.Generate(t.Context(), opening, helix.GenerateOptions{}))
	_, said := read(c.Say(t.Context(), "hi"))
	_, conversation := m.NewConversation(helix.ChatOptions{})
	_, embedded := m.Embed(t.Context(), "x", helix.EmbedOptions{})
	_, tokenized := m.Tokenize(t.Context(), "x", true)
	for what, err := range map[string]error{"Generate": generated, "Say": said, "NewConversation": conversation, "Embed": embedded, "Tokenize": tokenized} {
		if !errors.Is(err, helix.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
}

// TestOpenOptions: options that make no sense are refused, whatever is at the path.
func TestOpenOptions(t *testing.T) {
	for _, o := range []helix.ModelOptions{
		{Memory: -1}, {Memory: 64 << 20, Reserve: -1}, {Context: -1}, {Context: 1 << 40}, {Sequences: -1}, {Sequences: 1 << 20}, {Threads: -1}, {CacheType: "f8"}, {Verify: "maybe"},
	} {
		if _, err := helix.Open(t.Context(), checkpoint(t), o); !errors.Is(err, helix.ErrProductOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestOpenLimit refuses a limit that is too small, and names one that would do.
func TestOpenLimit(t *testing.T) {
	_, err := helix.Open(t.Context(), checkpoint(t), helix.ModelOptions{Memory: 1 << 20})
	if !errors.Is(err, memory.ErrLimit) || !strings.Contains(err.Error(), "would do") {
		t.Errorf("%v", err)
	}
}

// TestDecodeVerifies: a flipped bit is an error, and so is a context that has ended.
func TestDecodeVerifies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.cdna2.hxz")
	if _, err := helix.Encode(t.Context(), path, "w", weights(), 64, helix.Options{}); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := helix.Decode(ended, path); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file[len(file)-5] ^= 1
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := helix.Decode(t.Context(), path); !errors.Is(err, helix.ErrChecksum) {
		t.Errorf("a flipped bit: %v", err)
	}
}
