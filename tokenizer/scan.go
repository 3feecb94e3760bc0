package tokenizer

import "strings"

// The patterns by which nearly all byte-level models cut their text, matched by hand: a regular expression engine spends most of
// the time of an Encode. Tests compare each with the engine.

// scanner finds the matches of a pattern by a function that matches at one place.
type scanner struct {
	match   matchFunc
	classes *classTable
}

// matchFunc returns the end of the match that begins at s[i:], which is not empty, or -1.
type matchFunc func(c *classTable, s string, i int) int

func (p scanner) find(dst []span, s string, _ *work) []span {
	for i := 0; i < len(s); {
		if end := p.match(p.classes, s, i); end > i {
			dst = append(dst, span{i, end})
			i = end
			continue
		}
		_, n := p.classes.at(s, i)
		i += n
	}
	return dst
}

const (
	gpt2Pattern    = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	gpt2GGUF       = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`
	foldedSuffixes = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	asciiSuffixes  = `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`
	lettersPattern = `|[^\r\n\p{L}\p{N}]?\p{L}+`
	linesPattern   = `|\s*[\r\n]+|\s+(?!\S)|\s+`
	othersPattern  = `| ?[^\s\p{L}\p{N}]+[\r\n]*` + linesPattern
	llama3Pattern  = foldedSuffixes + lettersPattern + `|\p{N}{1,3}` + othersPattern
	llama3GGUF     = asciiSuffixes + lettersPattern + `|\p{N}{1,3}` + othersPattern
	qwen2Pattern   = foldedSuffixes + lettersPattern + `|\p{N}` + othersPattern
	qwen2GGUF      = asciiSuffixes + lettersPattern + `|\p{N}` + othersPattern
	lowerHalf      = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`
	upperHalf      = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`
	pathsPattern   = `| ?[^\s\p{L}\p{N}]+[\r\n/]*` + linesPattern
	tekkenPattern  = lowerHalf + `|` + upperHalf + `|\p{N}` + pathsPattern
	o200kPattern   = lowerHalf + foldedSuffixes + `?|` + upperHalf + foldedSuffixes + `?|\p{N}{1,3}` + pathsPattern
	deepseek3      = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
	deepseek3CJK   = `[一-龥぀-ゟ゠-ヿ]+`
)

// scanners are the patterns matched by hand.
var scanners = map[string]matchFunc{
	gpt2Pattern:   matchGPT2,
	gpt2GGUF:      matchGPT2, // what it leaves over, the other's last choice takes whole
	llama3Pattern: llama3Matcher(foldedContraction, 3),
	llama3GGUF:    llama3Matcher(asciiContraction, 3),
	qwen2Pattern:  llama3Matcher(foldedContraction, 1),
	qwen2GGUF:     llama3Matcher(asciiContraction, 1),
	tekkenPattern: casedMatcher(func(s string, i int) int { return -1 }, 1),
	o200kPattern:  casedMatcher(foldedContraction, 3),
	deepseek3:     matchDeepSeek3,
	deepseek3CJK:  matchCJK,
	`\p{N}{1,3}`:  func(c *classTable, s string, i int) int { return c.upTo(s, i, number, 3) },
	`\p{N}`:       func(c *classTable, s string, i int) int { return c.upTo(s, i, number, 1) },
}

// run returns the end of the characters from s[i:] on that are in one of the classes.
func (t *classTable) run(s string, i int, in class) int {
	for {
		c, n := t.at(s, i)
		if n == 0 || c&in == 0 {
			return i
		}
		i += n
	}
}

// runOutside returns the end of the characters from s[i:] on that are in none of the classes.
func (t *classTable) runOutside(s string, i int, out class) int {
	for {
		c, n := t.at(s, i)
		if n == 0 || c&out != 0 {
			return i
		}
		i += n
	}
}

// upTo is run for at most max characters; -1 if there is none.
func (t *classTable) upTo(s string, i int, in class, max int) int {
	end := -1
	for ; max > 0; max-- {
		c, n := t.at(s, i)
		if n == 0 || c&in == 0 {
			break
		}
		i += n
		end = i
	}
	return end
}

// spaces matches \s+(?!\S)|\s+: white space up to the last one before a word, which belongs to that.
func (t *classTable) spaces(s string, i int) int {
	last, end := i, i
	for {
		c, n := t.at(s, end)
		if n == 0 {
			return end
		}
		if c&space == 0 {
			break
		}
		last = end
		end += n
	}
	if last > i {
		return last
	}
	if end > i {
		return end
	}
	return -1
}

// lines matches \s*[\r\n]+|\s+(?!\S)|\s+: white space up to its last line break, if it has one.
func (t *classTable) lines(s string, i int) int {
	end := t.run(s, i, space)
	if j := strings.LastIndexAny(s[i:end], "\r\n"); j >= 0 {
		return i + j + 1
	}
	return t.spaces(s, i)
}

// matchGPT2 matches gpt2Pattern.
func matchGPT2(t *classTable, s string, i int) int {
	if end := contraction(s, i, false); end > 0 {
		return end
	}
	j := i
	if s[i] == ' ' {
		j++
	}
	switch c, n := t.at(s, j); {
	case n == 0 || c&space != 0:
		return t.spaces(s, i)
	case c&letter != 0:
		return t.run(s, j+n, letter)
	case c&number != 0:
		return t.run(s, j+n, number)
	default:
		return t.runOutside(s, j+n, space|letter|number)
	}
}

// contraction matches 's|'t|'re|'ve|'m|'ll|'d, in capitals too with fold; -1 if there is none.
func contraction(s string, i int, fold bool) int {
	if i+1 >= len(s) || s[i] != '\'' {
		return -1
	}
	var b [2]byte
	copy(b[:], s[i+1:])
	if fold {
		for k := range b {
			if 'A' <= b[k] && b[k] <= 'Z' {
				b[k] += 'a' - 'A'
			}
		}
	}
	switch {
	case b[0] == 's', b[0] == 't', b[0] == 'm', b[0] == 'd':
		return i + 2
	case b == [2]byte{'r', 'e'}, b == [2]byte{'v', 'e'}, b == [2]byte{'l', 'l'}:
		return i + 3
	}
	return -1
}

// asciiContraction matches asciiSuffixes.
func asciiContraction(s string, i int) int { return contraction(s, i, true) }

// foldedContraction matches foldedSuffixes, where ſ is an s too.
func foldedContraction(s string, i int) int {
	if strings.HasPrefix(s[i:], "'ſ") {
		return i + len("'ſ")
	}
	return contraction(s, i, true)
}

// llama3Matcher matches llama3Pattern and qwen2Pattern.
func llama3Matcher(contraction func(s string, i int) int, digits int) matchFunc {
	return func(t *classTable, s string, i int) int {
		if s[i] == '\'' {
			if end := contraction(s, i); end > 0 {
				return end
			}
		}
		c, n := t.at(s, i)
		switch {
		case c&letter != 0:
			return t.run(s, i+n, letter)
		case c&number != 0:
			return t.upTo(s, i, number, digits)
		case c&newline == 0:
			if c, m := t.at(s, i+n); c&letter != 0 {
				return t.run(s, i+n+m, letter)
			}
		}
		if end := t.others(s, i); end > 0 {
			return t.run(s, end, newline)
		}
		return t.lines(s, i)
	}
}

// others matches ` ?[^\s\p{L}\p{N}]+`; -1 if there is none.
func (t *classTable) others(s string, i int) int {
	if s[i] == ' ' {
		i++
	}
	if end := t.runOutside(s, i, space|letter|number); end > i {
		return end
	}
	return -1
}

// casedMatcher matches tekkenPattern and o200kPattern.
func casedMatcher(contraction func(s string, i int) int, digits int) matchFunc {
	return func(t *classTable, s string, i int) int {
		end := t.prefixed(s, i, (*classTable).lowerWord)
		if end < 0 {
			end = t.prefixed(s, i, (*classTable).upperWord)
		}
		if end > 0 {
			if e := contraction(s, end); e > 0 {
				return e
			}
			return end
		}
		if end := t.upTo(s, i, number, digits); end > 0 {
			return end
		}
		if end := t.others(s, i); end > 0 {
			for end < len(s) && (s[end] == '\r' || s[end] == '\n' || s[end] == '/') {
				end++
			}
			return end
		}
		return t.lines(s, i)
	}
}

// prefixed matches a word with [^\r\n\p{L}\p{N}] before it, or else without.
func (t *classTable) prefixed(s string, i int, word func(*classTable, string, int) int) int {
	if c, n := t.at(s, i); c&(newline|letter|number) == 0 {
		if end := word(t, s, i+n); end > 0 {
			return end
		}
	}
	return word(t, s, i)
}

const (
	uppers = upper | caseless | mark
	lowers = lower | caseless | mark
)

// lowerWord matches lowerHalf without its prefix.
func (t *classTable) lowerWord(s string, i int) int {
	both := -1 // the end of the last character that could also begin the lower half
	for {
		c, n := t.at(s, i)
		if c&uppers == 0 {
			if c&lowers != 0 {
				return t.run(s, i+n, lowers)
			}
			return both
		}
		i += n
		if c&lowers != 0 {
			both = i
		}
	}
}

// upperWord matches upperHalf without its prefix.
func (t *classTable) upperWord(s string, i int) int {
	end := t.run(s, i, uppers)
	if end == i {
		return -1
	}
	return t.run(s, end, lowers)
}

// matchDeepSeek3 matches deepseek3; digits and controls are not in it.
func matchDeepSeek3(t *classTable, s string, i int) int {
	c, n := t.at(s, i)
	if s[i] < 0x80 && c&(punct|symbol) != 0 {
		j := i + 1
		for j < len(s) && ('a' <= s[j]|0x20 && s[j]|0x20 <= 'z') {
			j++
		}
		if j > i+1 {
			return j
		}
	}
	if c&(newline|letter|punct|symbol) == 0 {
		if end := t.run(s, i+n, letter|mark); end > i+n {
			return end
		}
	}
	if c&(letter|mark) != 0 {
		return t.run(s, i+n, letter|mark)
	}
	j := i
	if s[i] == ' ' {
		j++
	}
	if end := t.run(s, j, punct|symbol); end > j {
		return t.run(s, end, newline)
	}
	return t.lines(s, i)
}

// matchCJK matches deepseek3CJK.
func matchCJK(_ *classTable, s string, i int) int {
	end := -1
	for j, r := range s[i:] {
		if !('一' <= r && r <= '龥' || 0x3040 <= r && r <= 0x30ff) {
			break
		}
		end = i + j + 3
	}
	return end
}
