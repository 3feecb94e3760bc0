package helix_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/generate"
)

// stories makes the model directory "tinystories" of the built-in model in a new working
// directory, and returns how to leave that.
func stories() func() {
	before, err := os.Getwd()
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	src := filepath.Join(dir, "TinyStories")
	if err := demo.Extract(src); err != nil {
		log.Fatal(err)
	}
	template := "{{ bos_token }}{% for m in messages %}{{ m.content }} {% endfor %}" // it only tells stories
	if err := os.WriteFile(filepath.Join(src, "chat_template.jinja"), []byte(template), 0o666); err != nil {
		log.Fatal(err)
	}
	if _, err := helix.Convert(context.Background(), src, filepath.Join(dir, "tinystories"), helix.Options{Method: "entropy"}); err != nil {
		log.Fatal(err)
	}
	if err := os.Chdir(dir); err != nil {
		log.Fatal(err)
	}
	return func() {
		if err := os.Chdir(before); err != nil {
			log.Fatal(err)
		}
		os.RemoveAll(dir)
	}
}

// TestReadme: the program of the README is the one that runs here.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_model_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```go\n")
	block, _, _ = strings.Cut(block, "```")
	var want []string
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, " // ")
		want = append(want, "\t"+strings.TrimRight(line, "\n"))
	}
	if program := strings.Join(want, "\n"); len(want) < 9 || !strings.Contains(string(source), "\n"+program+"\n") {
		t.Errorf("no example runs\n%s", program)
	}
}

func ExampleModel_Generate() {
	defer stories()() // makes the model directory
	ctx := context.Background()
	m, err := helix.Open(ctx, "tinystories", helix.ModelOptions{Context: 256})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for text, err := range m.Generate(ctx, "Once upon a time", helix.GenerateOptions{MaxTokens: 14}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(text)
	}
	// Output: , there was a little girl named Lily. She loved to play with
}

// ask answers questions, as text that comes while it is made. A client that goes away ends
// it; clients beyond the model's Sequences wait their turn.
func ask(m *helix.Model) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := m.NewConversation(helix.ChatOptions{GenerateOptions: helix.GenerateOptions{MaxTokens: 9}})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for text, err := range c.Say(r.Context(), r.FormValue("question")) {
			if err != nil {
				log.Print(err)
				return
			}
			io.WriteString(w, text)
			http.NewResponseController(w).Flush()
		}
	}
}

// A service that answers questions of several clients at once.
func ExampleConversation_Say() {
	defer stories()() // makes the model directory
	m, err := helix.Open(context.Background(), "tinystories", helix.ModelOptions{Context: 256, Sequences: 4})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	server := httptest.NewServer(ask(m))
	defer server.Close()

	answer, err := http.Get(server.URL + "?question=" + url.QueryEscape("Tom saw a big dog."))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", text)
	// Output: Now he wanted to play with it.
}

func ExampleModel_Embed() {
	defer stories()() // makes the model directory
	ctx := context.Background()
	m, err := helix.Open(ctx, "tinystories", helix.ModelOptions{Context: 256})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	var vectors [][]float32
	for _, text := range []string{"The cat sat on the", "A cat was on the", "One day, Tom"} {
		v, err := m.Embed(ctx, text, helix.EmbedOptions{})
		if err != nil {
			log.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	cosine := func(a, b []float32) (sum float32) {
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	fmt.Println("alike:", cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2]))
	// Output: alike: true
}

// What was done is in the result when the loop has ended.
func ExampleResult() {
	defer stories()() // makes the model directory
	ctx := context.Background()
	m, err := helix.Open(ctx, "tinystories", helix.ModelOptions{Context: 256})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	var r helix.Result
	o := helix.GenerateOptions{Temperature: 0.8, Seed: 2, Stop: []string{"."}, Result: &r}
	for _, err := range m.Generate(ctx, "Tom and Lily", o) {
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(r.Stop == generate.StopToken, r.PromptTokens, r.OutputTokens, r.Text)
	// Output: true 4 5  are twins
}
