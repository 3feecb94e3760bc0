package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestSum holds the text: what was calibrated with it names it by this sum.
func TestSum(t *testing.T) {
	if got := Sum(sections(t)); got != SHA256 {
		t.Errorf("the text's SHA-256 is %s, not %s: a changed text wants another Name", got, SHA256)
	}
}

// TestPieces looks at every piece: whole UTF-8, of a size that lets many kinds meet
// in one context, with no trace of how files are stored.
func TestPieces(t *testing.T) {
	bytes := 0
	seen := map[string]bool{}
	for _, s := range sections(t) {
		name := s.Kind + " in " + s.Language + ": " + s.Text[:min(len(s.Text), 40)]
		bytes += len(s.Text)
		if n := utf8.RuneCountInString(s.Text); n < 50 || n > 1700 {
			t.Errorf("%s: %d characters", name, n)
		}
		if !utf8.ValidString(s.Text) || strings.ContainsAny(s.Text, "\r\x00\ufeff\ufffd") || strings.Contains(s.Text, "%%\n") {
			t.Errorf("%s: not clean text", name)
		}
		if strings.TrimSpace(s.Text) != s.Text && s.Kind != "code" {
			t.Errorf("%s: white space around it", name)
		}
		if seen[s.Text] {
			t.Errorf("%s: twice", name)
		}
		seen[s.Text] = true
	}
	if bytes < 170_000 || bytes > 220_000 {
		t.Errorf("%d bytes", bytes)
	}
}

// TestDialogues checks that turns take turns, and that nothing is lost on the way
// from the text to its messages.
func TestDialogues(t *testing.T) {
	n := 0
	for _, s := range sections(t) {
		if s.Kind != "dialogue" {
			if len(s.Messages) != 0 {
				t.Errorf("%s %s has messages", s.Kind, s.Language)
			}
			continue
		}
		n++
		want := "user"
		var text []string
		for i, m := range s.Messages {
			if i == 0 && m.Role == "system" {
				text = append(text, m.Role+": "+m.Content)
				continue
			}
			if m.Role != want || strings.TrimSpace(m.Content) == "" {
				t.Errorf("turn %d of %.40q is %q", i, s.Text, m)
			}
			want = map[string]string{"user": "assistant", "assistant": "user"}[m.Role]
			text = append(text, m.Role+": "+m.Content)
		}
		if want != "user" {
			t.Errorf("%.40q ends without an answer", s.Text)
		}
		if got := strings.Join(text, "\n"); got != s.Text {
			t.Errorf("messages of %.40q say %q", s.Text, got)
		}
	}
	if n < 50 {
		t.Errorf("%d dialogues", n)
	}
}

// TestInterleaved checks the promise: an eighth from the beginning, and any eighth,
// has every kind, several languages of people and of machines, and no kind takes
// much more of it than of the whole.
func TestInterleaved(t *testing.T) {
	all := sections(t)
	total := count(all)
	for k := range 8 {
		part := count(all[len(all)*k/8 : len(all)*(k+1)/8])
		for kind, bytes := range total.kinds {
			if got := float64(part.kinds[kind]) / float64(bytes); got < 0.03 || got > 0.25 {
				t.Errorf("eighth %d has %.2f of all %s", k, got, kind)
			}
		}
		if len(part.people) < 6 || len(part.machines) < 2 {
			t.Errorf("eighth %d has the languages %v and %v", k, part.people, part.machines)
		}
	}
}

type tally struct{ kinds, people, machines map[string]int }

func count(sections []Section) tally {
	c := tally{map[string]int{}, map[string]int{}, map[string]int{}}
	for _, s := range sections {
		c.kinds[s.Kind] += len(s.Text)
		if s.Kind == "code" {
			c.machines[s.Language]++
		} else {
			c.people[s.Language]++
		}
	}
	return c
}

func sections(t *testing.T) []Section {
	t.Helper()
	s, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
