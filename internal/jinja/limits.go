package jinja

// Limits bounds what a template may cost. Every bound ends in ErrLimit.
type Limits struct {
	// Steps are evaluated nodes, elements passed and, by the dozen, bytes looked at: some 10 to 20 million a second.
	Steps int64
	// Memory is the bytes of the tree that Parse makes and of all values that one rendering makes; what is no longer used counts too.
	Memory int64
	// Output is the bytes of the text.
	Output int64
	// Depth is how deep calls, and data within data, may go.
	Depth int
}

// DefaultLimits suit conversations of some hundred kB; see For.
var DefaultLimits = Limits{Steps: 3 << 20, Memory: 8 << 20, Output: 2 << 20, Depth: 400}

// For returns the limits for a conversation of n bytes: what a template does to each byte and message may cost more for more of them.
func (l Limits) For(n int) Limits {
	l.Steps += 8 * int64(n)
	l.Memory += 8 * int64(n)
	l.Output += 2 * int64(n)
	return l
}

// MaxSource is the longest template that is read, in bytes: the longest known ones have some 30 kB.
const MaxSource = 256 << 10

const (
	maxNesting     = 100     // of blocks and parentheses in a template; Python gives up before
	maxChain       = 1000    // of operators, filters, attributes or arguments in a row
	maxTreeDepth   = 2000    // of an expression: chains in parentheses in chains
	maxCopies      = 1 << 19 // of names, one for each branch of an if that they may be changed in
	maxIntegerBits = 1 << 15 // of an integer; Python prints at most 4,300 digits, 14,285 bits
	bytesPerStep   = 16      // what scanning text costs
)

// meter counts what a rendering has cost.
type meter struct {
	limits        Limits
	steps, memory int64
	depth         int
	line          int // where the template is, for errors
}

func (m *meter) step(n int) {
	m.steps += int64(n)
	if m.steps > m.limits.Steps {
		m.fail(ErrLimit, "more than %d steps", m.limits.Steps)
	}
}

// alloc pays for n bytes of values that are about to be made.
func (m *meter) alloc(n int64) {
	if n < 0 || n > m.limits.Memory-m.memory {
		m.fail(ErrLimit, "more than %d bytes of values", m.limits.Memory)
	}
	m.memory += n
	m.step(int(n / bytesPerStep))
}

// allocTimes is alloc for n pieces of size bytes, whose product may not be a number.
func (m *meter) allocTimes(n, size int64) {
	if n <= 0 || size <= 0 {
		return
	}
	if n > m.limits.Memory/size {
		n, size = m.limits.Memory, 2
	}
	m.alloc(n * size)
}

// scan pays for looking through n bytes.
func (m *meter) scan(n int) { m.step(1 + n/bytesPerStep) }

// text pays for a text that an operation made, whose size was bounded before.
func (m *meter) text(s string) string {
	m.alloc(int64(len(s)) + 16)
	return s
}

// enter goes one level deeper; the caller leaves by depth--.
func (m *meter) enter() {
	if m.depth++; m.depth > m.limits.Depth {
		m.fail(ErrLimit, "deeper than %d levels", m.limits.Depth)
	}
}

func (m *meter) leave() { m.depth-- }

func (m *meter) fail(kind error, format string, args ...any) { fail(kind, m.line, format, args...) }

// raise is an error that Python has too.
func (m *meter) raise(format string, args ...any) { fail(ErrRuntime, m.line, format, args...) }
