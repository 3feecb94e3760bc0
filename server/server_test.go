package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/transformer"
)

const template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"

// openDemo opens the built-in model, dense, with a chat template: the one above, unless it is told another.
func openDemo(t *testing.T, o ModelOptions, templates ...string) *Model {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "demo")
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chat_template.jinja"), []byte(append(templates, template)[0]), 0o666); err != nil {
		t.Fatal(err)
	}
	if o.Engine.Context == 0 {
		o.Engine.Context = 256
	}
	m, err := Open(t.Context(), dir, o)
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

// start serves the demo.
func start(t *testing.T, m ModelOptions, o Options, templates ...string) (*httptest.Server, *Server) {
	t.Helper()
	s, err := New([]*Model{openDemo(t, m, templates...)}, o)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return h, s
}

// post sends a body and returns the status and the answer.
func post(t *testing.T, url, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	defer r.Body.Close()
	return r.StatusCode, decode(t, r.Body)
}

// decode reads an answer.
func decode(t *testing.T, body io.Reader) (v map[string]any) {
	t.Helper()
	if err := json.NewDecoder(body).Decode(&v); err != nil {
		t.Error(err)
	}
	return v
}

// at returns what lies at a path of names and numbers in JSON.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				return nil
			}
			v = list[p]
		}
	}
	return v
}

// stream sends a body and returns the events.
func stream(t *testing.T, url, body string) (events []map[string]any, done bool) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return nil, false
	}
	defer r.Body.Close()
	if kind := r.Header.Get("Content-Type"); r.StatusCode != 200 || kind != "text/event-stream" {
		t.Errorf("status %d, %s", r.StatusCode, kind)
	}
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			done = true
			continue
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		events = append(events, v)
	}
	return events, done
}

// TestAnswers: an answer is the same whole, streamed, alone or under load.
func TestAnswers(t *testing.T) {
	h, _ := start(t, ModelOptions{Parallel: 3, Waiting: 100}, Options{})
	const chat, text = "/v1/chat/completions", "/v1/completions"
	bodies := map[string]string{}
	for i := range 6 {
		bodies[fmt.Sprintf("%s %d", chat, i)] = fmt.Sprintf(`{"model": "demo", "messages": [{"role": "user", "content": "Tell me of %d dogs"}], "max_tokens": 20, "seed": %d, "user": null, "unknown_field": 5`, i, i)
		bodies[fmt.Sprintf("%s %d", text, i)] = fmt.Sprintf(`{"model": "demo", "prompt": "Once upon %d times", "max_tokens": 20, "seed": %d, "temperature": 0.8, "top_k": 40, "min_p": 0.05`, i, i)
	}
	answerOf := func(key string) string {
		path, _, _ := strings.Cut(key, " ")
		status, v := post(t, h.URL+path, bodies[key]+"}")
		got, _ := at(v, "choices", 0, "text").(string)
		if path == chat {
			got, _ = at(v, "choices", 0, "message", "content").(string)
		}
		if status != 200 || got == "" || at(v, "usage", "completion_tokens") != 20.0 || at(v, "choices", 0, "finish_reason") != "length" || at(v, "model") != "demo" {
			t.Errorf("%s: %d, %v", key, status, v)
		}
		return got
	}
	alone := map[string]string{}
	for key := range bodies {
		alone[key] = answerOf(key)
	}
	var wait sync.WaitGroup
	for key := range bodies {
		wait.Go(func() {
			if got := answerOf(key); got != alone[key] {
				t.Errorf("%s: %q under load, alone %q", key, got, alone[key])
			}
		})
		wait.Go(func() {
			path, _, _ := strings.Cut(key, " ")
			events, done := stream(t, h.URL+path, bodies[key]+`, "stream": true, "stream_options": {"include_usage": true}}`)
			var got strings.Builder
			for _, e := range events {
				piece, _ := at(e, "choices", 0, "text").(string)
				if path == chat {
					piece, _ = at(e, "choices", 0, "delta", "content").(string)
				}
				got.WriteString(piece)
			}
			last := events[len(events)-1]
			if !done || got.String() != alone[key] || at(last, "usage", "completion_tokens") != 20.0 || at(events[len(events)-2], "choices", 0, "finish_reason") != "length" {
				t.Errorf("%s: streamed %q, %v, alone %q, last %v", key, got.String(), done, alone[key], last)
			}
			if role := at(events[0], "choices", 0, "delta", "role"); path == chat && role != "assistant" {
				t.Errorf("the first piece's role is %v", role)
			}
		})
	}
	wait.Wait()
}

