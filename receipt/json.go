package receipt

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

var (
	// ErrJSON reports text that is not JSON (RFC 8259).
	ErrJSON = strictjson.ErrSyntax
	// ErrDuplicateKey reports an object that has a key twice: readers disagree about
	// what such an object says.
	ErrDuplicateKey = strictjson.ErrDuplicateKey
	// ErrUTF8 reports text that is not UTF-8.
	ErrUTF8 = strictjson.ErrUTF8
	// ErrNumber reports NaN, an infinity or a number that float64 cannot hold.
	ErrNumber = strictjson.ErrNumber
	// ErrType reports a value that is not of the type that its field has.
	ErrType = strictjson.ErrType
	// ErrLimit reports JSON that is larger or deeper than any receipt.
	ErrLimit = strictjson.ErrLimit
)

// Limits of what is read, beside strictjson's own.
const (
	MaxBytes  = 128 << 20 // of a document
	maxValues = 1 << 20   // in a document
)

// kind says what a node is.
type kind byte

const (
	literal kind = iota // a number, true, false or null
	text
	array
	object
)

// node is a JSON value. It keeps the text of numbers, and lone surrogates in strings
// as the three bytes that UTF-8 would have for them, so that strings are in the order
// of their code points when their bytes are.
type node struct {
	kind  kind
	value string   // a literal as it stands; a string decoded
	keys  []string // of an object, in order
	list  []node   // of an array; the values of an object
}

// get returns the value of an object's key.
func (n *node) get(key string) (*node, bool) {
	for i, k := range n.keys {
		if k == key {
			return &n.list[i], true
		}
	}
	return nil, false
}

// without returns an object less some keys.
func (n *node) without(keys ...string) *node {
	rest := &node{kind: n.kind}
next:
	for i, k := range n.keys {
		for _, other := range keys {
			if k == other {
				continue next
			}
		}
		rest.keys, rest.list = append(rest.keys, k), append(rest.list, n.list[i])
	}
	return rest
}

// parse reads a document strictly. Errors name the byte.
func parse(data []byte) (*node, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%d bytes: %w", len(data), ErrLimit)
	}
	p := parser{Decoder: strictjson.NewPythonDecoder(data)}
	n := &node{}
	err := p.read(n)
	if err == nil {
		err = p.Finish()
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

type parser struct {
	strictjson.Decoder
	values int
}

func (p *parser) read(n *node) (err error) {
	if p.values++; p.values > maxValues {
		return p.Failf("more than %d values: %w", maxValues, ErrLimit)
	}
	switch p.Next() {
	case '{':
		n.kind = object
		return p.Object(func(key string) error {
			n.keys = append(n.keys, key)
			return p.element(n)
		})
	case '[':
		n.kind = array
		return p.Array(func() error { return p.element(n) })
	case '"':
		n.kind = text
		n.value, err = p.String()
	default:
		n.value, err = p.Literal()
	}
	return err
}

// element reads a value of an array or object.
func (p *parser) element(n *node) error {
	var element node
	err := p.read(&element)
	n.list = append(n.list, element)
	return err
}
