package jinja

// The tree of a template. Every node that can fail knows its line.

type expression interface{}

type (
	constant struct{ value Value }
	name     struct {
		name string
		line int
		variable
	}
	namespaceTarget struct { // ns.attr on the left of a set
		name name
		attr string
	}
	tupleOf struct{ items []expression }
	listOf  struct{ items []expression }
	dictOf  struct{ keys, values []expression }
	unary   struct {
		op   tokenKind // + - not
		x    expression
		line int
	}
	binary struct {
		op   tokenKind // + - * / // ** % and or
		x, y expression
		line int
	}
	concat struct { // ~
		items []expression
		line  int
	}
	compare struct {
		first expression
		ops   []comparison
		line  int
	}
	comparison struct {
		op tokenKind // == != < <= > >= in "not in"
		x  expression
	}
	conditional struct {
		test, yes, no expression // no may be nil
		line          int
	}
	attribute struct {
		x    expression
		name string
		line int
	}
	item struct {
		x, index expression
		line     int
	}
	slice struct {
		x                 expression
		start, stop, step expression // each may be nil
		line              int
	}
	call struct {
		x expression
		arguments
		line int
	}
	filter struct {
		x    expression // nil: what the block holds
		name string
		arguments
		line int
	}
	test struct {
		x    expression
		name string
		arguments
		line int
	}
)

// arguments of a call, a filter or a test.
type arguments struct {
	positional    []expression
	names         []string
	named         []expression
	starred       expression // *args
	doubleStarred expression // **kwargs
}

type statement interface{}

type (
	text   struct{ text string }
	output struct {
		x    expression
		line int
	}
	assign struct {
		target, x expression
		exported  bool // seen by blocks
		line      int
	}
	assignBlock struct {
		target   expression
		filter   expression // nil: none
		body     block
		exported bool
		line     int
	}
	ifElse struct {
		tests  []expression
		bodies [][]statement // one more than tests where there is an else
		line   int
	}
	forLoop struct {
		target, x, test expression // test may be nil
		recursive       bool
		body            block
		otherwise       block
		testTarget      expression
		testScope       scope
		testFunction    *functionBuilder
		function        *functionBuilder // of its own in the recursive form
		loop            variable
		line            int
	}
	loopControl struct {
		leave bool // break, else continue
		line  int
	}
	macroDefinition struct {
		target name
		macroBody
		exported bool
		line     int
	}
	callBlock struct {
		x call
		macroBody
		line int
	}
	generation struct { // transformers' {% generation %}
		macroBody
		line int
	}
	filterBlock struct {
		filter expression
		body   block
		line   int
	}
	with struct {
		targets []expression
		values  []expression
		body    block
		line    int
	}
	scoped struct { // {% autoescape false %}
		body block
	}
	namedBlock struct {
		name     string
		scoped   bool
		required bool
		body     block
		function *functionBuilder
		self     *variable
		visible  map[string]variable // what a scoped one sees of the scopes around it
		line     int
	}
	unavailable struct { // extends, include, import: there is no other template
		what string
		line int
	}
)

// block is statements in a scope of their own.
type block struct {
	statements []statement
	scope
}

// macroBody is what macros, call blocks and generation blocks share: statements that run when they are called.
type macroBody struct {
	name       string // "": anonymous
	parameters []name
	defaults   []expression // of the last parameters
	body       []statement
	scope
	function                *functionBuilder
	caller, kwargs, varargs *variable // nil: the body does not use it
	usesCaller              bool
}
