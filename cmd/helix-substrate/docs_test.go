package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/internal/demo"
)

// TestDocumentedReceipts runs the examples of docs/RECEIPTS.md as they stand there.
func TestDocumentedReceipts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "RECEIPTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	t.Chdir(t.TempDir())
	if err := demo.Extract("TinyStories-656K"); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for line := range strings.Lines(block) {
		command, ok := strings.CutPrefix(line, "helix-substrate ")
		if !ok {
			continue
		}
		command, _, _ = strings.Cut(command, "   #")
		var args []string
		for i, part := range strings.Split(strings.TrimSpace(command), `"`) { // every other one is quoted
			if i%2 == 1 {
				args = append(args, part)
				continue
			}
			args = append(args, strings.Fields(part)...)
		}
		if code, output := invoke(args...); code != 0 {
			t.Errorf("%s: exit code %d\n%s", line, code, output)
		}
		ran++
	}
	if ran < 8 {
		t.Errorf("%d commands", ran)
	}
}
