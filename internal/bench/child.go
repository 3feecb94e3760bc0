package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/helix-substrate/helix-substrate/memory"
)

// A child is a measurement in a process of its own, whose peak memory is then its own: this
// program again, with the work as JSON on its standard input and what it measured on its
// standard output.

// childVerb is the verb that calls Child.
var childVerb = []string{"bench", "child"}

// work is what a child measures: one of these.
type work struct {
	Product    *product    `json:"product,omitempty"`
	Generation *generation `json:"generation,omitempty"`
}

// Child does the work that in describes and writes what it measured to out.
func Child(ctx context.Context, in io.Reader, out io.Writer) error {
	var w work
	if err := json.NewDecoder(in).Decode(&w); err != nil {
		return err
	}
	memory.Lean()
	var measured any
	var err error
	switch {
	case w.Product != nil:
		measured, err = w.Product.run(ctx)
	case w.Generation != nil:
		measured, err = w.Generation.run(ctx)
	default:
		err = errors.New("no work for a child")
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(measured)
}

// inChild has a child do the work, called name in messages, and reads what it measured. What
// it says goes to stderr.
func inChild(ctx context.Context, name string, w work, stderr io.Writer, measured any) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if w.Generation != nil {
		w.Generation.Started = time.Now()
	}
	text, err := json.Marshal(w)
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, self, childVerb...)
	child.Stdin, child.Stderr = bytes.NewReader(text), stderr
	out, err := child.Output()
	if stopped := context.Cause(ctx); stopped != nil {
		return stopped
	}
	if err == nil {
		err = json.Unmarshal(out, measured)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
