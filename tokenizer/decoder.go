package tokenizer

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Decoder turns ids into text one by one. It belongs to one text and one goroutine.
type Decoder struct {
	t           *Tokenizer
	skipSpecial bool
	shown       []int // special tokens that are not left out
	steps       []decoderState
	next        []func(string) // next[i] hands a token to steps[i]; the last one to out
	out         []byte
}

// Stream returns a decoder for a new text. What its Next and Flush return, put together, is what Decode returns.
func (t *Tokenizer) Stream() *Decoder { return t.StreamSkip(false) }

// StreamSkip is Stream that can leave special tokens out.
func (t *Tokenizer) StreamSkip(skipSpecial bool) *Decoder {
	d := &Decoder{t: t, skipSpecial: skipSpecial}
	for _, step := range t.decoders {
		d.steps = append(d.steps, step.start())
	}
	d.next = make([]func(string), len(d.steps)+1)
	for i, step := range d.steps {
		d.next[i] = func(token string) { step.token(token, d.next[i+1]) }
	}
	d.next[len(d.steps)] = func(text string) { d.out = append(d.out, text...) }
	return d
}

// StreamShow is StreamSkip that leaves out special tokens but these.
func (t *Tokenizer) StreamShow(shown []int) *Decoder {
	d := t.StreamSkip(true)
	d.shown = shown
	return d
}

// Next takes the next id and returns the text that is now certain: whole characters, and nothing that a later id could change.
// It is empty while the bytes of a character are still to come. Ids that do not exist are left out.
func (d *Decoder) Next(id int) string {
	d.push(id)
	return d.take()
}

func (d *Decoder) push(id int) {
	token, ok := d.t.token(id)
	if !ok || d.skipSpecial && d.t.special[id] && !slices.Contains(d.shown, id) {
		return
	}
	d.next[0](token)
}

// Flush ends the text and returns what was left of it; bytes that became no character are U+FFFD. Next must not follow.
func (d *Decoder) Flush() string {
	for i, step := range d.steps {
		step.flush(d.next[i+1])
	}
	return d.take()
}

func (d *Decoder) take() string {
	s := string(d.out)
	d.out = d.out[:0]
	return s
}

// decoderStep is one decoder of tokenizer.json; start begins a text.
type decoderStep interface{ start() decoderState }

// decoderState is a decoder at work: it takes tokens and hands on what it makes of them as soon as that is certain.
//
// Decoders that make one token of all (Fuse, ByteLevel) hand it on in parts. What follows them is made by [fused], so that it sees
// the parts as one token.
type decoderState interface {
	token(s string, next func(string))
	flush(next func(string))
}

// fused returns the step that works on one token arriving in parts.
func fused(step decoderStep) decoderStep {
	switch step := step.(type) {
	case stripDecoder:
		return fusedStrip(step)
	case replaceDecoder:
		if _, ok := step.pattern.(literal); ok {
			return fusedReplace(step)
		}
	case fuseDecoder:
		return step
	}
	return wholeDecoder{step}
}

// fuseDecoder makes one token of all.
type fuseDecoder struct{}

func (d fuseDecoder) start() decoderState             { return d }
func (fuseDecoder) token(s string, next func(string)) { next(s) }
func (fuseDecoder) flush(func(string))                {}

// replaceDecoder puts content in the place of each match.
type replaceDecoder struct {
	pattern pattern
	content string
}

func (d replaceDecoder) start() decoderState { return d }
func (replaceDecoder) flush(func(string))    {}
func (d replaceDecoder) token(s string, next func(string)) {
	w := work{steps: math.MaxInt, growth: math.MaxInt} // what it may cost was checked when it was made
	next(replaceAll(s, d.pattern, d.content, &w))
}

// stripDecoder takes up to left characters content from the beginning of each token, and up to right from its end.
type stripDecoder struct {
	content     rune
	left, right int
}

func (d stripDecoder) start() decoderState { return d }
func (stripDecoder) flush(func(string))    {}
func (d stripDecoder) token(s string, next func(string)) {
	for i := 0; i < d.left; i++ {
		r, n := utf8.DecodeRuneInString(s)
		if n == 0 || r != d.content {
			break
		}
		s = s[n:]
	}
	for i := 0; i < d.right; i++ {
		r, n := utf8.DecodeLastRuneInString(s)
		if n == 0 || r != d.content {
			break
		}
		s = s[:len(s)-n]
	}
	next(s)
}

// fusedStrip is stripDecoder for a token in parts.
type fusedStrip stripDecoder

func (d fusedStrip) start() decoderState { return &fusedStripState{fusedStrip: d} }

type fusedStripState struct {
	fusedStrip
	begun bool
	held  int // characters content at the end so far, at most right
}

func (d *fusedStripState) token(s string, next func(string)) {
	for !d.begun && s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if d.left == 0 || r != d.content {
			d.begun = true
			break
		}
		d.left--
		s = s[n:]
	}
	if s == "" {
		return
	}
	end, tail := len(s), 0
	for end > 0 && tail < d.right {
		r, n := utf8.DecodeLastRuneInString(s[:end])
		if r != d.content {
			break
		}
		end -= n
		tail++
	}
	content := string(d.content)
	out := d.held
	if end == 0 { // nothing but content: the held ones and these
		d.held += tail
		out = max(d.held-d.right, 0)
		d.held -= out
	} else {
		d.held = tail
	}
	for range out {
		next(content)
	}
	if end > 0 {
		next(s[:end])
	}
}

func (d *fusedStripState) flush(func(string)) {}

// fusedReplace is replaceDecoder of a literal for a token in parts.
type fusedReplace replaceDecoder

func (d fusedReplace) start() decoderState {
	return &fusedReplaceState{old: string(d.pattern.(literal)), content: d.content}
}

