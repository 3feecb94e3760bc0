package calibrate

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/calibrate/text"
	"github.com/helix-substrate/helix-substrate/generate"
)

// TestTexts: what says nothing about a model is refused by name.
func TestTexts(t *testing.T) {
	model := demoModel(t)
	for _, c := range []struct {
		name string
		text []text.Section
		says string
	}{
		{"empty", []text.Section{}, "empty"},
		{"empty section", []text.Section{{}}, "empty"},
		{"short", []text.Section{{Text: "Once upon a time."}}, "at least 1024"},
		{"not UTF-8", []text.Section{{Text: "Once \xff upon"}}, "the text is not UTF-8"},
		{"not UTF-8, said", []text.Section{{Text: "a"}, {Messages: []text.Message{{Role: "user", Content: "\xc0"}}}}, "the text is not UTF-8"},
		{"one token", []text.Section{{Text: strings.Repeat("\n", 5000)}}, "all of its tokens"},
	} {
		o := short()
		o.Text = c.text
		dir := t.TempDir()
		err := Run(t.Context(), located(t, model), filepath.Join(dir, "s"), o)
		if !errors.Is(err, ErrText) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%s: %v is left", c.name, entries)
		}
	}
}

// TestDialogue: dialogue is written as the chat template has it, without a system's message where
// that refuses it, or plain.
func TestDialogue(t *testing.T) {
	tokenizer, err := generate.OpenTokenizer(demoModel(t))
	if err != nil {
		t.Fatal(err)
	}
	sections := []text.Section{
		{Text: "One day."},
		{Text: "user: Who?\nassistant: Me.", Messages: []text.Message{{Role: "system", Content: "Be"}, {Role: "user", Content: "Who?"}, {Role: "assistant", Content: "Me."}}},
		{Text: "The end."},
	}
	template := func(source string) *generate.ChatTemplate {
		c, err := generate.NewChatTemplate(source, generate.TemplateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const each = `{% for m in messages %}<{{m.role}}>{{m.content}}{% endfor %}`
	for _, c := range []struct {
		template *generate.ChatTemplate
		want     string
		notes    int
	}{
		{nil, "One day.\n\nuser: Who?\nassistant: Me.\n\nThe end.\n\n", 0},
		{template(each), "One day.\n\n<system>Be<user>Who?<assistant>Me.The end.\n\n", 0},
		{template(`{% if messages[0].role == "system" %}{{ raise_exception("no") }}{% endif %}` + each), "One day.\n\n<user>Who?<assistant>Me.The end.\n\n", 0},
		{template(`{{ raise_exception("no") }}`), "One day.\n\nuser: Who?\nassistant: Me.\n\nThe end.\n\n", 1},
	} {
		r := &reader{tokenizer: tokenizer, template: c.template}
		got := ""
		for i := range sections {
			got += r.write(&sections[i])
		}
		if got != c.want || len(r.notes) != c.notes {
			t.Errorf("%q and notes %q, want %q", got, r.notes, c.want)
		}
	}
}

// TestLongText: of a long text no more is encoded than is needed, and pieces end between
// characters.
func TestLongText(t *testing.T) {
	for n := 1; n < 12; n++ {
		if got := beginning("aäöü€😀", n); !strings.HasPrefix("aäöü€😀", got) || !utf8.ValidString(got) || len(got) > n || len(got) < n-3 {
			t.Errorf("the first %d bytes are %q", n, got)
		}
	}
	tokenizer, err := generate.OpenTokenizer(demoModel(t))
	if err != nil {
		t.Fatal(err)
	}
	long := []text.Section{{Text: strings.Repeat("One day a bird ", 1<<20)}}
	r := newReader(tokenizer, long)
	var first []int
	for _, wanted := range []int{50000, 5000, 100, 1} {
		ids, err := r.read(t.Context(), long, wanted+1)
		if err != nil || len(ids) != wanted+1 || len(r.notes) != 0 {
			t.Fatalf("%d tokens: %v, %v", len(ids), err, r.notes)
		}
		if first = append(first, ids...)[:50001]; !slices.Equal(ids, first[:wanted+1]) {
			t.Errorf("the first %d tokens are not those of more", wanted+1)
		}
	}
}
