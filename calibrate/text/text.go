// Package text carries the built-in calibration text: what a model is run over to
// see what its matrices are multiplied by, where nobody says with which text.
//
// Some 190 kB in some 300 short pieces: English prose, articles, technical writing,
// tables and sums, code in a dozen languages, dialogue, and two dozen other
// languages. They are interleaved, so that whatever part of the beginning a model
// is given has something of everything. All of it is written for this project or in
// the public domain; pieces/README.md says where each file is from.
package text

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Name names this text and its version. Another text, or another order, is another
// version: what was calibrated with it says so.
const Name = "default v1"

// SHA256 is [Sum] of the sections that [Default] returns.
const SHA256 = "9e4d460c367ddc4b43227637f9d0793f3fcb984b6af6522f56f936ab1eff6c49"

// A Section is one piece of text, some 300 to 1600 characters.
type Section struct {
	Kind     string // prose, article, technical, table, code, dialogue, declaration
	Language string // of people, as BCP 47 has it, or of machines
	Text     string // a dialogue's with the roles in front, for models without a chat template

	// Messages are a dialogue's, for the model's own chat template; of other kinds
	// there are none.
	Messages []Message
}

// A Message is a turn of a dialogue.
type Message struct {
	Role    string // system, user or assistant
	Content string
}

//go:embed pieces/*.txt
var files embed.FS

// separator stands between the pieces of a file, on a line of its own.
const separator = "\n%%\n"

// Default returns the built-in text's sections, in their order. They are the
// caller's.
func Default() ([]Section, error) {
	entries, err := files.ReadDir("pieces")
	if err != nil {
		return nil, err
	}
	type placed struct {
		Section
		place int64
	}
	var all []placed
	for i, e := range entries {
		b, err := files.ReadFile("pieces/" + e.Name())
		if err != nil {
			return nil, err
		}
		kind, rest, _ := strings.Cut(e.Name(), ".")
		language, _, _ := strings.Cut(rest, ".")
		pieces := strings.Split(strings.TrimSuffix(string(b), "\n"), separator)
		for j, p := range pieces {
			s := Section{Kind: kind, Language: language, Text: p}
			if kind == "dialogue" {
				if s.Messages, err = messages(p); err != nil {
					return nil, fmt.Errorf("%s, piece %d: %w", e.Name(), j, err)
				}
			}
			all = append(all, placed{s, place(i, j, len(pieces))})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	sections := make([]Section, len(all))
	for i, p := range all {
		sections[i] = p.Section
	}
	return sections, nil
}

// place says where piece j of n of file i stands in the whole, from 0 to 2⁴⁰. A
// file's pieces are spread evenly; multiples of the golden ratio set the files
// against each other, so that those of few pieces do not all come at once.
func place(i, j, n int) int64 {
	const whole, golden = 1 << 40, 679538914749 // 2⁴⁰, and 2⁴⁰ divided by the golden ratio
	shift := int64(i+1) * golden % whole
	return (int64(j)<<40 + shift) / int64(n)
}

// messages reads a dialogue: a line that begins with a role begins a message.
func messages(piece string) ([]Message, error) {
	var ms []Message
	for line := range strings.Lines(piece) {
		role, content, ok := strings.Cut(line, ": ")
		switch {
		case ok && (role == "system" || role == "user" || role == "assistant"):
			ms = append(ms, Message{Role: role, Content: content})
		case len(ms) == 0:
			return nil, fmt.Errorf("a dialogue that begins with no role: %q", line)
		default:
			ms[len(ms)-1].Content += line
		}
	}
	for i := range ms {
		ms[i].Content = strings.TrimRight(ms[i].Content, "\n")
	}
	return ms, nil
}

// Sum is the SHA-256 of sections, in hexadecimal: of each one's kind, language and
// text, a line or more each, and a line %% behind it.
func Sum(sections []Section) string {
	h := sha256.New()
	for _, s := range sections {
		fmt.Fprintf(h, "%s %s\n%s%s", s.Kind, s.Language, s.Text, separator)
	}
	return hex.EncodeToString(h.Sum(nil))
}