// TestChoices: several answers have seeds that follow each other, chances of tokens are there, and biases and penalties count.
func TestChoices(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{})
	url := h.URL + "/v1/completions"
	_, v := post(t, url, `{"model": "demo", "prompt": "One day", "n": 3, "seed": 7, "max_tokens": 8, "logprobs": 2}`)
	_, other := post(t, url, `{"model": "demo", "prompt": "One day", "seed": 8, "max_tokens": 8}`)
	if at(v, "choices", 1, "text") != at(other, "choices", 0, "text") || at(v, "choices", 2, "index") != 2.0 || at(v, "usage", "completion_tokens") != 24.0 {
		t.Errorf("%v, then %v", v, other)
	}
	lp := at(v, "choices", 0, "logprobs")
	if list, _ := at(lp, "tokens").([]any); len(list) != 8 || at(lp, "token_logprobs", 0).(float64) > 0 || len(at(lp, "top_logprobs", 0).(map[string]any)) != 2 {
		t.Errorf("chances: %v", lp)
	}
	_, v = post(t, h.URL+"/v1/chat/completions", `{"model": "demo", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "logprobs": true, "top_logprobs": 1, "temperature": 0}`)
	if one := at(v, "choices", 0, "logprobs", "content", 1); at(one, "token") != at(one, "top_logprobs", 0, "token") || at(one, "bytes", 0) == nil {
		t.Errorf("chances of a chat: %v", v)
	}
	_, tokens := post(t, h.URL+"/tokenize", `{"content": "e"}`)
	id := int(at(tokens, "tokens", 0).(float64))
	_, v = post(t, url, fmt.Sprintf(`{"model": "demo", "prompt": "One day", "max_tokens": 5, "temperature": 0, "logit_bias": {"%d": 100}}`, id))
	if text := at(v, "choices", 0, "text"); !strings.Contains(fmt.Sprint(text), "e") || strings.Trim(fmt.Sprint(text), "e ") != "" {
		t.Errorf("a bias of 100 gives %q", text)
	}
	_, plain := post(t, url, `{"model": "demo", "prompt": "One day One day One day", "max_tokens": 40, "temperature": 0}`)
	_, v = post(t, url, `{"model": "demo", "prompt": "One day One day One day", "max_tokens": 40, "temperature": 0, "frequency_penalty": 2, "presence_penalty": 2}`)
	if at(v, "choices", 0, "text") == at(plain, "choices", 0, "text") {
		t.Errorf("penalties change nothing")
	}
}

// TestForms: answers have the form that was asked for, whole and streamed, side by side with others, and are the same each time.
func TestForms(t *testing.T) {
	h, s := start(t, ModelOptions{Engine: transformer.Options{Context: 1024}}, Options{})
	const person = `"response_format": {"type": "json_schema", "json_schema": {"name": "person", "strict": true, "schema": {"type": "object", "properties": {
		"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 1, "maximum": 99}, "kind": {"enum": ["dog", "cat"]}},
		"required": ["name", "age", "kind"], "additionalProperties": false}}}`
	body := func(seed int, form string) string {
		return fmt.Sprintf(`{"model": "demo", "messages": [{"role": "user", "content": "Who?"}], "seed": %d, "max_tokens": 500, %s}`, seed, form)
	}
	var wait sync.WaitGroup
	for seed := range 4 {
		wait.Go(func() {
			_, v := post(t, h.URL+"/v1/chat/completions", body(seed, person))
			text, _ := at(v, "choices", 0, "message", "content").(string)
			var who struct {
				Name, Kind string
				Age        int
			}
			if err := json.Unmarshal([]byte(text), &who); err != nil || len([]rune(who.Name)) > 12 || who.Age < 1 || who.Age > 99 || who.Kind != "dog" && who.Kind != "cat" || at(v, "choices", 0, "finish_reason") != "stop" {
				t.Errorf("%q, %v: %v", text, err, v)
			}
			events, _ := stream(t, h.URL+"/v1/chat/completions", body(seed, person+`, "stream": true`))
			var again strings.Builder
			for _, e := range events {
				piece, _ := at(e, "choices", 0, "delta", "content").(string)
				again.WriteString(piece)
			}
			if again.String() != text {
				t.Errorf("%q, then %q", text, again.String())
			}
			_, v = post(t, h.URL+"/v1/chat/completions", body(seed, `"grammar": "root ::= (\"yes\" | \"no\") \"!\""`))
			if text := at(v, "choices", 0, "message", "content"); text != "yes!" && text != "no!" {
				t.Errorf("%v", v)
			}
		})
	}
	wait.Wait()
	_, v := post(t, h.URL+"/v1/chat/completions", body(1, `"response_format": {"type": "json_object"}`))
	if text := fmt.Sprint(at(v, "choices", 0, "message", "content")); !strings.HasPrefix(text, "{") || at(v, "choices", 0, "finish_reason") == "stop" && !json.Valid([]byte(text)) {
		t.Errorf("%v", v)
	}
	for form, code := range map[string]string{
		`"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}`: "unsupported_parameter",
		`"grammar": "root ::= root"`: "invalid_value",
	} {
		status, v := post(t, h.URL+"/v1/chat/completions", body(1, form))
		if code != "" && (status != 400 || at(v, "error", "code") != code) {
			t.Errorf("%s: %d, %v", form, status, v)
		}
	}
	if !s.library.entries[0].model.formed.TryAcquire(8) {
		t.Errorf("requests that have ended still count")
	}
	if status, v := post(t, h.URL+"/v1/chat/completions", body(1, person)); status != 503 {
		t.Errorf("too many: %d, %v", status, v)
	}
}

