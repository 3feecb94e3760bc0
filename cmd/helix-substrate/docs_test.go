package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	helix "github.com/helix-substrate/helix-substrate"
	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/internal/npy"
)

// TestDocumentedReceipts runs the examples of docs/RECEIPTS.md as they stand there.
func TestDocumentedReceipts(t *testing.T) { testDocumented(t, "docs/RECEIPTS.md", 8) }

// TestDocumentedProvenance runs those of docs/PROVENANCE.md.
func TestDocumentedProvenance(t *testing.T) { testDocumented(t, "docs/PROVENANCE.md", 6) }

// testDocumented runs a document's first commands, at least so many, on the built-in model.
func testDocumented(t *testing.T, document string, least int) {
	t.Helper()
	lines := documented(t, document, "")
	t.Chdir(t.TempDir())
	if err := demo.Extract("TinyStories-656K"); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if code, output := invoke(words(line)...); code != 0 {
			t.Errorf("%s: exit code %d\n%s", line, code, output)
		}
	}
	if len(lines) < least {
		t.Errorf("%d commands", len(lines))
	}
}

// TestDocumentedRemote runs the first ten minutes of docs/REMOTE.md, with the working directory at a web server of this machine; the limit of
// memory, which is a process's, is left out.
func TestDocumentedRemote(t *testing.T) {
	lines := documented(t, "docs/REMOTE.md", "## The first ten minutes")
	t.Chdir(t.TempDir())
	if err := demo.Extract("TinyStories-656K"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer server.Close()
	root := "none yet"
	for _, line := range lines {
		line = strings.NewReplacer("https://host", server.URL, "SHA256", root, "--memory 64MiB ", "").Replace(line)
		if code, output := invoke(words(line)...); code != 0 {
			t.Fatalf("%s: exit code %d\n%s", line, code, output)
		}
		if strings.HasPrefix(line, "convert ") {
			d, err := helix.Inspect(t.Context(), "tinystories", helix.InspectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			root = d.Model.Root()
		}
	}
	if len(lines) < 6 {
		t.Errorf("%d commands", len(lines))
	}
}

// TestReadme runs the first ten minutes as the README has them, but for models that
// are not at hand; each command is a process of its own, as some have a memory limit.
func TestReadme(t *testing.T) {
	shared, err := filepath.Abs("../../../shared")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(shared); err != nil {
		t.Skip("no ../shared")
	}
	binary, err := exec.LookPath("helix-substrate")
	if err != nil {
		t.Fatal(err)
	}
	lines := documented(t, "README.md", "## The first ten minutes")
	t.Chdir(t.TempDir())
	for link, target := range map[string]string{"TinyStories-656K": "models/tinystories-656k-bf16", "stories.txt": "text/tinystories-20k.txt"} {
		if err := os.Symlink(filepath.Join(shared, target), link); err != nil {
			t.Fatal(err)
		}
	}
	if err := npy.Create("x.npy", []int{2, 128}, make([]float32, 256)); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, line := range lines {
		if strings.Contains(line, "mistralai/") || strings.Contains(line, "SmolLM2") {
			continue
		}
		output, err := exec.Command(binary, words(line)...).CombinedOutput()
		differs := strings.HasPrefix(line, "diff ") && err != nil && strings.Contains(string(output), errModelsDiffer.Error())
		if err != nil && !differs {
			t.Errorf("%s: %v\n%s", line, err, output)
		}
		ran++
	}
	if ran < 16 {
		t.Errorf("%d commands", ran)
	}
}

// documented returns the commands, less the program's name, of a document's first block
// of shell after a heading. What converts calibrates with few tokens, as it would take a minute with all.
func documented(t *testing.T, document, heading string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", document))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), heading)
	_, block, _ = strings.Cut(block, "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "   #")
		for command := range strings.SplitSeq(line, "&&") {
			if line, ok := strings.CutPrefix(strings.TrimSpace(command), "helix-substrate "); ok {
				if strings.HasPrefix(line, "convert ") {
					line += " --calibrate-tokens 1024"
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// words splits a command as a shell does that knows double quotes only.
func words(command string) (args []string) {
	for i, part := range strings.Split(strings.TrimSpace(command), `"`) { // every other one is quoted
		if i%2 == 1 {
			args = append(args, part)
			continue
		}
		args = append(args, strings.Fields(part)...)
	}
	return args
}
