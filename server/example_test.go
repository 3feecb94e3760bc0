package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/server"
)

// Serve a model, and ask it as any client of OpenAI's API does.
func Example() {
	root, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	dir := filepath.Join(root, "demo")
	if err := demo.Extract(dir); err != nil {
		log.Fatal(err)
	}
	m, err := server.Open(context.Background(), dir, server.ModelOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := server.New([]*server.Model{m}, server.Options{})
	if err != nil {
		log.Fatal(err)
	}
	listening := httptest.NewServer(s) // a program of its own uses s.Serve
	defer listening.Close()

	body := `{"model": "demo", "prompt": "Once upon a time", "temperature": 0, "max_tokens": 8}`
	r, err := http.Post(listening.URL+"/v1/completions", "application/json", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct{ Choices []struct{ Text string } }
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Choices[0].Text)
	// Output: , there was a little girl named Lily
}
