package jinja

// Where a name lives. Jinja2 compiles a template to Python functions and decides by the text alone which of their variables a name
// means; that is visible in corners (a loop's own copy of a variable, a macro that sees a variable set after it), so it is done here
// in the same way. A scope is what for, macro, call, set, filter and with open, and if does not. Each scope that sets a name has its
// own variable of that name, which begins as a copy of the one outside; a name that no scope sets is looked up in the context when the
// scope that first mentions it is entered.

// variable is a place in an activation: of the function that runs, or of one around it.
type variable struct {
	up   int // how many functions further out
	slot int
}

// scope says what to do when it is entered, for each of its variables.
type scope struct {
	loads []load
	clear []int // slots that hold nothing after it is left
}

type loadKind byte

const (
	loadNothing loadKind = iota
	loadContext
	loadCopy
	loadParameter // whoever enters the scope sets it
)

type load struct {
	kind loadKind
	to   int
	name string   // of loadContext
	from variable // of loadCopy
}

// functionBuilder hands out the slots of a function: a part of a template that runs with variables of its own, such as the template
// itself, a macro, a recursive loop, the test of a loop. A slot belongs to a name at a level: scopes side by side share it, as Python's
// variables do.
type functionBuilder struct {
	outer *functionBuilder
	slots map[slotName]int
}

type slotName struct {
	level int
	name  string
}

// symbols are the names of a scope while the tree is walked.
type symbols struct {
	parent   *symbols
	function *functionBuilder
	level    int
	order    []string // of own, for a fixed order of loads
	own      map[string]loadKind
	copies   map[string]*symbols // of loadCopy: whose
	stored   map[string]bool
	copied   *int // how many names branches have copied, in all scopes
}

func newSymbols(parent *symbols, f *functionBuilder) *symbols {
	s := &symbols{parent: parent, function: f, own: map[string]loadKind{}, copies: map[string]*symbols{}, stored: map[string]bool{}}
	if parent != nil {
		s.level, s.copied = parent.level+1, parent.copied
	}
	return s
}

// find returns the scope whose variable a name means, or nil.
func (s *symbols) find(name string) *symbols {
	for ; s != nil; s = s.parent {
		if _, ok := s.own[name]; ok {
			return s
		}
	}
	return nil
}

func (s *symbols) define(name string, kind loadKind) {
	if _, ok := s.own[name]; !ok {
		s.order = append(s.order, name)
	}
	s.own[name] = kind
}

// parameter declares a name that whoever enters the scope sets.
func (s *symbols) parameter(name string) {
	s.stored[name] = true
	s.define(name, loadParameter)
}

// load notes that a name is read.
func (s *symbols) load(name string) {
	if s.find(name) == nil {
		s.define(name, loadContext)
	}
}

// store notes that a name is set.
func (s *symbols) store(name string) {
	s.stored[name] = true
	if _, ok := s.own[name]; ok {
		return
	}
	if outer := s.parent.find(name); outer != nil {
		s.define(name, loadCopy)
		s.copies[name] = outer
		return
	}
	s.define(name, loadNothing)
}

// branches joins what the branches of an if do: a name that one of them sets, and nothing set before, may be anything after it.
func (s *symbols) branches(branches []*symbols) {
	fresh := map[string]bool{}
	for _, b := range branches {
		for name := range b.stored {
			if !s.stored[name] {
				fresh[name] = true
			}
		}
	}
	for _, b := range branches {
		for _, name := range b.order {
			s.define(name, b.own[name])
			if outer := b.copies[name]; outer != nil {
				s.copies[name] = outer
			}
		}
		for name := range b.stored {
			s.stored[name] = true
		}
	}
	for name := range fresh {
		if outer := s.parent.find(name); outer != nil {
			s.own[name] = loadCopy
			s.copies[name] = outer
		} else {
			s.own[name] = loadContext
		}
	}
}

// branch returns a copy for one branch of an if.
func (s *symbols) branch() *symbols {
	if *s.copied += 1 + len(s.own) + len(s.copies) + len(s.stored); *s.copied > maxCopies {
		fail(ErrLimit, 0, "too many names in too many branches")
	}
	c := *s
	c.order = append([]string(nil), s.order...)
	c.own, c.copies, c.stored = clone(s.own), clone(s.copies), clone(s.stored)
	return &c
}

func clone[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

func (f *functionBuilder) slot(level int, name string) int {
	key := slotName{level, name}
	n, ok := f.slots[key]
	if !ok {
		n = len(f.slots)
		f.slots[key] = n
	}
	return n
}

// variable returns the place of owner's variable, seen from s.
func (s *symbols) variable(owner *symbols, name string) variable {
	up := 0
	for f := s.function; f != owner.function; f = f.outer {
		up++
	}
	return variable{up, owner.function.slot(owner.level, name)}
}

// scope returns what entering s does. Where keep is set, its variables outlive it: the function ends with it.
func (s *symbols) scope(keep bool) scope {
	var result scope
	for _, name := range s.order {
		l := load{kind: s.own[name], to: s.function.slot(s.level, name), name: name}
		if l.kind == loadCopy {
			l.from = s.variable(s.copies[name], name)
		}
		result.loads = append(result.loads, l)
		if !keep {
			result.clear = append(result.clear, l.to)
		}
	}
	return result
}
