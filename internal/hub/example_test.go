package hub_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"testing/fstest"

	"github.com/helix-substrate/helix-substrate/internal/hub"
	"github.com/helix-substrate/helix-substrate/internal/hub/hubtest"
)

func Example() {
	server := hubtest.NewServer() // in place of https://huggingface.co
	defer server.Close()
	server.AddRepo("owner/name", fstest.MapFS{
		"config.json":       {Data: []byte(`{"model_type": "llama"}`)},
		"model.safetensors": {Data: []byte(strings.Repeat("weights ", 1000))},
	})
	cache, err := os.MkdirTemp("", "hub")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(cache)
	client := &hub.Client{Endpoint: server.URL, Cache: cache} // or hub.FromEnvironment()
	ctx := context.Background()

	repo, err := hub.ParseRepo("owner/name")
	if err != nil {
		log.Fatal(err)
	}
	snapshot, err := client.Snapshot(ctx, repo)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range snapshot.Files {
		fmt.Println(f.Path, f.Size)
	}

	// Whole and stored ...
	config, err := snapshot.File("config.json")
	if err != nil {
		log.Fatal(err)
	}
	path, err := client.Download(ctx, snapshot, config, nil)
	if err != nil {
		log.Fatal(err)
	}
	content, err := os.ReadFile(path)
	fmt.Println(string(content), err)

	// ... or only the bytes that are needed.
	weights, err := snapshot.File("model.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	remote, err := client.OpenRemote(snapshot, weights, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer remote.Close()
	p := make([]byte, 7)
	_, err = remote.ReadAt(p, 4000)
	fmt.Println(string(p), err)
	// Output:
	// config.json 23
	// model.safetensors 8000
	// {"model_type": "llama"} <nil>
	// weights <nil>
}
