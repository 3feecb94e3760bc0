package generate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/overwrite"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// answer is a line of answers as a reader of OpenAI's would see it.
type answer struct {
	ID       string  `json:"id"`
	CustomID *string `json:"custom_id"`
	Response *struct {
		Status    int    `json:"status_code"`
		RequestID string `json:"request_id"`
		Body      struct {
			ID, Object, Model string
			Created           int64
			Choices           []struct {
				Text         *string
				Message      *struct{ Role, Content string }
				FinishReason string `json:"finish_reason"`
			}
			Usage map[string]int
			Error *struct {
				Message, Type string
				Param, Code   *string
			}
		}
	}
	Error *struct{ Code, Message string }
}

// batchLine is a line of a batch file.
func batchLine(id, body string) string {
	url := "/v1/completions"
	if strings.Contains(body, `"messages"`) {
		url = "/v1/chat/completions"
	}
	return fmt.Sprintf(`{"custom_id": %q, "method": "POST", "url": %q, "body": {"model": "any", %s}}`, id, url, body)
}

// batchText is a batch of every kind of line.
func batchText() string {
	lines := []string{
		batchLine("long", `"prompt": "Once upon a time", "max_tokens": 60, "temperature": 0`),
		batchLine("seed", `"prompt": "One day", "max_tokens": 9, "seed": 7, "top_p": 0.9`),
		batchLine("chat", `"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}], "max_tokens": 8`),
		"",
		batchLine("seed", `"prompt": "Another"`),
		batchLine("two", `"prompt": "Another", "n": 2`),
		"{",
		"  " + batchLine("stop", `"prompt": "The sun", "stop": ["."], "temperature": 0, "max_tokens": 30`) + "\r",
		batchLine("p", `"prompt": "The sun", "top_p": 0, "max_tokens": 6`),
		batchLine("deep", `"prompt": "`+strings.Repeat("word ", 300)+`"`),
		batchLine("ids", `"prompt": [3, 5, 100000000]`),
		strings.Repeat(" ", 70_000) + batchLine("wide", `"prompt": "`+strings.Repeat("x", MaxBatchLine(128))+`"`),
		batchLine("none", `"messages": [{"role": "user", "content": ""}], "max_completion_tokens": 3`),
	}
	for i := range 20 {
		lines = append(lines, batchLine(fmt.Sprint(i), fmt.Sprintf(`"prompt": "Tom", "seed": %d, "max_tokens": %d`, i, 1+i%5)))
	}
	return strings.Join(lines, "\n")
}

// TestBatchAnswers: each line has its answer, in order, the same bytes however many go
// together, and texts are those that they are alone.
func TestBatchAnswers(t *testing.T) {
	dir := convertTalk(t)
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := BatchOptions{Name: "talk", Time: time.Unix(5, 0)}
	var first []byte
	for _, c := range []struct{ parallel, held int }{{1, maxHeld}, {4, maxHeld}, {3, 1}, {40, 0}} {
		m, err := transformer.Open(t.Context(), dir, transformer.Options{Context: 128, Sequences: c.parallel, Chunk: 7 * c.parallel})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		b := &Batch{Model: m, Tokenizer: tok, Parallel: c.parallel}
		var out bytes.Buffer
		count, err := b.answer(t.Context(), strings.NewReader(batchText()), &out, o, c.held)
		if err != nil || count.Answered != 26 || count.Refused != 6 {
			t.Fatalf("%+v: %+v, %v", c, count, err)
		}
		if first == nil {
			first = out.Bytes()
			checkAnswers(t, b, first, count)
		} else if !bytes.Equal(out.Bytes(), first) {
			t.Errorf("%+v: other bytes\n%s\n%s", c, out.Bytes(), first)
		}
	}
}