type fusedReplaceState struct {
	old, content string
	held         string // it may begin a match
}

func (d *fusedReplaceState) token(s string, next func(string)) {
	s = d.held + s
	for {
		before, after, found := strings.Cut(s, d.old)
		if !found {
			break
		}
		next(before + d.content)
		s = after
	}
	n := min(len(s), len(d.old)-1)
	for ; !strings.HasPrefix(d.old, s[len(s)-n:]); n-- {
	}
	next(s[:len(s)-n])
	d.held = s[len(s)-n:]
}

func (d *fusedReplaceState) flush(next func(string)) { next(d.held) }

// wholeDecoder waits for all parts of a token.
type wholeDecoder struct{ step decoderStep }

func (d wholeDecoder) start() decoderState { return &wholeState{inner: d.step.start()} }

type wholeState struct {
	inner decoderState
	parts strings.Builder
}

func (d *wholeState) token(s string, _ func(string)) { d.parts.WriteString(s) }
func (d *wholeState) flush(next func(string)) {
	d.inner.token(d.parts.String(), next)
	d.inner.flush(next)
}

// byteLevelDecoder reads tokens in the byte alphabet; one with any other character stands for itself.
type byteLevelDecoder struct{}

func (byteLevelDecoder) start() decoderState { return new(byteLevelState) }

type byteLevelState struct {
	held []byte // the beginning of a character
}

func (d *byteLevelState) token(s string, next func(string)) {
	d.held = appendAlphabet(d.held, s)
	whole := len(d.held)
	for k := 1; k <= min(whole, utf8.UTFMax-1); k++ { // does the end still wait for bytes?
		if tail := d.held[whole-k:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole -= k
			}
			break
		}
	}
	if whole > 0 {
		next(validUTF8(string(d.held[:whole])))
		d.held = append(d.held[:0], d.held[whole:]...)
	}
}

func (d *byteLevelState) flush(next func(string)) { next(validUTF8(string(d.held))) }

// byteFallbackDecoder joins neighbouring tokens like <0xE2>: if they are not UTF-8, each is U+FFFD. So they are certain only when
// another token comes.
type byteFallbackDecoder struct{}

func (byteFallbackDecoder) start() decoderState { return new(byteFallbackState) }

type byteFallbackState struct{ held []byte }

func (d *byteFallbackState) token(s string, next func(string)) {
	if b, ok := parseByteToken(s); ok {
		d.held = append(d.held, b)
		return
	}
	d.flush(next)
	next(s)
}

func (d *byteFallbackState) flush(next func(string)) {
	if len(d.held) == 0 {
		return
	}
	if utf8.Valid(d.held) {
		next(string(d.held))
	} else {
		for range d.held {
			next("\ufffd")
		}
	}
	d.held = d.held[:0]
}

func parseByteToken(s string) (byte, bool) {
	if len(s) != 6 || s[:3] != "<0x" || s[5] != '>' {
		return 0, false
	}
	high, ok1 := hexDigit(s[3])
	low, ok2 := hexDigit(s[4])
	return high<<4 | low, ok1 && ok2
}

func hexDigit(b byte) (byte, bool) {
	switch {
	case '0' <= b && b <= '9':
		return b - '0', true
	case 'A' <= b && b <= 'F':
		return b - 'A' + 10, true
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10, true
	}
	return 0, false
}

// firstDecoder maps the first token by one function and all others by another (Metaspace, WordPiece, and tokens joined by spaces
// where there is no decoder).
type firstDecoder struct{ first, rest func(string) string }

func (d firstDecoder) start() decoderState { return &firstState{firstDecoder: d} }

type firstState struct {
	firstDecoder
	begun bool
}

func (d *firstState) token(s string, next func(string)) {
	if d.begun {
		next(d.rest(s))
		return
	}
	d.begun = true
	next(d.first(s))
}

func (d *firstState) flush(func(string)) {}

// joined is what happens without a decoder: a space between tokens.
var joined = firstDecoder{func(s string) string { return s }, func(s string) string { return " " + s }}

// metaspaceDecoder writes spaces for the replacement, and none for those of the first token if one was prepended.
func metaspaceDecoder(replacement string, prepended bool) firstDecoder {
	spaces := func(s string) string { return strings.ReplaceAll(s, replacement, " ") }
	if !prepended {
		return firstDecoder{spaces, spaces}
	}
	return firstDecoder{func(s string) string { return strings.ReplaceAll(s, replacement, "") }, spaces}
}

// wordPieceDecoder joins parts of words and puts spaces between words; cleanup takes those before punctuation away.
func wordPieceDecoder(prefix string, cleanup bool) firstDecoder {
	clean := func(s string) string { return s }
	if cleanup {
		clean = strings.NewReplacer(" .", ".", " ?", "?", " !", "!", " ,", ",", " ' ", "'", " n't", "n't", " 'm", "'m",
			" do not", " don't", " 's", "'s", " 've", "'ve", " 're", "'re").Replace
	}
	return firstDecoder{clean, func(s string) string {
		if part, ok := strings.CutPrefix(s, prefix); ok {
			return clean(part)
		}
		return clean(" " + s)
	}}
}

// suffixDecoder writes a space for the suffix that ends a word, and nothing for that of the last token (BPEDecoder).
type suffixDecoder string

func (d suffixDecoder) start() decoderState { return &suffixState{suffix: string(d)} }

type suffixState struct {
	suffix, held string
	begun        bool
}

func (d *suffixState) token(s string, next func(string)) {
	if d.begun {
		next(strings.ReplaceAll(d.held, d.suffix, " "))
	}
	d.held, d.begun = s, true
}

func (d *suffixState) flush(next func(string)) {
	if d.begun {
		next(strings.ReplaceAll(d.held, d.suffix, ""))
	}
}
