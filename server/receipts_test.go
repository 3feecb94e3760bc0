package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
	"github.com/helix-substrate/helix-substrate/receipt"
	"github.com/helix-substrate/helix-substrate/receipt/chain"
	"github.com/helix-substrate/helix-substrate/record"
	"github.com/helix-substrate/helix-substrate/transformer"
)

// answered sends a body and returns the answer and its receipts' digests, those of a stream from its trailer.
func answered(t *testing.T, url, body, key string) (answer string, digests []string) {
	t.Helper()
	q, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+key)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Error(err)
		return "", nil
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	header := r.Header.Get(ReceiptHeader) + r.Trailer.Get(ReceiptHeader)
	if err != nil || r.StatusCode != 200 || header == "" {
		t.Errorf("%s: %d, receipts %q, %v\n%s", body, r.StatusCode, header, err, text)
		return "", nil
	}
	return string(text), strings.Split(header, ",")
}

// fetch asks for something with a key, and returns the status and the body.
func fetch(t *testing.T, method, url, key string) (int, []byte) {
	t.Helper()
	q, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("X-Api-Key", key)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, text
}

// TestReceipts: whatever answers were made together and however their tokens were drawn, their receipts are replayed alone, on one thread, and by
// the server.
func TestReceipts(t *testing.T) {
	h, _ := start(t, ModelOptions{Parallel: 4, Waiting: 100, Engine: transformer.Options{Context: 48, Contexts: 1}}, Options{Version: "test"}) // in a cache for one, so that they wait for each other's keys and values
	var wait sync.WaitGroup
	var mu sync.Mutex
	var list []string
	for i, more := range []string{
		`"max_tokens": 12, "temperature": 0`,
		`"max_tokens": 12, "temperature": 0, "stream": true`,
		`"max_tokens": 12, "temperature": 1.2, "seed": 5, "top_p": 0.9`,
		`"max_tokens": 12, "seed": -7, "n": 3, "top_k": 30, "min_p": 0.01, "repeat_penalty": 1.1`,
		`"max_tokens": 12, "n": 2, "stream": true`,
		`"max_tokens": 12, "seed": 1, "logit_bias": {"5": -100, "300": 7}, "presence_penalty": 0.5, "frequency_penalty": 0.25`,
		`"max_tokens": 12, "seed": 2, "response_format": {"type": "json_object"}`,
		`"max_tokens": 12, "seed": 3, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}}`,
		`"max_tokens": 12, "seed": 4, "presence_penalty": 1, "grammar": "root ::= [a-z]+ \" \" root"`,
		`"max_tokens": 300`,
		`"max_tokens": 12, "stop": ["a"]`,
	} {
		wait.Go(func() {
			text, digests := answered(t, h.URL+"/v1/chat/completions", fmt.Sprintf(`{"model": "demo", "messages": [{"role": "user", "content": "%d dogs"}], %s}`, i, more), "")
			for _, d := range digests {
				if strings.Contains(more, "stream") && !strings.Contains(text, `"helix_receipt":"`+d+`"`) {
					t.Errorf("%s: no piece has %s\n%s", more, d, text)
				}
			}
			mu.Lock()
			list = append(list, digests...)
			mu.Unlock()
		})
	}
	wait.Wait()
	if len(list) != 14 {
		t.Errorf("%d receipts", len(list))
	}
	dir := filepath.Join(t.TempDir(), "another")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	for _, digest := range list {
		status, text := fetch(t, "GET", h.URL+"/receipts/"+digest, "")
		e, err := receipt.ReadExecution(text)
		if status != 200 || err != nil || e.SHA256 != digest || bytes.Contains(text, []byte(os.TempDir())) {
			t.Fatalf("%d, %v: %s", status, err, text)
		}
		if err := chain.AppendDocument(t.Context(), log, text); err != nil {
			t.Fatal(err)
		}
		var done struct {
			Same   bool
			Tokens int
		}
		status, text = fetch(t, "POST", h.URL+"/receipts/"+digest+"/replay", "")
		if err := json.Unmarshal(text, &done); err != nil || status != 200 || !done.Same || done.Tokens == 0 {
			t.Errorf("replayed by the server: %d, %s", status, text)
		}
	}
	for range 2 { // the second time with forged receipts among them, whose texts cannot be made
		a, err := record.Audit(t.Context(), log, record.AuditOptions{Models: []string{dir}, Sample: 1, Options: transformer.Options{Threads: 1}})
		if err != nil || a.Same != len(list) || a.Texts-a.Same != len(a.Differ) {
			t.Fatalf("%+v, %v", a, err)
		}
		if forged := a.Texts - len(list); forged != 0 && forged != 3 {
			t.Errorf("%d forged receipts", forged)
		}
		for _, change := range []func(*receipt.GenerationClaims){
			func(c *receipt.GenerationClaims) { c.Turns[0].PromptIDs[0] = 1 << 30 },
			func(c *receipt.GenerationClaims) { c.Sampling.TopP = -1 },
			func(c *receipt.GenerationClaims) { c.Context = 1 << 40 },
		} {
			forge(t, log, change)
		}
	}
}

