package jinja

import (
	"strings"
	"time"
)

// renderer is one rendering of a template.
type renderer struct {
	*meter
	template *Template
	globals  map[string]Value
	exported map[string]Value // what the template has set, for its blocks
	out      *strings.Builder
	written  int64
	now      time.Time
}

// activation holds the variables of a running function.
type activation struct {
	slots  []Value
	outer  *activation
	locals map[string]Value // what a scoped block sees, and all that it calls
}

func (r *renderer) activate(f *functionBuilder, outer *activation) *activation {
	n := len(f.slots)
	r.alloc(int64(16*n) + 32)
	a := &activation{slots: make([]Value, n), outer: outer}
	for i := range a.slots {
		a.slots[i] = missing
	}
	if outer != nil {
		a.locals = outer.locals
	}
	return a
}

func (a *activation) place(v variable) *Value {
	for range v.up {
		a = a.outer
	}
	return &a.slots[v.slot]
}

// enterScope sets the variables of a scope to what they begin with.
func (r *renderer) enterScope(s *scope, a *activation) {
	for i := range s.loads {
		r.step(1)
		switch l := &s.loads[i]; l.kind {
		case loadNothing:
			a.slots[l.to] = missing
		case loadCopy:
			a.slots[l.to] = *a.place(l.from)
		case loadContext:
			a.slots[l.to] = r.context(l.name, a)
		}
	}
}

func (r *renderer) leaveScope(s *scope, a *activation) {
	for _, slot := range s.clear {
		a.slots[slot] = missing
	}
}

// context looks up a name that the template does not set here.
func (r *renderer) context(name string, a *activation) Value {
	for _, names := range []map[string]Value{a.locals, r.exported, r.globals, globals} {
		if v, ok := names[name]; ok {
			return v
		}
	}
	return missing
}

// write puts text out.
func (r *renderer) write(s string) {
	r.alloc(int64(len(s)))
	if r.written += int64(len(s)); r.written > r.limits.Output {
		r.fail(ErrLimit, "more than %d bytes of output", r.limits.Output)
	}
	r.out.WriteString(s)
}

// capture returns what run puts out.
func (r *renderer) capture(run func()) string {
	out, written := r.out, r.written
	r.out, r.written = new(strings.Builder), 0
	run()
	text := r.out.String()
	r.out, r.written = out, written
	return text
}

// control is how a run of statements ended.
type control byte

const (
	toEnd control = iota
	toBreak
	toContinue
)

func (r *renderer) run(body []statement, a *activation) control {
	r.enter()
	defer r.leave()
	for _, s := range body {
		r.step(1)
		if c := r.statement(s, a); c != toEnd {
			return c
		}
	}
	return toEnd
}

// runBlock runs statements in a scope of their own.
func (r *renderer) runBlock(b *block, a *activation) control {
	r.enterScope(&b.scope, a)
	c := r.run(b.statements, a)
	r.leaveScope(&b.scope, a)
	return c
}

func (r *renderer) statement(s statement, a *activation) control {
	switch s := s.(type) {
	case *text:
		r.write(s.text)
	case *output:
		r.line = s.line
		r.write(r.str(r.eval(s.x, a)))
	case *assign:
		r.line = s.line
		r.checkNamespaces(s.target, a)
		r.assign(s.target, r.eval(s.x, a), a, s.exported)
	case *assignBlock:
		return r.setBlock(s, a)
	case *ifElse:
		for i, body := range s.bodies {
			if i == len(s.tests) || truth(r.eval(s.tests[i], a)) {
				return r.run(body, a)
			}
		}
	case *forLoop:
		return r.forLoop(s, a)
	case *loopControl:
		if s.leave {
			return toBreak
		}
		return toContinue
	case *macroDefinition:
		r.alloc(64)
		r.assign(&s.target, &macro{&s.macroBody, a}, a, s.exported)
	case *callBlock:
		r.alloc(64)
		r.line = s.line
		r.write(r.str(r.call(&s.x, a, &macro{&s.macroBody, a})))
	case *generation:
		r.write(r.callMacro(&macro{&s.macroBody, a}, &callArguments{}))
	case *filterBlock:
		return r.filterBlock(s, a)
	case *with:
		r.enterScope(&s.body.scope, a)
		values := make([]Value, len(s.values))
		for i, x := range s.values {
			values[i] = r.eval(x, a)
		}
		for i, t := range s.targets {
			r.assign(t, values[i], a, false)
		}
		c := r.run(s.body.statements, a)
		r.leaveScope(&s.body.scope, a)
		return c
	case *scoped:
		return r.runBlock(&s.body, a)
	case *namedBlock:
		r.named(s, a)
	case *unavailable:
		fail(ErrRuntime, s.line, "%s: there is no other template", s.what)
	}
	return toEnd
}

