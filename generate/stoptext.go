package generate

import "strings"

// stopTexts passes a text on up to the stop text that ends first, and of those the longest.
// How the text is cut into pieces makes no difference.
type stopTexts struct {
	texts []string
	held  string // what may be the beginning of one
	found string // that ended it
}

// next adds a piece of the text and returns what is certain to be before any stop text.
func (s *stopTexts) next(piece string) (certain string, found bool) {
	switch {
	case s.found != "":
		return "", true
	case len(s.texts) == 0:
		return piece, false
	}
	s.held += piece
	begin, end := len(s.held), len(s.held)+1
	for _, t := range s.texts {
		if i := strings.Index(s.held, t); t != "" && i >= 0 && (i+len(t) < end || i+len(t) == end && i < begin) {
			begin, end, s.found = i, i+len(t), t
		}
	}
	if s.found == "" {
		begin = len(s.held) - s.beginning()
	}
	certain, s.held = s.held[:begin], s.held[begin:]
	return certain, s.found != ""
}

// beginning returns how many bytes at the end of what is held a stop text may begin with.
func (s *stopTexts) beginning() int {
	longest := 0
	for _, t := range s.texts {
		for n := min(len(t)-1, len(s.held)); n > longest; n-- {
			if strings.HasSuffix(s.held, t[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// flush is next for the last piece: nothing is held back.
func (s *stopTexts) flush(piece string) (rest string, found bool) {
	rest, found = s.next(piece)
	if !found {
		rest += s.held
		s.held = ""
	}
	return rest, found
}
