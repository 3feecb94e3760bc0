package toolcall

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Write returns a text and the calls behind it as a model of this form writes them, for a chat template that leaves calls out. Their arguments are objects. It
// is false for forms whose templates write calls themselves.
func (f *Format) Write(text string, calls []Call) (written string, ok bool) {
	between, open, close := "\n", f.around.open, f.around.close
	var call func(Call) string
	switch {
	case f.name == "hermes":
		call = func(c Call) string { return toolCall + "\n" + object("arguments", c) + "\n" + endToolCall }
	case f.body == bodyJSON:
		between, call = "; ", func(c Call) string { return object("parameters", c) }
	case f.fenced:
		call = func(c Call) string {
			return beginCall + "function" + separator + c.Name + "\n```json\n" + c.Arguments + "\n```" + endCall
		}
	case f.name == "deepseek":
		between, call = "", func(c Call) string { return beginCall + c.Name + separator + c.Arguments + endCall }
	case f.numbered:
		between, call = "", func(c Call) string { return f.opens[0] + c.ID + f.separator + c.Arguments + f.close }
	case f.name == "granite":
		between, open, close, call = ", ", f.opens[0]+"[", "]", func(c Call) string { return object("arguments", c) }
	case f.body == bodyPython:
		between, open, close, call = ", ", lfmCalls+"[", "]"+endLFMCalls, python
	default:
		return "", false
	}
	list := make([]string, len(calls))
	for i, c := range calls {
		list[i] = call(c)
	}
	if text != "" && open == "" {
		text += "\n"
	}
	return text + open + strings.Join(list, between) + close, true
}

// Declare returns what tells a model of functions, each a JSON object, for a chat template that does not. It is false for the same forms as [Format.Write].
func (f *Format) Declare(functions []json.RawMessage) (text string, ok bool) {
	example, ok := f.Write("", []Call{{ID: "functions.FUNCTION:0", Name: "FUNCTION", Arguments: `{"ARGUMENT": "VALUE"}`}})
	if !ok {
		return "", false
	}
	list := make([]string, len(functions))
	for i, function := range functions {
		list[i] = string(function)
	}
	return fmt.Sprintf("You may call these functions, whose parameters are JSON schemas:\n%s\nTo call one or more, end your answer with calls in this form:\n%s", strings.Join(list, "\n"), example), true
}

// object is a call as JSON.
func object(arguments string, c Call) string {
	return fmt.Sprintf(`{"name": %s, "%s": %s}`, quoted(c.Name), arguments, c.Arguments)
}

// python is a call in bodyPython.
func python(c Call) string {
	var list []string
	d := json.NewDecoder(strings.NewReader(c.Arguments))
	d.Token() // of an object
	for d.More() {
		name, _ := d.Token()
		var value json.RawMessage
		if d.Decode(&value) != nil {
			break
		}
		list = append(list, fmt.Sprintf("%v=%s", name, pythonLiteral(value)))
	}
	return c.Name + "(" + strings.Join(list, ", ") + ")"
}

// pythonLiteral is a JSON value in Python, which has other words for three values.
func pythonLiteral(value []byte) string {
	words := strings.NewReplacer("true", "True", "false", "False", "null", "None")
	var to strings.Builder
	for len(value) > 0 {
		begin := bytes.IndexByte(value, '"')
		if begin < 0 {
			begin = len(value)
		}
		to.WriteString(words.Replace(string(value[:begin])))
		end := min(begin+1, len(value))
		for end < len(value) && value[end] != '"' {
			if value[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(value))
		to.Write(value[begin:end])
		value = value[end:]
	}
	return to.String()
}
