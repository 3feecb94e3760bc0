package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/memory"
)

// TestDeploy: the command lines in deploy are ones that the program takes, and the memory of whatever runs it is what they say.
func TestDeploy(t *testing.T) {
	for _, c := range []struct {
		file, line, limit string // expressions: the command's arguments; the limit beside them
	}{
		{"Containerfile", `(?m)^CMD \[(.*)\]$`, `--memory (\d+m) `},
		{"helix-substrate.service", `(?m)^ExecStart=\S+ (.*)$`, `(?m)^MemoryMax=(\d+M)$`},
		{"kubernetes.yaml", `(?m)^ +args: \[(.*)\]$`, `(?m)^ +limits: \{memory: (\d+Mi)\}$`},
		{"shards.yaml", `(?m)^ +args: \[(.*)\]$`, `(?m)^ +limits: \{memory: (\d+Gi)\}$`},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", c.file))
		if err != nil {
			t.Fatal(err)
		}
		line, limit := regexp.MustCompile(c.line).FindSubmatch(text), regexp.MustCompile(c.limit).FindSubmatch(text)
		if line == nil || limit == nil {
			t.Errorf("%s has no command or no limit", c.file)
			continue
		}
		args := strings.Fields(strings.NewReplacer(",", " ", `"`, "", "$(JOB_COMPLETION_INDEX)", "0").Replace(string(line[1])))
		absent := filepath.Join(t.TempDir(), "absent")
		for i := range args {
			switch flag := args[max(0, i-1)]; {
			case args[i] == "/model" || strings.HasSuffix(args[i], "/model"):
				args[i] = absent
			case flag == "-o":
				args[i] = filepath.Join(t.TempDir(), "out")
			case flag == "--listen":
				args[i] = "127.0.0.1:0"
			case flag == "--log":
				args[i] = filepath.Join(t.TempDir(), "log")
			case flag == "--memory":
				said, err := memory.ParseSize(args[i])
				around, other := memory.ParseSize(strings.ToUpper(strings.TrimSuffix(string(limit[1]), "i")) + "iB")
				if err != nil || other != nil || said != around {
					t.Errorf("%s: --memory %s in a limit of %s: %v, %v", c.file, args[i], limit[1], err, other)
				}
			}
		}
		var stdout, stderr bytes.Buffer
		if code := run(args, strings.NewReader(""), &stdout, &stderr); code != exitFailure || !strings.Contains(stderr.String(), "absent") {
			t.Errorf("%s: %q: exit code %d\n%s", c.file, args, code, &stderr)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "Containerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range regexp.MustCompile(`(?m)^(?:CMD|ENTRYPOINT) (.*)$`).FindAllSubmatch(text, -1) {
		if !json.Valid(list[1]) {
			t.Errorf("%s is no list", list[1])
		}
	}
}
