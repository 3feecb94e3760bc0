package jinja

// loop is the variable "loop", and what a for loop runs on.
type loop struct {
	renderer *renderer
	over     Value
	next     func() (Value, bool)
	index0   int64
	depth0   int64

	previous, current, after Value // missing: none
	known                    int   // the length, -1 until somebody asks
	lastChanged              Value
	recurse                  func(over Value, depth int64) string
}

func (r *renderer) newLoop(over Value, test func(next func() (Value, bool)) func() (Value, bool)) *loop {
	r.alloc(160)
	next, ok := r.iterate(over)
	if !ok {
		r.raise("'%s' object is not iterable", typeName(over))
	}
	l := &loop{renderer: r, over: over, next: next, index0: -1, previous: missing, current: missing, after: missing, known: -1, lastChanged: missing}
	if test != nil {
		l.next = test(next)
		l.over = &iterator{kind: "generator", next: l.next}
	}
	return l
}

func (l *loop) peek() bool {
	if l.after == missing {
		if v, ok := l.next(); ok {
			l.after = v
		}
	}
	return l.after != missing
}

func (l *loop) advance() bool {
	if !l.peek() {
		return false
	}
	l.index0++
	l.previous, l.current, l.after = l.current, l.after, missing
	return true
}

// length reads what is left of a generator to know how much it is.
func (l *loop) length() int {
	if l.known >= 0 {
		return l.known
	}
	if n, ok := length(l.over); ok {
		l.known = n
		return n
	}
	var rest []Value
	for {
		v, ok := l.next()
		if !ok {
			break
		}
		l.renderer.alloc(16)
		rest = append(rest, v)
	}
	l.known = len(rest) + int(l.index0) + 1
	if l.after != missing {
		l.known++
	}
	l.next = func() (Value, bool) {
		if len(rest) == 0 {
			return nil, false
		}
		v := rest[0]
		rest = rest[1:]
		return v, true
	}
	return l.known
}

// attribute returns what follows "loop.".
func (l *loop) attribute(name string) (Value, bool) {
	r := l.renderer
	switch name {
	case "index0":
		return l.index0, true
	case "index":
		return l.index0 + 1, true
	case "length":
		return int64(l.length()), true
	case "revindex":
		return int64(l.length()) - l.index0, true
	case "revindex0":
		return int64(l.length()) - l.index0 - 1, true
	case "depth":
		return l.depth0 + 1, true
	case "depth0":
		return l.depth0, true
	case "first":
		return l.index0 == 0, true
	case "last":
		return !l.peek(), true
	case "previtem":
		if l.index0 == 0 {
			return r.undefined("there is no previous item"), true
		}
		return l.previous, true
	case "nextitem":
		if !l.peek() {
			return r.undefined("there is no next item"), true
		}
		return l.after, true
	case "cycle":
		return &function{"cycle", func(r *renderer, a *callArguments) Value {
			a.noNamed(r, "cycle")
			if len(a.positional) == 0 {
				r.raise("no items for cycling given")
			}
			return a.positional[l.index0%int64(len(a.positional))]
		}}, true
	case "changed":
		return &function{"changed", func(r *renderer, a *callArguments) Value {
			a.noNamed(r, "changed")
			now := r.newTuple(a.positional...)
			if l.lastChanged != missing && r.equal(l.lastChanged, now) {
				return false
			}
			l.lastChanged = now
			return true
		}}, true
	}
	return nil, false
}

func (r *renderer) forLoop(s *forLoop, a *activation) control {
	r.line = s.line
	over := r.eval(s.x, a)
	r.line = s.line
	test := r.loopTest(s, a)
	if !s.recursive {
		return r.iterateLoop(s, a, r.newLoop(over, test))
	}
	var recurse func(over Value, depth int64) string
	recurse = func(over Value, depth int64) string {
		r.enter()
		defer r.leave()
		l := r.newLoop(over, test)
		l.depth0, l.recurse = depth, recurse
		return r.meter.text(r.capture(func() { r.iterateLoop(s, r.activate(s.function, a), l) }))
	}
	r.write(recurse(over, 0))
	return toEnd
}

// loopTest returns what filters the items of a loop with an if.
func (r *renderer) loopTest(s *forLoop, a *activation) func(next func() (Value, bool)) func() (Value, bool) {
	if s.test == nil {
		return nil
	}
	return func(next func() (Value, bool)) func() (Value, bool) {
		var b *activation
		return func() (Value, bool) {
			if b == nil {
				b = r.activate(s.testFunction, a)
				r.enterScope(&s.testScope, b)
			}
			for {
				v, ok := next()
				if !ok {
					return nil, false
				}
				r.assign(s.testTarget, v, b, false)
				if truth(r.eval(s.test, b)) {
					return v, true
				}
			}
		}
	}
}

func (r *renderer) iterateLoop(s *forLoop, a *activation, l *loop) control {
	untouched := true // no iteration reached its end: then "else" runs, as in Jinja2
	for {
		v, ok := l.step()
		if !ok {
			break
		}
		r.step(1)
		r.assign(s.target, v, a, false)
		*a.place(s.loop) = l
		r.enterScope(&s.body.scope, a)
		c := r.run(s.body.statements, a)
		if c == toBreak {
			break
		}
		if c == toEnd {
			untouched = false
		}
	}
	r.leaveScope(&s.body.scope, a)
	if s.otherwise.statements != nil && untouched {
		return r.runBlock(&s.otherwise, a)
	}
	return toEnd
}

// step goes on to the next item.
func (l *loop) step() (Value, bool) {
	if l.after == missing {
		v, ok := l.next()
		if !ok {
			return nil, false
		}
		l.after = v
	}
	l.advance()
	return l.current, true
}
