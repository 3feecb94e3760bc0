package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/model"
	"github.com/helix-substrate/helix-substrate/transfer"
)

// A model that a web server has is copied, and is known by its root to be the right one.
func ExamplePull() {
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	source, made, copied := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "tinystories"), filepath.Join(dir, "copy")
	if err := errors.Join(os.Mkdir(source, 0o777), demo.Extract(source)); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if _, err := convert.Directory(ctx, convert.Job{Source: source, Output: made, Options: convert.Options{Method: convert.Entropy}}); err != nil {
		log.Fatal(err)
	}
	m, err := model.Open(made)
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()

	r, err := transfer.Pull(ctx, server.URL+"/tinystories", copied, transfer.PullOptions{Root: m.Manifest.Root()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Root == m.Manifest.Root(), r.Partial)
	_, err = transfer.Pull(ctx, server.URL+"/tinystories", copied, transfer.PullOptions{})
	fmt.Println(errors.Is(err, transfer.ErrExists))
	// Output:
	// true false
	// true
}