// forge appends to a log the receipt of its first entry, changed.
func forge(t *testing.T, log string, change func(*receipt.GenerationClaims)) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	e, err := receipt.ReadExecution(line)
	if err != nil {
		t.Fatal(err)
	}
	r := receipt.NewGeneration(time.Unix(0, 0))
	if err := json.Unmarshal(e.Claims, &r.Claims); err != nil {
		t.Fatal(err)
	}
	change(&r.Claims)
	forged, err := r.Receipt(time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := chain.Append(t.Context(), log, forged); err != nil {
		t.Fatal(err)
	}
}

// TestReplayDiffers: a receipt of another text is found out.
func TestReplayDiffers(t *testing.T) {
	h, s := start(t, ModelOptions{}, Options{})
	_, digests := answered(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "One day", "seed": 1, "max_tokens": 5}`, "")
	k := s.receipts.find(digests[0], [32]byte{})
	var claims receipt.GenerationClaims
	if err := json.Unmarshal(k.Claims, &claims); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*receipt.GenerationClaims){
		"seed":   func(c *receipt.GenerationClaims) { c.Sampling.Seed++ },
		"prompt": func(c *receipt.GenerationClaims) { c.Turns[0].PromptIDs[0]++ },
		"text":   func(c *receipt.GenerationClaims) { c.Turns[0].TextSHA256 = c.TokensSHA256 },
		"turns":  func(c *receipt.GenerationClaims) { c.Turns = append(c.Turns, c.Turns...) },
	} {
		changed := claims
		changed.Turns = []receipt.Turn{claims.Turns[0]}
		changed.Turns[0].PromptIDs = bytesOf(claims.Turns[0].PromptIDs)
		change(&changed)
		text, err := receipt.CanonicalOf(&changed)
		if err != nil {
			t.Fatal(err)
		}
		s.receipts.mu.Lock()
		e := *k.Execution
		e.Claims = text
		k.Execution = &e
		s.receipts.mu.Unlock()
		status, got := fetch(t, "POST", h.URL+"/receipts/"+digests[0]+"/replay", "")
		if name == "turns" { // nothing that the server could do again
			if status != http.StatusConflict {
				t.Errorf("%s: %d, %s", name, status, got)
			}
			continue
		}
		if status != 200 || !bytes.Contains(got, []byte(`"same":false`)) || !bytes.Contains(got, []byte("the receipt says")) {
			t.Errorf("%s: %d, %s", name, status, got)
		}
	}
}

func bytesOf(ids []int) []int { return append([]int{}, ids...) }

// TestReceiptOwner: a receipt is for whoever has the key that asked, and old ones go.
func TestReceiptOwner(t *testing.T) {
	h, s := start(t, ModelOptions{}, Options{Keys: []string{"one", "two"}})
	_, digests := answered(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "One day", "max_tokens": 2}`, "one")
	for _, c := range []struct {
		method, path, key string
		status            int
	}{
		{"GET", "", "one", 200}, {"GET", "", "two", 404}, {"GET", "", "three", 401},
		{"POST", "/replay", "one", 200}, {"POST", "/replay", "two", 404}, {"GET", "0", "one", 404},
	} {
		if status, text := fetch(t, c.method, h.URL+"/receipts/"+digests[0]+c.path, c.key); status != c.status {
			t.Errorf("%v: %d, %s", c, status, text)
		}
	}
	first := s.receipts.list[0]
	for range mostReceipts - 1 {
		s.receipts.add(&kept{Execution: &receipt.Execution{}, bytes: 1})
	}
	if s.receipts.find(digests[0], first.owner) == nil {
		t.Error("it went too early")
	}
	s.receipts.add(&kept{Execution: &receipt.Execution{}, bytes: receiptBytes})
	if len(s.receipts.list) != 1 || s.receipts.bytes != receiptBytes {
		t.Errorf("%d receipts of %d bytes", len(s.receipts.list), s.receipts.bytes)
	}
}