// TestBatchLines: every line that is not white space has its answer, and a byte order mark
// is no part of the first.
func TestBatchLines(t *testing.T) {
	dir := convertDemo(t)
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &Batch{Model: openPool(t, dir, transformer.Options{Context: 64}, 1).model, Tokenizer: tok}
	request := batchLine("a", `"prompt": "Tom", "max_tokens": 1`)
	for text, want := range map[string]string{
		"\ufeff" + request: "a", "\ufeff\n" + request + "\r\n": "a", request + "\n\ufeff" + request: "a?",
		"\v\n\u00a0\n\u2028\n\u0085\n" + request: "????a", " \t\r\n" + request + " \n \n\n\x00": "a?", "\ufeff": "", "\xfe\xff": "?",
	} {
		var out bytes.Buffer
		count, err := b.Answer(t.Context(), strings.NewReader(text), &out, BatchOptions{})
		got := ""
		for line := range bytes.Lines(out.Bytes()) {
			var a answer
			if err := json.Unmarshal(line, &a); err != nil {
				t.Fatal(err)
			}
			if a.CustomID != nil {
				got += *a.CustomID
			} else {
				got += "?"
			}
		}
		if err != nil || got != want || count.Answered+count.Refused != len(want) {
			t.Errorf("%q: answers to %q, %+v, %v", text, got, count, err)
		}
		if err := checkLines(t.Context(), strings.NewReader(text)); (err == nil) != (want != "") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func checkAnswers(t *testing.T, b *Batch, text []byte, count BatchCount) {
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	byID := map[string]answer{}
	var order []string
	output := 0
	for _, line := range lines {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		id := "?"
		if a.CustomID != nil {
			id = *a.CustomID
		}
		order = append(order, id)
		if _, known := byID[id]; !known {
			byID[id] = a
		}
		if a.Response != nil {
			output += a.Response.Body.Usage["completion_tokens"]
		}
	}
	if got := strings.Join(order[:12], " "); got != "long seed chat seed two ? stop p deep ids ? none" || output != count.OutputTokens {
		t.Errorf("answers to %s, %d tokens of %d", got, output, count.OutputTokens)
	}
	for _, c := range []struct {
		id, prompt, finish string
		n                  int
		o                  Options
		stop               []string
	}{
		{"long", "Once upon a time", "length", 60, Options{}, nil},
		{"seed", "One day", "length", 9, Options{Temperature: 1, TopP: 0.9, Seed: 7}, nil},
		{"stop", "The sun", "stop", 30, Options{}, []string{"."}},
		{"p", "The sun", "length", 6, Options{}, nil},
		{"13", "Tom", "length", 4, Options{Temperature: 1, Seed: 13}, nil},
	} {
		want, err := runAlone(t, b.Model, b.Tokenizer, &Request{Prompt: encode(t, b.Tokenizer, c.prompt, true), Sampling: c.o, MaxTokens: c.n, StopTexts: c.stop})
		if err != nil {
			t.Fatal(err)
		}
		a := byID[c.id]
		body := a.Response.Body
		choice := body.Choices[0]
		if a.Response.Status != 200 || *choice.Text != want.Text || choice.FinishReason != c.finish || body.Usage["prompt_tokens"] != len(want.PromptIDs) ||
			body.Object != "text_completion" || body.Created != 5 || body.Model != "talk" || !strings.HasPrefix(a.ID, "batch_req_") || !strings.HasPrefix(body.ID, "cmpl-") {
			t.Errorf("%s: %+v, want %q", c.id, a, want.Text)
		}
	}
	if c := byID["chat"].Response.Body; c.Object != "chat.completion" || c.Choices[0].Message.Role != "assistant" || c.Choices[0].Text != nil || !strings.HasPrefix(c.ID, "chatcmpl-") {
		t.Errorf("chat: %+v", c)
	}
	for id, param := range map[string]string{"two": "n", "deep": "prompt", "ids": "prompt"} {
		a := byID[id]
		if e := a.Response.Body.Error; a.Response.Status != 400 || e == nil || *e.Param != param || e.Type != "invalid_request_error" {
			t.Errorf("%s: %+v", id, a)
		}
	}
	if a := byID["deep"]; *a.Response.Body.Error.Code != "context_length_exceeded" {
		t.Errorf("a long prompt: %s", *a.Response.Body.Error.Code)
	}
	if a := byID["?"]; a.Response != nil || a.Error.Code != "invalid_line" || !strings.Contains(a.Error.Message, "line 7") {
		t.Errorf("no line: %+v", a)
	}
	for line, code := range map[int]string{3: "duplicate_custom_id", 10: "line_too_long"} {
		if !bytes.Contains(lines[line], []byte(code)) {
			t.Errorf("line %d is %s, want %s", line, lines[line], code)
		}
	}
}

// TestBatchFile: the answers' file is whole or not there, and what is no batch is refused
// before anything runs.
func TestBatchFile(t *testing.T) {
	model := convertDemo(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "\n \r\n", strings.Repeat("{}\n", MaxBatchLines+1)} {
		write(text)
		if _, err := OpenBatchFile(t.Context(), in, out); !errors.Is(err, ErrBatch) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	if _, err := OpenBatchFile(t.Context(), dir, out); err == nil {
		t.Error("a directory is a batch")
	}
	write(batchText())
	for _, answers := range []string{in, link(t, os.Symlink, in), link(t, os.Link, in)} {
		if _, err := OpenBatchFile(t.Context(), in, answers); !errors.Is(err, overwrite.ErrOutput) {
			t.Errorf("answers to %s: %v", answers, err)
		}
	}
	g, s := start(t, model, transformer.Options{Context: 64}, Options{})
	s.Close()
	m, err := transformer.Open(t.Context(), model, transformer.Options{Context: 64, Sequences: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, stop := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		f, err := OpenBatchFile(ctx, in, out)
		if err != nil {
			t.Fatal(err)
		}
		b := &Batch{Model: m, Tokenizer: g.Tokenizer, Parallel: 2}
		if stop {
			cancel()
		}
		count, err := f.Answer(ctx, b, BatchOptions{})
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		text, missing := os.ReadFile(out)
		entries, _ := os.ReadDir(dir)
		if stop && (!errors.Is(err, context.Canceled) || !os.IsNotExist(missing) || len(entries) != 1) {
			t.Errorf("cancelled: %v, %v, %d files", err, missing, len(entries))
		}
		if !stop && bytes.Contains(text, []byte(`"created":-`)) {
			t.Errorf("%s", text) // the zero time is none before 1970
		}
		if !stop && (err != nil || missing != nil || len(entries) != 2 || bytes.Count(text, []byte("\n")) != count.Answered+count.Refused) {
			t.Errorf("%+v, %v, %v", count, err, missing)
		}
		cancel()
	}
}

// link makes a link to a file and returns its path.
func link(t *testing.T, make func(old, new string) error, path string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "link")
	if err := make(path, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestOpeningSequences: as many sequences as the limit has room for.
func TestOpeningSequences(t *testing.T) {
	if testing.Short() {
		t.Skip("opens a model fifty times")
	}
	dir := convertDemo(t)
	count := func(memory int64) (int, error) {
		o, err := Begin(t.Context(), dir, transformer.Options{Memory: memory, Context: 256})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close() // which ends the limit
		n, err := o.Sequences(t.Context(), 9)
		if err != nil {
			return 0, err
		}
		p, err := o.Plan(t.Context())
		if err == nil && p.Sequences != n {
			t.Errorf("%d sequences, planned %d", n, p.Sequences)
		}
		return n, err
	}
	all, err := count(1 << 30)
	if err != nil || all != 9 {
		t.Errorf("%d within 1 GiB, %v", all, err)
	}
	before := 9
	for memory := int64(80 << 20); memory > 1<<20; memory -= 1 << 20 {
		n, err := count(memory)
		if err != nil {
			break
		}
		if n > before {
			t.Errorf("%d within %d bytes, %d within more", n, memory, before)
		}
		before = n
	}
	if before != 1 {
		t.Errorf("%d sequences within the smallest limit", before)
	}
}
