package toolcall

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/helix-substrate/helix-substrate/grammar"
)

// Constraint says what an answer may be.
type Constraint struct {
	// Forced is an answer of calls alone.
	Forced bool
	// Text is the JSON schema of an answer without calls; nil: any text.
	Text json.RawMessage
	// Single is at most one call.
	Single bool
	// Reasons says that the prompt has begun reasoning (Parser.Reasons of a new parser).
	Reasons bool
	// Special returns the ids of marks that are special tokens.
	Special func(mark string) (id int, ok bool)
}

// ErrFree reports a form in which calls among any text are not told from it by a grammar.
var ErrFree = errors.New("calls among text are not constrained in this form")

// Grammar returns the grammar, for grammar.Composed, of what a model may write: calls of the functions in the model's form, with arguments that their schemas are true of, which are objects (grammar.Objects), or a text; reasoning
// may be before it. A schema that package grammar does not know is any object's, unless the function is strict. Errors are ErrFree and those of
// grammar.Objects and grammar.Schema, with the function's name.
func (f *Format) Grammar(functions []Function, c Constraint) (source string, err error) {
	w := &frames{gbnf: gbnf{special: c.Special, schemas: map[string]json.RawMessage{}}, format: f, single: c.Single}
	var calls, answers []string
	for _, function := range functions {
		call, err := w.call(function)
		if err != nil {
			return "", fmt.Errorf("%s: %w", function.Name, err)
		}
		calls = append(calls, call)
	}
	if len(calls) > 0 {
		answers = append(answers, w.all(w.rule(strings.Join(calls, " | "))))
	}
	switch {
	case c.Forced:
	case c.Text != nil && f.body == bodyChannels:
		answers = append(answers, fmt.Sprintf(`%s "final" %s %s`, w.mark(channelMark), w.mark(messageMark), w.value(c.Text)))
	case c.Text != nil:
		answers = append(answers, w.value(c.Text))
	case f.body == bodyChannels || f.bare || len(calls) == 0:
		return "", ErrFree
	default:
		behind := strings.TrimPrefix(answers[0], w.mark(f.first()))
		answers[0] = w.until(f.first(), w.rule(behind), true)
	}
	fmt.Fprintf(&w.rules, "root ::= %s\n", w.thinking(w.rule(strings.Join(answers, " | ")), c))
	return grammar.Compose(w.rules.String(), w.schemas), nil
}

// first returns the mark that all calls begin with.
func (f *Format) first() string {
	if f.around.open != "" {
		return f.around.open
	}
	return f.opens[0]
}

// frames writes the forms of calls.
type frames struct {
	gbnf
	format *Format
	single bool
}

// thinking puts reasoning before what is written.
func (w *frames) thinking(root string, c Constraint) string {
	think := w.format.think
	switch {
	case w.format.body == bodyChannels:
		analysis := w.mark(channelMark) + ` "analysis" ` + w.mark(messageMark) + " " + w.until(endMark, w.mark(startMark)+` "assistant" `+root, false)
		return root + " | " + analysis
	case c.Reasons:
		return w.until(think.close, `"\n"{0,2} `+root, false)
	case think.open != "":
		return root + " | " + w.mark(think.open) + " " + w.until(think.close, `"\n"{0,2} `+root, false)
	}
	return root
}

// more repeats calls with something between them.
func (w *frames) more(call, between string) string {
	if w.single {
		return call
	}
	return fmt.Sprintf("%s (%s %s)*", call, between, call)
}

// all returns the calls of a text, call being one without what is around all of them.
func (w *frames) all(call string) string {
	f := w.format
	open := ""
	if len(f.opens) > 0 {
		open = w.mark(f.opens[0])
	}
	switch {
	case f.around.open != "":
		return fmt.Sprintf("%s %s %s", w.mark(f.around.open), w.more(call, `"\n"?`), w.mark(f.around.close))
	case f.body == bodyNamed && f.listed:
		return fmt.Sprintf(`%s "[" %s "]"`, open, w.more(call, `", "`))
	case f.body == bodyNamed:
		return w.more(open+" "+call, `""`)
	case f.body == bodyList:
		end := `""`
		if len(f.passed) > 0 {
			end = w.mark(f.passed[0])
		}
		if f.name == "granite" {
			end = `""`
		}
		return fmt.Sprintf(`%s "\n"? "[" "\n    "? %s "\n"? "]" %s`, open, w.more(call, `"," [ \n]{0,6}`), end)
	case f.body == bodyPython:
		return fmt.Sprintf(`%s "[" %s "]" %s`, open, w.more(call, `", "`), w.mark(f.passed[0]))
	case f.body == bodyPairs:
		return w.more(fmt.Sprintf(`%s "call:" %s %s`, open, call, w.mark(f.passed[0])), `""`)
	case f.body == bodyTags:
		end := endToolCall
		if len(f.passed) > 0 {
			end = f.passed[0]
		}
		return w.more(fmt.Sprintf(`%s %s %s`, open, call, w.mark(end)), `"\n"`)
	case f.body == bodyJSON:
		return w.more(call, `"; "`)
	}
	return call // of bodyChannels one at a time: the mark behind it ends the text
}

