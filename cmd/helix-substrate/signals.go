package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// patience is how long a verb may take to stop after a signal: most look at their context
// many times a second, and what they have begun is then taken back. One that is in the
// midst of something longer is ended as a kill would end it, which every output survives:
// files get their names when they are whole.
const patience = 900 * time.Millisecond

// patienceOf is how long a verb may take that says so itself, or else patience.
func patienceOf(verb *kong.Node) time.Duration {
	if verb != nil && verb.Target.CanAddr() {
		if own, ok := verb.Target.Addr().Interface().(interface{ patience() time.Duration }); ok {
			return own.patience()
		}
	}
	return patience
}

// untilSignal returns a context that SIGINT and SIGTERM end. The process itself ends soon
// after that, or at once at a second signal, with exit code 130. stop ends the waiting.
func untilSignal(stderr io.Writer, patience time.Duration) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
		case <-done:
			return
		}
		cancel()
		select {
		case <-signals:
		case <-time.After(patience):
			fmt.Fprintln(stderr, "helix-substrate: interrupted in the midst of something; a file .NAME.….partial may be left")
		case <-done:
			return
		}
		os.Exit(exitInterrupted)
	}()
	return ctx, func() {
		if ctx.Err() == nil { // else the process is about to end with the code of the first signal, not by the next
			signal.Stop(signals)
		}
		close(done)
		cancel()
	}
}