// TestReceiptLog: every answer is in the log before it has ended, also one that its client left; prompts are there when that is asked for.
func TestReceiptLog(t *testing.T) {
	for _, prompts := range []bool{false, true} {
		log := filepath.Join(t.TempDir(), "log")
		h, _ := start(t, ModelOptions{Engine: transformer.Options{Context: 1000}}, Options{ReceiptLog: log, LogPrompts: prompts})
		url := h.URL + "/v1/completions"
		var digests []string
		for i := range 3 {
			_, d := answered(t, url, fmt.Sprintf(`{"model": "demo", "prompt": "One day", "max_tokens": 6, "seed": %d, "grammar": "root ::= [a-z ]*"}`, i), "")
			digests = append(digests, d...)
		}
		id := leave(t, url)
		status, text := fetch(t, "GET", h.URL+"/receipts/"+id, "")
		for status == 404 { // with the next pass
			status, text = fetch(t, "GET", h.URL+"/receipts/"+id, "")
		}
		if !bytes.Contains(text, []byte(`"stop":"cancelled"`)) {
			t.Errorf("left: %d, %s", status, text)
		}
		if status, text := fetch(t, "POST", h.URL+"/receipts/"+id+"/replay", ""); status != 200 || !bytes.Contains(text, []byte(`"same":true`)) {
			t.Errorf("left, replayed: %d, %s", status, text)
		}
		report, err := chain.Verify(t.Context(), log, nil)
		if err != nil || len(report.Problems) > 0 || report.Entries != 4 {
			t.Fatalf("%+v, %v", report, err)
		}
		lines, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(bytes.TrimSpace(lines), []byte("\n"))[:3] {
			e, err := receipt.ReadExecution(line)
			if err != nil {
				t.Fatal(err)
			}
			whole, shown := e.Measurements.Whole == digests[i], bytes.Contains(line, []byte("prompt_ids")) && bytes.Contains(line, []byte("[a-z ]*"))
			if prompts && (!shown || e.SHA256 != digests[i]) || !prompts && (!whole || bytes.Contains(line, []byte("t_ids")) || bytes.Contains(line, []byte("[a-z ]*"))) {
				t.Errorf("prompts %v, receipt %s: %s", prompts, digests[i], line)
			}
		}
		os.Remove(log + chain.TreeSuffix)
		os.WriteFile(log, []byte("another's"), 0o666)
		if status, v := post(t, url, `{"model": "demo", "prompt": "One day", "max_tokens": 2}`); status != 500 {
			t.Errorf("without its receipt an answer has status %d: %v", status, v)
		}
		if _, err := New([]*Model{{batch: &generate.Batch{Model: &transformer.Model{Plan: &transformer.Plan{}}}}}, Options{ReceiptLog: log}); err == nil {
			t.Error("a log that is none is taken")
		}
	}
}