// TestRefused: what is wrong is told in the API's form, and what is asked for and not done is refused by name.
func TestRefused(t *testing.T) {
	h, s := start(t, ModelOptions{Engine: transformer.Options{Context: 64}}, Options{})
	long := strings.Repeat("dog ", 80)
	for _, c := range []struct {
		path, body  string
		status      int
		param, code any
	}{
		{"/v1/chat/completions", `{"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]}`, 404, "model", "model_not_found"},
		{"/v1/chat/completions", `{"model": "demo", "messages": []}`, 400, "messages", "invalid_value"},
		{"/v1/chat/completions", `{"model": "demo", "messages": [{"role": "user", "content": "` + long + `"}]}`, 400, "messages", "context_length_exceeded"},
		{"/v1/completions", `{"model": "demo", "prompt": "a", "max_tokens": 4, "grammar": "root ::= \"x\"", "logit_bias": {"89": -100}}`, 400, "prompt", "invalid_value"},
		{"/v1/completions", `{"model": "demo", "prompt": "` + long + `", "stream": true}`, 400, "prompt", "context_length_exceeded"},
		{"/v1/completions", `{"model": "demo", "prompt": "` + strings.Repeat(long, 100) + `"}`, 413, nil, "context_length_exceeded"},
		{"/v1/completions", `{"model": "demo", "prompt": [1, 99999999]}`, 400, "prompt", "invalid_value"},
		{"/v1/completions", `{"model": "demo", "prompt": "x", "n": 17}`, 400, "n", "invalid_value"},
		{"/v1/completions", `{"model": "demo", "prompt": "x", "echo": true}`, 400, "echo", "unsupported_parameter"},
		{"/v1/chat/completions", `{"model": "demo", "messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function", "function": {"name": "f"}}]}`, 400, "tools", "unsupported_parameter"},
		{"/v1/chat/completions", `{"model": "demo", "messages": [{"role": "user", "content": "Hi"}], "top_logprobs": 3}`, 400, "top_logprobs", "invalid_value"},
		{"/v1/chat/completions", `{`, 400, nil, nil},
		{"/v1/embeddings", `{"model": "demo", "input": []}`, 400, "input", "invalid_value"},
		{"/v1/embeddings", `{"model": "demo", "input": [[]]}`, 400, "input", "invalid_value"},
		{"/v1/embeddings", `{"model": "demo", "input": "x", "dimensions": 3}`, 400, "dimensions", "unsupported_parameter"},
		{"/detokenize", `{"tokens": [-1]}`, 400, "tokens", "invalid_value"},
		{"/apply-template", `{"messages": []}`, 400, "messages", "invalid_value"},
		{"/nothing", `{}`, 404, nil, nil},
		{"/v1/models", `{}`, 404, nil, nil},
	} {
		r, err := http.Post(h.URL+c.path, "application/json", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		var v map[string]any
		json.Unmarshal(body, &v)
		if r.StatusCode != c.status || (at(v, "error", "param") != c.param || at(v, "error", "code") != c.code || at(v, "error", "message") == "") {
			t.Errorf("%s %.80s: %d, %s", c.path, c.body, r.StatusCode, body)
		}
	}
	if _, v := post(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "`+long+`"}`); !strings.Contains(fmt.Sprint(at(v, "error", "message")), "room for 64") {
		t.Errorf("the error does not name both sizes: %v", v)
	}
	s.library.entries[0].model.scheduler.Close()
	if status, v := post(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "x"}`); status != 503 {
		t.Errorf("closed: %d, %v", status, v)
	}
}

