package jinja

import (
	"strings"
	"time"
)

// Template is a template that was read. It is immutable and safe for concurrent use.
type Template struct {
	body     []statement
	scope    scope
	function *functionBuilder
	blocks   map[string]*namedBlock
	size     int64 // bytes
}

// Parse reads a template of at most MaxSource bytes whose tree takes no more than limits.Memory. Errors are ErrSyntax,
// ErrUnsupported and ErrLimit, with the line.
func Parse(source string, limits Limits) (t *Template, err error) {
	defer recovered(&err)
	if len(source) > MaxSource {
		fail(ErrLimit, 0, "the template has %d bytes, more than %d", len(source), MaxSource)
	}
	t = &Template{}
	t.body, t.size = parseTemplate(strings.ToValidUTF8(source, "\uFFFD"), limits)
	t.scope, t.function, t.blocks = resolve(t.body)
	return t, nil
}

// Render writes the template with these variables, which it does not change, for a moment: strftime_now tells it. The text depends
// on nothing else.
func (t *Template) Render(variables map[string]Value, now time.Time, limits Limits) (text string, err error) {
	defer recovered(&err)
	r := &renderer{
		meter: &meter{limits: limits, memory: t.size}, template: t, globals: variables, exported: map[string]Value{}, out: new(strings.Builder), now: now,
	}
	a := r.activate(t.function, nil)
	r.enterScope(&t.scope, a)
	for _, l := range t.scope.loads {
		if l.kind == loadParameter { // self is the only one
			a.slots[l.to] = &selfReference{r}
		}
	}
	r.run(t.body, a)
	return r.out.String(), nil
}