// call returns a call of a function.
func (w *frames) call(function Function) (string, error) {
	f, name := w.format, function.Name
	switch {
	case f.body == bodyPairs:
		return w.pairs(function, pairMarks{"{", ":", ",", "}"}, w.pairValue)
	case f.body == bodyPython:
		return w.pairs(function, pairMarks{"(", "=", ", ", ")"}, w.pythonValue)
	case f.tags == glmTags:
		return w.tagged(function, glmTags, literal(name+"\n"), "")
	case f.tags != nil && f.name != "hermes":
		return w.tagged(function, f.tags, literal("\n"+f.tags.open+name+f.tags.endOpen), literal("\n"+f.tags.end+"\n"))
	}
	schema, err := function.schema()
	if err != nil {
		return "", err
	}
	arguments := w.value(schema)
	object := func(nameKey, key string) string {
		return fmt.Sprintf("%s %s %s", literal(fmt.Sprintf(`{"%s": "%s", "%s": `, nameKey, name, key)), arguments, literal("}"))
	}
	switch {
	case f.body == bodyChannels:
		return fmt.Sprintf(`%s %s %s "json" %s %s`, w.mark(channelMark), literal("commentary to=functions."+name+" "), w.mark(constrainMark), w.mark(messageMark), arguments), nil
	case f.fenced:
		return fmt.Sprintf(`%s "function" %s %s %s %s %s`, w.mark(beginCall), w.mark(separator), literal(name+"\n```json\n"), arguments, literal("\n```"), w.mark(endCall)), nil
	case f.numbered:
		return fmt.Sprintf(`%s %s [0-9]{1,3} %s %s %s`, w.mark(f.opens[0]), literal("functions."+name+":"), w.mark(f.separator), arguments, w.mark(f.close)), nil
	case f.separator != "":
		return fmt.Sprintf(`%s %s %s %s %s`, w.mark(f.opens[0]), literal(name), w.mark(f.separator), arguments, w.mark(f.close)), nil
	case f.body == bodyNamed && !f.listed:
		return fmt.Sprintf(`%s %s %s`, literal(name), w.mark(argumentsMark), arguments), nil
	case f.name == "cohere":
		return `"{\"tool_call_id\": \"" [0-9]{1,3} "\", " ` + strings.Replace(object("tool_name", "parameters"), `"{`, `"`, 1), nil
	case f.body == bodyJSON:
		return object("name", "parameters"), nil
	case f.body == bodyTags:
		return fmt.Sprintf(`"\n" %s "\n"`, object("name", "arguments")), nil
	}
	return object("name", "arguments"), nil
}

// Schemas of what is not known better.
var (
	anyObject = json.RawMessage(`{"type": "object"}`)
	anyValue  = json.RawMessage(`{}`)
)

// schema returns the schema of a function's arguments that a grammar can be made of.
func (f *Function) schema() (json.RawMessage, error) {
	if len(f.Parameters) == 0 {
		return json.RawMessage(`{"type": "object", "properties": {}, "additionalProperties": false}`), nil
	}
	objects, err := grammar.Objects(f.Parameters)
	if err != nil {
		return nil, err
	}
	if _, err = grammar.Schema(objects); err == nil {
		return objects, nil
	}
	if f.Strict || !errors.Is(err, grammar.ErrUnsupported) {
		return nil, err
	}
	return anyObject, nil
}

// property is an argument of a function.
type property struct {
	name     string
	schema   json.RawMessage
	required bool
}

