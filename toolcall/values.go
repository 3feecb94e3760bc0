package toolcall

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// argumentsReader is where a parser is in a call's arguments.
type argumentsReader struct {
	depth int  // of JSON, outside the arguments
	from  int  // where the object begins in what was read of the call
	list  bool // the object is one of a list

	function string
	tags     *tags
	some     bool   // there are arguments before
	isText   bool   // the value is a text
	opened   bool   // its beginning was told of
	held     []byte // of the value: not told of yet
	open     []byte // objects and lists around a value of bodyPairs or bodyPython
	quote    byte   // around a text of bodyPython
	named    bool   // its name was read
	comma    bool   // there was a comma before it
}

// quoted is a text as JSON.
func quoted(text string) string {
	var to strings.Builder
	e := json.NewEncoder(&to)
	e.SetEscapeHTML(false)
	e.Encode(text) // of a string, which cannot fail
	return strings.TrimSuffix(to.String(), "\n")
}

// inner is a piece of a text in JSON.
func inner(piece []byte) []byte {
	q := quoted(string(piece))
	return []byte(q[1 : len(q)-1])
}

// value is a value that was written without its type: as JSON where it is some, else as a text.
func value(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if json.Valid(text) {
		return text
	}
	return []byte(quoted(string(text)))
}

// isText says whether a function's argument is a text, by its schema: whatever is written in its place is no JSON then. Arguments that the schema does not have are
// texts too.
func (p *Parser) isText(function, argument string) bool {
	texts, ok := p.texts[function]
	if !ok {
		texts = textsOf(p.functions[function].Parameters)
		p.texts[function] = texts
	}
	text, ok := texts[argument]
	return text || !ok
}

// textsOf says of each argument of a schema whether it is a text.
func textsOf(schema []byte) map[string]bool {
	var s struct {
		Properties map[string]struct {
			Type json.RawMessage   `json:"type"`
			Enum []json.RawMessage `json:"enum"`
		} `json:"properties"`
	}
	texts := map[string]bool{}
	if json.Unmarshal(schema, &s) != nil {
		return texts
	}
	for name, property := range s.Properties {
		var one string
		if json.Unmarshal(property.Type, &one) == nil {
			texts[name] = one == "string"
			continue
		}
		texts[name] = property.Type == nil && len(property.Enum) > 0 && !slices.ContainsFunc(property.Enum, func(v json.RawMessage) bool { return v[0] != '"' })
	}
	return texts
}