// leave begins a stream and goes, and returns the answer's id.
func leave(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(`{"model": "demo", "prompt": "One day", "stream": true, "max_tokens": 900, "logit_bias": {"1": -100}}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var v struct{ ID string }
	first, err := bufio.NewReader(r.Body).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bytes.TrimPrefix(first, []byte("data: ")), &v); err != nil || v.ID == "" {
		t.Fatalf("%s: %v", first, err)
	}
	return v.ID
}

// TestCallReceipts: an answer that had to call tools, in a form made of their schemas, is replayed alone too.
func TestCallReceipts(t *testing.T) {
	h, _ := start(t, ModelOptions{Engine: transformer.Options{Context: 1024}}, Options{}, toolsTemplate)
	text, digests := answered(t, h.URL+"/v1/chat/completions", `{"model": "demo", "messages": [{"role": "user", "content": "Rain?"}], "seed": 3, "max_tokens": 60, "tool_choice": "required", `+weatherTool+`}`, "")
	if len(digests) != 1 {
		t.Fatalf("%v: %s", digests, text)
	}
	_, document := fetch(t, "GET", h.URL+"/receipts/"+digests[0], "")
	e, err := receipt.ReadExecution(document)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "another")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	if r, err := record.Replay(t.Context(), e, record.ReplayOptions{Model: dir}); err != nil || r.Tokens == 0 || !bytes.Contains(e.Claims, []byte(record.FormComposed)) {
		t.Errorf("%v, %v: %s", r, err, e.Claims)
	}
	if status, text := fetch(t, "POST", h.URL+"/receipts/"+digests[0]+"/replay", ""); status != 200 || !bytes.Contains(text, []byte(`"same":true`)) {
		t.Errorf("%d, %s", status, text)
	}
}

// markedDemo is the built-in model with a special token for <tool_call>, in place of its last, and the chat template of the tests of tools.
func markedDemo(t *testing.T) (dir string, mark int) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "demo")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tokenizer.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	model := all["model"].(map[string]any)
	vocabulary, merges := model["vocab"].(map[string]any), model["merges"].([]any)
	mark = len(vocabulary) - 1
	for token, id := range vocabulary {
		if id == float64(mark) {
			delete(vocabulary, token)
		}
	}
	model["merges"] = merges[:len(merges)-1]
	all["added_tokens"] = append(all["added_tokens"].([]any), map[string]any{
		"id": mark, "content": "<tool_call>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
	})
	if text, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{file: text, filepath.Join(dir, "chat_template.jinja"): []byte(toolsTemplate)} {
		if err := os.WriteFile(name, text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir, mark
}

// TestMarkReceipts: a text is replayed in which a special token was written, since calls begin with it; one where it was not, too.
func TestMarkReceipts(t *testing.T) {
	dir, mark := markedDemo(t)
	m, err := Open(t.Context(), dir, ModelOptions{Engine: transformer.Options{Context: 256}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := New([]*Model{m}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	defer h.Close()
	log := filepath.Join(t.TempDir(), "log")
	more := fmt.Sprintf(`"max_tokens": 3, "logit_bias": {"%d": 100}}`, mark)
	for url, body := range map[string]string{
		"/v1/chat/completions": `{"model": "demo", "messages": [{"role": "user", "content": "Rain?"}], ` + more,
		"/v1/completions":      `{"model": "demo", "prompt": "Rain?", ` + more,
	} {
		text, digests := answered(t, h.URL+url, body, "")
		if written := strings.Contains(text, "tool_call>"); written != strings.Contains(url, "chat") || len(digests) != 1 {
			t.Fatalf("%s: %v, %s", url, digests, text)
		}
		_, document := fetch(t, "GET", h.URL+"/receipts/"+digests[0], "")
		if err := chain.AppendDocument(t.Context(), log, document); err != nil {
			t.Fatal(err)
		}
		if status, text := fetch(t, "POST", h.URL+"/receipts/"+digests[0]+"/replay", ""); status != 200 || !bytes.Contains(text, []byte(`"same":true`)) {
			t.Errorf("%s: %d, %s", url, status, text)
		}
	}
	a, err := record.Audit(t.Context(), log, record.AuditOptions{Models: []string{dir}, Sample: 1})
	if err != nil || a.Texts != 2 || a.Same != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}
