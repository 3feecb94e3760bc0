package receipt

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrSchema reports a document that is not of a schema known here.
	ErrSchema = errors.New("unknown schema")
	// ErrInvalid reports a receipt that contradicts its hash or its schema.
	ErrInvalid = errors.New("invalid receipt")
)

// Validation is what [Validate] found.
type Validation struct {
	Valid       bool     `json:"valid"`
	Errors      []string `json:"errors"`
	SHA256Match bool     `json:"sha256_match"`
	// Unknown is the schema, if it is not an execution receipt's.
	Unknown string `json:"-"`
}

// Err returns nil for a valid receipt, else ErrSchema or ErrInvalid with all that is
// wrong.
func (v *Validation) Err() error {
	switch {
	case v.Valid:
		return nil
	case v.Unknown != "":
		return fmt.Errorf("%w: %s", ErrSchema, strings.Join(v.Errors, "; "))
	}
	return fmt.Errorf("%w: %s", ErrInvalid, strings.Join(v.Errors, "; "))
}

// Validate checks an execution receipt, ours or the Python original's: schema, fields,
// operations, hashes. Numbers keep the text they have in the document. Its error says
// that there is nothing to check: see [Canonical].
func Validate(document []byte) (*Validation, error) {
	n, err := parse(document)
	if err != nil {
		return nil, err
	}
	return validate(n), nil
}

func validate(n *node) *Validation {
	c := &checker{root: n, v: &Validation{Errors: []string{}}}
	if n.kind != object {
		c.fail("not a JSON object")
	} else {
		c.schema()
		c.fields()
		c.operations()
		c.digests()
	}
	c.v.Valid = len(c.v.Errors) == 0
	return c.v
}

type checker struct {
	root *node
	v    *Validation
}

// maxErrors bounds what is listed: a document can have more than anybody will read.
const maxErrors = 20

func (c *checker) fail(format string, args ...any) {
	switch n := len(c.v.Errors); {
	case n < maxErrors:
		c.v.Errors = append(c.v.Errors, fmt.Sprintf(format, args...))
	case n == maxErrors:
		c.v.Errors = append(c.v.Errors, "and more")
	}
}

func (c *checker) schema() {
	n, ok := c.root.get("schema")
	switch {
	case !ok:
		c.fail("missing field: schema")
	case n.kind != text || n.value != ExecutionSchema:
		c.v.Unknown = string(n.canonical())
		c.fail("schema is %.80s, expected %q", c.v.Unknown, ExecutionSchema)
	}
}

// required are the fields without which a receipt says too little, and their kinds.
var required = []struct {
	name string
	kind kind
}{
	{"plan_sha256", text}, {"operations", array}, {"total_timing_ms", literal}, {"total_memory_bytes", literal},
	{"tensors_total", literal}, {"tensors_ok", literal}, {"tensors_warn", literal}, {"tensors_fail", literal},
	{"timestamp_utc", text}, {"git_commit", text}, {hashKey, text},
}

func (c *checker) fields() {
	for _, f := range required {
		if n, ok := c.root.get(f.name); !ok {
			c.fail("missing field: %s", f.name)
		} else if n.kind != f.kind || f.kind == literal && !n.number() {
			c.fail("malformed field: %s", f.name)
		}
	}
}

func (n *node) number() bool {
	return n.kind == literal && (n.value[0] == '-' || n.value[0] <= '9')
}

func (c *checker) operations() {
	list, ok := c.root.get("operations")
	if !ok || list.kind != array {
		return
	}
	count := map[string]int{}
	for i := range list.list {
		status, problem := checkOperation(&list.list[i])
		if problem != "" {
			c.fail("operation %d: %s", i, problem)
		}
		count[status]++
	}
	for _, f := range []struct {
		name string
		n    int
	}{
		{"tensors_total", len(list.list)},
		{"tensors_ok", count[StatusOK]}, {"tensors_warn", count[StatusWarn]}, {"tensors_fail", count[StatusFail]},
	} {
		if n, ok := c.root.get(f.name); ok && n.number() && n.value != fmt.Sprint(f.n) {
			c.fail("%s is %.40s, the operations make it %d", f.name, n.value, f.n)
		}
	}
}

// checkOperation returns an operation's status, and what is wrong with it if something is.
func checkOperation(o *node) (status, problem string) {
	if o.kind != object {
		return "", "not an object"
	}
	for _, f := range []struct {
		name string
		kind kind
	}{{"op_name", text}, {"timing_ms", literal}, {"memory_bytes", literal}, {"compute_proof", object}, {"status", text}, {"warnings", array}} {
		if n, ok := o.get(f.name); !ok {
			return "", "missing field: " + f.name
		} else if n.kind != f.kind || f.kind == literal && !n.number() {
			return "", "malformed field: " + f.name
		}
	}
	proof, _ := o.get("compute_proof")
	for _, name := range []string{"input_sha256", "output_sha256"} {
		if n, ok := proof.get(name); !ok || n.kind != text {
			return "", "malformed field: compute_proof." + name
		}
	}
	n, _ := o.get("status")
	if n.value != StatusOK && n.value != StatusWarn && n.value != StatusFail {
		return "", fmt.Sprintf("status %.40q", n.value)
	}
	return n.value, ""
}

// digests compares the hashes that the receipt has of its parts and of itself.
func (c *checker) digests() {
	for _, part := range []string{"claims", "measurements"} {
		n, ok := c.root.get(part)
		stated, hashed := c.root.get(part + "_sha256")
		switch {
		case ok != hashed:
			c.fail("%s and %s_sha256 come together", part, part)
		case ok:
			c.compare(part+"_sha256", sum(n.canonical()), stated)
		}
	}
	if stated, ok := c.root.get(hashKey); ok {
		c.v.SHA256Match = c.compare(hashKey, sum(c.root.without(hashKey).canonical()), stated)
	}
}

func (c *checker) compare(name, want string, stated *node) bool {
	if stated.kind == text && stated.value == want {
		return true
	}
	c.fail("%s mismatch: expected %.16s..., got %.16s...", name, want, stated.value)
	return false
}