// TestIgnoreEnd: a text that is not to end by itself has all the tokens that it may have, and one without a bound those of the context.
func TestIgnoreEnd(t *testing.T) {
	h, s := start(t, ModelOptions{Engine: transformer.Options{Context: 64}}, Options{})
	body := fmt.Sprintf(`{"model": "demo", "prompt": "Once", "max_tokens": -1, "logit_bias": {"%d": 100}`, s.library.entries[0].model.batch.Tokenizer.EOS()[0])
	for more, ends := range map[string]bool{"": true, `, "ignore_eos": true`: false} {
		_, v := post(t, h.URL+"/v1/completions", body+more+"}")
		if stop := at(v, "choices", 0, "finish_reason") == "stop"; stop != ends || (at(v, "usage", "total_tokens").(float64) >= 64) == ends {
			t.Errorf("%s: %v", more, v)
		}
	}
}

// TestCached: of a prompt that was read before, or begins as one, the tokens are told that were not read again.
func TestCached(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{})
	prompt := strings.Repeat("Once upon a time ", 40)
	ask := func(path, body string) any {
		t.Helper()
		status, v := post(t, h.URL+path, body)
		if status != 200 {
			t.Fatalf("%d %v", status, v)
		}
		return at(v, "usage")
	}
	completion := fmt.Sprintf(`{"model": "demo", "max_tokens": 1, "prompt": %q}`, prompt)
	first, again := ask("/v1/completions", completion), ask("/v1/completions", completion)
	n := at(again, "prompt_tokens").(float64)
	if was, is := at(first, "prompt_tokens_details", "cached_tokens").(float64), at(again, "prompt_tokens_details", "cached_tokens").(float64); was != 0 || is < n-transformer.CachePage || is >= n {
		t.Errorf("of %v tokens %v, then %v", n, was, is)
	}
	response := fmt.Sprintf(`{"model": "demo", "max_output_tokens": 1, "input": %q}`, prompt)
	ask("/v1/responses", response)
	if is := at(ask("/v1/responses", response), "input_tokens_details", "cached_tokens").(float64); is < n-transformer.CachePage {
		t.Errorf("a response: %v", is)
	}
	events, _ := stream(t, h.URL+"/v1/completions", strings.Replace(completion, "{", `{"stream": true, "stream_options": {"include_usage": true}, `, 1))
	if is := at(events[len(events)-1], "usage", "prompt_tokens_details", "cached_tokens").(float64); is < n-transformer.CachePage {
		t.Errorf("a stream: %v", is)
	}
}

// TestEmbeddings: vectors of length 1, as numbers and in base64, of texts and of tokens.
func TestEmbeddings(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{})
	_, v := post(t, h.URL+"/v1/embeddings", `{"model": "demo", "input": ["A dog", "A cat"]}`)
	_, coded := post(t, h.URL+"/v1/embeddings", `{"model": "demo", "input": "A cat", "encoding_format": "base64"}`)
	one, two := at(v, "data", 0, "embedding").([]any), at(v, "data", 1, "embedding").([]any)
	bytes, err := base64.StdEncoding.DecodeString(at(coded, "data", 0, "embedding").(string))
	sum := 0.0
	for _, x := range one {
		sum += x.(float64) * x.(float64)
	}
	if err != nil || len(bytes) != 4*len(two) || sum < 0.999 || sum > 1.001 || fmt.Sprint(one) == fmt.Sprint(two) || at(v, "usage", "prompt_tokens").(float64) < 4 {
		t.Errorf("%v; %v", v, coded)
	}
}

