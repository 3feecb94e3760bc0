package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/helix-substrate/helix-substrate/cluster"
	"github.com/helix-substrate/helix-substrate/convert"
	"github.com/helix-substrate/helix-substrate/demo"
)

func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	dir, err := os.MkdirTemp("", "helix")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	source := filepath.Join(dir, "checkpoint")
	if err := demo.Extract(source); err != nil { // any Hugging Face directory that all machines have
		log.Fatal(err)
	}
	broker, err := cluster.Embed(filepath.Join(dir, "broker"), "127.0.0.1:0") // or a NATS cluster
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Stop()
	at := cluster.Connection{Servers: broker.URL()}

	ended := make(chan error)
	go func() { ended <- cluster.Work(ctx, cluster.WorkerOptions{Connection: at, Name: "worker"}) }()

	report, err := cluster.Convert(ctx, convert.Job{
		Source: source, Output: filepath.Join(dir, "converted"), Options: convert.Options{Method: convert.Lossless},
	}, cluster.Options{Connection: at, Lease: time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Stats.TensorCount, "tensors")
	stop()
	fmt.Println(errors.Is(<-ended, context.Canceled))
	// Output:
	// 38 tensors
	// true
}