func (r *renderer) setBlock(s *assignBlock, a *activation) (c control) {
	r.enterScope(&s.body.scope, a)
	text := r.capture(func() { c = r.run(s.body.statements, a) })
	if c == toEnd {
		r.line = s.line
		var v Value = r.meter.text(text)
		if s.filter != nil {
			v = r.filterOf(s.filter, v, a)
		}
		r.checkNamespaces(s.target, a)
		r.assign(s.target, v, a, s.exported)
	}
	r.leaveScope(&s.body.scope, a)
	return c
}

func (r *renderer) filterBlock(s *filterBlock, a *activation) (c control) {
	r.enterScope(&s.body.scope, a)
	text := r.capture(func() { c = r.run(s.body.statements, a) })
	if c == toEnd {
		r.line = s.line
		r.write(r.str(r.filterOf(s.filter, text, a)))
	}
	r.leaveScope(&s.body.scope, a)
	return c
}

// filterOf applies a chain of filters to the text of a block.
func (r *renderer) filterOf(x expression, text Value, a *activation) Value {
	f, ok := x.(*filter)
	if !ok {
		return text
	}
	return r.filter(f, r.filterOf(f.x, text, a), a)
}

func (r *renderer) checkNamespaces(target expression, a *activation) {
	switch t := target.(type) {
	case *namespaceTarget:
		if _, ok := (*a.place(t.name.variable)).(*namespace); !ok {
			r.raise("cannot assign attribute on non-namespace object")
		}
	case *tupleOf:
		for _, item := range t.items {
			r.checkNamespaces(item, a)
		}
	}
}

func (r *renderer) assign(target expression, v Value, a *activation, exported bool) {
	switch t := target.(type) {
	case *name:
		*a.place(t.variable) = v
		if exported {
			r.exported[t.name] = v
		}
	case *namespaceTarget:
		ns := (*a.place(t.name.variable)).(*namespace)
		r.namespaceName(t.attr)
		r.setItem(ns.attributes, t.attr, v)
	case *tupleOf:
		next, ok := r.iterate(v)
		if !ok {
			r.raise("cannot unpack non-iterable %s object", typeName(v))
		}
		for i, item := range t.items {
			x, ok := next()
			if !ok {
				r.raise("not enough values to unpack (expected %d, got %d)", len(t.items), i)
			}
			r.assign(item, x, a, exported)
		}
		if _, more := next(); more {
			r.raise("too many values to unpack (expected %d)", len(t.items))
		}
	}
}

// namespaceName refuses the names that transformers' namespaces refuse.
func (r *renderer) namespaceName(name string) {
	if strings.HasPrefix(name, "_") {
		r.raise("a namespace cannot hold '%s': the name begins with an underscore", name)
	}
}

func (r *renderer) named(s *namedBlock, a *activation) {
	b := r.activate(s.function, nil)
	b.locals = a.locals
	if s.scoped {
		locals := make(map[string]Value, len(s.visible)+len(a.locals))
		r.alloc(int64(64 * (len(s.visible) + len(a.locals))))
		for name, v := range a.locals {
			locals[name] = v
		}
		for name, v := range s.visible {
			if x := *a.place(v); x != missing {
				locals[name] = x
			}
		}
		b.locals = locals
	}
	if s.self != nil {
		*b.place(*s.self) = &selfReference{r}
	}
	r.runBlock(&s.body, b)
}
