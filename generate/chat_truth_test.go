package generate

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/helix-substrate/helix-substrate/internal/jinja"
)

// moment is when internal/jinja/testdata/truth.py stopped the clock.
var moment = time.Date(2026, 3, 4, 5, 6, 7, 89000000, time.UTC)

// TestTemplatesOfModels compares with transformers for each line of the file that internal/jinja/testdata/differential.py wrote.
func TestTemplatesOfModels(t *testing.T) {
	path := os.Getenv("HELIX_TEMPLATES")
	if path == "" {
		t.Skip("HELIX_TEMPLATES does not name a file by internal/jinja/testdata/differential.py")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var c struct {
			Template, Path, Name string
			Request              struct {
				Messages, Tools, Documents, Variables json.RawMessage
				AddGenerationPrompt                   bool `json:"add_generation_prompt"`
			}
			Want  *string
			Error string
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		got, err := "", error(nil)
		template, err := NewChatTemplate(c.Template, TemplateOptions{Now: moment})
		if err == nil {
			r := c.Request
			got, err = template.RenderRequest(ChatRequest{r.Messages, r.Tools, r.Documents, r.AddGenerationPrompt, r.Variables, false})
		}
		switch {
		case errors.Is(err, jinja.ErrUnsupported) || errors.Is(err, jinja.ErrLimit):
			t.Errorf("%s, %s: %v", c.Path, c.Name, err)
		case (c.Want == nil) != (err != nil):
			t.Errorf("%s, %s: %q, %v; transformers: %s", c.Path, c.Name, got, err, c.Error)
		case c.Want != nil && got != *c.Want:
			t.Errorf("%s, %s:\n%q, transformers:\n%q", c.Path, c.Name, got, *c.Want)
		}
	}
	if err := lines.Err(); err != nil || n == 0 {
		t.Fatalf("%d lines, %v", n, err)
	}
	t.Logf("%d renderings compared", n)
}

// TestTemplateCases renders the templates of real bug reports.
func TestTemplateCases(t *testing.T) {
	files, _ := filepath.Glob("../../shared/cases/chat-*/cases.json")
	if len(files) == 0 {
		t.Skip("no ../shared")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []struct {
			Name, Template, BOS, EOS string
			Messages                 json.RawMessage
			Expected                 *string
		}
		if err := json.Unmarshal(data, &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			if c.Expected == nil { // chat-strftime-now has no fixed text
				continue
			}
			template, err := NewChatTemplate(c.Template, TemplateOptions{SpecialTokens: map[string]string{"bos_token": c.BOS, "eos_token": c.EOS}, Now: moment})
			if err != nil {
				t.Errorf("%s %s: %v", file, c.Name, err)
				continue
			}
			got, err := template.RenderRequest(ChatRequest{Messages: c.Messages, AddGenerationPrompt: true})
			if err != nil || got != *c.Expected {
				t.Errorf("%s %s: %q, %v; want %q", file, c.Name, got, err, *c.Expected)
			}
		}
	}
}

// TestTemplateAttacks renders templates that hung or killed the engine before this one.
func TestTemplateAttacks(t *testing.T) {
	files, _ := filepath.Glob("../../shared/attacks/templates/*.json")
	if len(files) == 0 {
		t.Skip("no ../shared")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			ChatTemplate string `json:"chat_template"`
		}
		if err := json.Unmarshal(data, &config); err != nil {
			t.Fatal(err)
		}
		template, err := NewChatTemplate(config.ChatTemplate, TemplateOptions{})
		if err == nil {
			_, err = template.Render(conversation)
		}
		if !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