// properties returns the arguments of a function in their order; none where its schema says more than their names and values.
func (f *Function) properties() []property {
	var s struct {
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if json.Unmarshal(f.Parameters, &s) != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(s.Properties))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var list []property
	for d.More() {
		p := property{}
		t, err := d.Token()
		if err == nil {
			err = d.Decode(&p.schema)
		}
		if err != nil {
			return nil
		}
		p.name, _ = t.(string)
		p.required = slices.Contains(s.Required, p.name)
		if _, err := grammar.Schema(p.schema); err != nil { // it may lead elsewhere in the whole
			p.schema = anyValue
		}
		list = append(list, p)
	}
	return list
}

// tagged returns a call whose arguments are between tags: a text up to the tag that ends it, JSON otherwise.
func (w *frames) tagged(function Function, t *tags, before, after string) (string, error) {
	if _, err := function.schema(); err != nil {
		return "", err
	}
	texts := textsOf(function.Parameters)
	line := `""`
	if t.lines {
		line = `"\n"`
	}
	call := before
	for _, p := range function.properties() {
		begin, end := t.key+p.name+t.endKey, `""`
		switch {
		case t.value != "":
			begin, end = begin+"\n"+t.value, `"\n"`
		case t.lines:
			begin = "\n" + begin + "\n"
		default:
			begin = "\n" + begin
		}
		value := fmt.Sprintf("%s %s %s %s", w.value(p.schema), line, literal(t.endValue), end)
		if texts[p.name] {
			value = w.until(t.endValue, end, false)
		}
		argument := literal(begin) + " " + value
		if !p.required {
			argument = "(" + argument + ")?"
		}
		call += " " + argument
	}
	return w.rule(call + " " + after), nil
}

// pairMarks stand around arguments, between their names and values, and between them.
type pairMarks struct{ open, is, between, close string }

// pairs returns a call whose arguments are key:value, or their like.
func (w *frames) pairs(function Function, marks pairMarks, valueOf func(p property, isText bool) string) (string, error) {
	if _, err := function.schema(); err != nil {
		return "", err
	}
	texts := textsOf(function.Parameters)
	properties := function.properties()
	// rest[i] are the arguments from i on, where some are before.
	rest := literal(marks.close)
	first := rest
	for i := len(properties) - 1; i >= 0; i-- {
		p := properties[i]
		value := valueOf(p, texts[p.name])
		key := literal(p.name + marks.is)
		with, begin := fmt.Sprintf(`%s %s %s %s`, literal(marks.between), key, value, rest), fmt.Sprintf(`%s %s %s`, key, value, rest)
		if !p.required {
			with, begin = with+" | "+rest, begin+" | "+first
		}
		rest, first = w.rule(with), w.rule(begin)
	}
	return fmt.Sprintf("%s %s", literal(function.Name+marks.open), first), nil
}

// pythonValue returns a value of bodyPython: as JSON, which is read there, too, but for the words that Python has in place of JSON's.
func (w *frames) pythonValue(p property, _ bool) string {
	var s struct {
		Type string            `json:"type"`
		Enum []json.RawMessage `json:"enum"`
	}
	if json.Unmarshal(p.schema, &s) == nil && len(s.Enum) == 0 {
		switch s.Type {
		case "boolean":
			return `("True" | "False")`
		case "null":
			return `"None"`
		}
	}
	return w.value(p.schema)
}

// pairValue returns a value: a text in the form's quotes, a word, or any of its lists and objects.
func (w *frames) pairValue(p property, isText bool) string {
	quote := w.mark(w.format.quote)
	text := w.rule(quote + " " + w.until(w.format.quote, `""`, false))
	if isText {
		return text
	}
	var s struct {
		Type string            `json:"type"`
		Enum []json.RawMessage `json:"enum"`
	}
	if json.Unmarshal(p.schema, &s) == nil && len(s.Enum) == 0 && slices.Contains([]string{"integer", "number", "boolean", "null"}, s.Type) {
		return w.value(p.schema)
	}
	w.made++
	name := fmt.Sprintf("r%d", w.made)
	word := w.value(json.RawMessage(`{"type": ["number", "boolean", "null"]}`))
	pair := w.rule(`[a-zA-Z0-9_]{1,64} ":" ` + name)
	fmt.Fprintf(&w.rules, `%s ::= %s | %s | "[" (%s ("," %s)*)? "]" | "{" (%s ("," %s)*)? "}"`+"\n", name, text, word, name, name, pair, pair)
	return name
}
