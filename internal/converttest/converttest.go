// Package converttest converts checkpoints for the tests of packages that package convert imports: their external tests import
// it, and hand it on to those in the package.
package converttest

import (
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/convert"
)

// To converts a checkpoint to a model directory with options of the command line, such as "bits=4.5"; the method is entropy
// unless one says otherwise.
func To(t testing.TB, source, output string, options ...string) {
	t.Helper()
	o := convert.Options{Method: convert.Entropy}
	for _, option := range options {
		name, text, _ := strings.Cut(option, "=")
		if err := o.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := convert.Directory(t.Context(), convert.Job{Source: source, Output: output, Options: o}); err != nil {
		t.Fatal(err)
	}
}
