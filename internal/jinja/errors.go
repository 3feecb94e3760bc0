package jinja

import (
	"errors"
	"fmt"
)

// Errors of a template, wrapped with the line and what is wrong there.
var (
	ErrSyntax      = errors.New("template syntax")               // the template cannot be read
	ErrRuntime     = errors.New("template error")                // Python would raise an error here
	ErrRefused     = errors.New("the template refuses")          // the template's own raise_exception, with its text
	ErrLimit       = errors.New("template limit")                // more steps, memory, output or depth than Limits allows
	ErrUnsupported = errors.New("unsupported in a template")     // Jinja2 has it, this package does not; the message names it
	ErrJSON        = errors.New("malformed JSON for a template") // FromJSON
)

// failure carries an error up to Parse or Render, the only places that recover it. A deep walk over a tree reads better without an
// error beside every value.
type failure struct{ err error }

func fail(kind error, line int, format string, args ...any) {
	message := clip(fmt.Sprintf(format, args...), 300)
	if line > 0 {
		panic(failure{fmt.Errorf("%w: line %d: %s", kind, line, message)})
	}
	panic(failure{fmt.Errorf("%w: %s", kind, message)})
}

// recovered turns a failure on its way up into an error; any other panic is a bug and goes on.
func recovered(err *error) {
	switch p := recover().(type) {
	case nil:
	case failure:
		*err = p.err
	default:
		panic(p)
	}
}

// clip shortens a message whose parts a template chose.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "..."
}