// TestManyEmbeddings: a request has many texts, of more bytes than a prompt may have.
func TestManyEmbeddings(t *testing.T) {
	h, s := start(t, ModelOptions{Engine: transformer.Options{Context: 32}}, Options{})
	texts := make([]string, 600)
	for i := range texts {
		texts[i] = strings.Repeat("dog ", i%16+8)
	}
	body, _ := json.Marshal(map[string]any{"model": "demo", "input": texts})
	if len(body) < 2*s.longest {
		t.Fatalf("%d bytes are no more than %d", len(body), s.longest)
	}
	status, v := post(t, h.URL+"/v1/embeddings", string(body))
	if list, _ := at(v, "data").([]any); status != 200 || len(list) != len(texts) || at(list[599], "index") != 599. || at(v, "object") != "list" || at(v, "model") != "demo" {
		t.Errorf("%d, %.300v", status, v)
	}
	if status, _ := post(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "`+strings.Repeat("dog ", s.longest/4)+`"}`); status != 413 {
		t.Errorf("as a prompt: %d", status)
	}
}

// TestKeys: without the key nothing but /health is answered; a page of another site is not.
func TestKeys(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{Keys: []string{"one", "two"}})
	get := func(path string, header ...string) int {
		q, _ := http.NewRequest("GET", h.URL+path, nil)
		if header[0] == "Origin" {
			q.Method, q.Body = "POST", io.NopCloser(strings.NewReader(`{"content": "x"}`))
			q.Header.Set("X-Api-Key", "one")
		}
		q.Header.Set(header[0], header[1])
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	for _, c := range []struct {
		path, header, value string
		status              int
	}{
		{"/v1/models", "Authorization", "Bearer two", 200},
		{"/v1/models", "X-Api-Key", "one", 200},
		{"/v1/models", "Authorization", "Bearer three", 401},
		{"/v1/models", "Authorization", "one", 401},
		{"/v1/models", "X-Other", "", 401},
		{"/metrics", "X-Other", "", 401},
		{"/health", "X-Other", "", 200},
		{"/tokenize", "Origin", "http://elsewhere.example", 403},
	} {
		if got := get(c.path, c.header, c.value); got != c.status {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestNames: without keys, a server on the loopback interface answers to no name of somebody's.
func TestNames(t *testing.T) {
	h, _ := start(t, ModelOptions{}, Options{})
	_, port, _ := net.SplitHostPort(h.Listener.Addr().String())
	for host, status := range map[string]int{"localhost:" + port: 200, "127.0.0.1:" + port: 200, "[::1]:" + port: 200, "[::1]": 200, "localhost": 200, "evil.example": 403, "evil.example:" + port: 403, "10.0.0.1": 403} {
		q, _ := http.NewRequest("GET", h.URL+"/v1/models", nil)
		q.Host = host
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != status {
			t.Errorf("%s: %d", host, r.StatusCode)
		}
	}
}

// TestStatus: models, metrics and properties are there.
func TestStatus(t *testing.T) {
	h, _ := start(t, ModelOptions{Name: "the/model"}, Options{})
	for path, want := range map[string]string{
		"/v1/models": `"id":"the/model"`, "/v1/models/the%2Fmodel": `"object":"model"`, "/v1/models/none": `model_not_found`, "/props": `"n_ctx":256`,
		"/metrics": "helix_texts{model=\"the/model\",state=\"waiting\"} 0\n", "/health": `"ok"`,
	} {
		r, err := http.Get(h.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s: %s", path, body)
		}
	}
	if status, v := post(t, h.URL+"/tokenize", `{"content": "A dog", "Content": "B"}`); status != 400 {
		t.Errorf("a name in another case: %d, %v", status, v)
	}
	if _, v := post(t, h.URL+"/tokenize", `{"content": "A dog"}`); true {
		ids, _ := json.Marshal(at(v, "tokens"))
		if _, v := post(t, h.URL+"/detokenize", `{"tokens": `+string(ids)+`}`); at(v, "content") != "A dog" {
			t.Errorf("%s: %v", ids, v)
		}
	}
	for content, want := range map[string]string{"": "[]", "A\u00e9 dog": "Aé dog"} {
		_, v := post(t, h.URL+"/tokenize", fmt.Sprintf(`{"content": %q, "with_pieces": true}`, content))
		list, _ := at(v, "tokens").([]any)
		text := []byte{}
		for _, token := range list {
			piece := at(token, "piece")
			written, _ := piece.(string)
			text = append(text, written...)
			bytes, _ := piece.([]any)
			for _, b := range bytes {
				text = append(text, byte(b.(float64)))
			}
		}
		if got := string(text); at(v, "tokens") == nil || strings.TrimSpace(got) != want && (content != "" || len(list) > 0) {
			t.Errorf("%q: %v", content, v)
		}
	}
	if _, v := post(t, h.URL+"/apply-template", `{"messages": [{"role": "user", "content": "Hi"}]}`); at(v, "prompt") != "user: Hi\nassistant:" {
		t.Errorf("%v", v)
	}
	if status, v := post(t, h.URL+"/apply-template", `{}`); status != 400 || at(v, "error", "param") != "messages" {
		t.Errorf("%d, %v", status, v)
	}
}

// TestSeeds: a seed by chance is one that JavaScript can send again.
func TestSeeds(t *testing.T) {
	largest := int64(0)
	for range 200 {
		q := &asked{Request: &openai.Request{}}
		q.chooseSeed()
		largest = max(largest, q.Seed)
		if q.Seed < 0 || q.Seed != int64(float64(q.Seed)) {
			t.Fatal(q.Seed)
		}
	}
	if largest < 1<<50 {
		t.Errorf("the largest of 200 seeds is %d", largest)
	}
}

// TestGone: a text ends when its client goes, and makes room for the next.
func TestGone(t *testing.T) {
	h, s := start(t, ModelOptions{Parallel: 1, Waiting: -1, Engine: transformer.Options{Context: 2048}}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	q, _ := http.NewRequestWithContext(ctx, "POST", h.URL+"/v1/completions", strings.NewReader(`{"model": "demo", "prompt": "Once", "stream": true, "max_tokens": 2000, "logit_bias": {"0": -100, "1": -100, "2": -100}}`))
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(r.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if status, v := post(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "x", "max_tokens": 1}`); status != 503 {
		t.Errorf("one too many: %d, %v", status, v)
	}
	cancel()
	r.Body.Close()
	for {
		if active, _ := s.library.entries[0].model.scheduler.Load(); active == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if status, v := post(t, h.URL+"/v1/completions", `{"model": "demo", "prompt": "x", "max_tokens": 1}`); status != 200 {
		t.Errorf("after it has gone: %d, %v", status, v)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	q, _ = http.NewRequestWithContext(ctx, "POST", h.URL+"/v1/completions", strings.NewReader(`{"model": "demo", "prompt": "Once", "max_tokens": 2000, "logit_bias": {"0": -100, "1": -100, "2": -100}}`))
	if _, err := http.DefaultClient.Do(q); err == nil {
		t.Fatal("it has answered in no time")
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, text := fetch(t, "GET", h.URL+"/metrics", ""); bytes.Contains(text, []byte(`helix_requests_total{status="499"} 1`)) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%s", text)
		}
	}
}

// TestServe: the end of the context lets texts end that do so in time, and cuts the others off.
func TestServe(t *testing.T) {
	m := openDemo(t, ModelOptions{Engine: transformer.Options{Context: 2048}})
	s, err := New([]*Model{m}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, grace := range []time.Duration{time.Minute, time.Millisecond} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, l, grace) }()
		n := 30
		if grace < time.Second {
			n = 1 << 20
		}
		r, err := http.Post("http://"+l.Addr().String()+"/v1/completions", "application/json",
			strings.NewReader(fmt.Sprintf(`{"model": "demo", "prompt": "Once", "stream": true, "max_tokens": %d, "logit_bias": {"0": -100, "1": -100, "2": -100}}`, n)))
		if err != nil {
			t.Fatal(err)
		}
		end()
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if err := <-ended; err != nil {
			t.Errorf("%v: %v", grace, err)
		}
		if whole := bytes.Contains(body, []byte("[DONE]")); whole != (grace == time.Minute) {
			t.Errorf("%v: %s", grace, body[max(0, len(body)-200):])
		}
		http.DefaultClient.CloseIdleConnections()
	}
}

// TestWithoutVersion: clients that are told an address without /v1 are answered.
func TestWithoutVersion(t *testing.T) {
	h, _ := start(t, ModelOptions{Name: "demo"}, Options{})
	for path, want := range map[string]string{"/models": `"id":"demo"`, "/models/demo": `"id":"demo"`, "/responses/none": "no response"} {
		if _, text := fetch(t, "GET", h.URL+path, ""); !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s: %s", path, text)
		}
	}
	for path, c := range map[string][2]string{
		"/chat/completions": {`{"model": "demo", "max_tokens": 2, "messages": [{"role": "user", "content": "x"}]}`, "chat.completion"},
		"/completions":      {`{"model": "demo", "max_tokens": 2, "prompt": "x"}`, "text_completion"},
		"/embeddings":       {`{"model": "demo", "input": "x"}`, "list"},
		"/responses":        {`{"model": "demo", "max_output_tokens": 2, "input": "x"}`, "response"},
	} {
		if status, v := post(t, h.URL+path, c[0]); status != 200 || at(v, "object") != c[1] {
			t.Errorf("%s: %d, %v", path, status, v)
		}
	}
}
