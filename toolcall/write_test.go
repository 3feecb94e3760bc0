package toolcall

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestWrite: calls that are written in a chat template's place are read as the same calls.
func TestWrite(t *testing.T) {
	calls := []Call{
		{"functions.get_weather:0", "get_weather", `{"city": "Os\"lo \\ \u00e9 true", "days": 3}`, true},
		{"functions.write:1", "write", `{"path": "'", "lines": [1.5, true, null, "null", []], "options": {"a": {"b": false}}}`, true},
		{"functions.now:2", "now", `{}`, true},
	}
	var written []string
	for name, template := range templates {
		f := Recognize(template)
		text, ok := f.Write("Look.", calls)
		declared, told := f.Declare([]json.RawMessage{json.RawMessage(`{"name": "now"}`)})
		if ok != told || ok && (!strings.Contains(declared, "\n{\"name\": \"now\"}\n") || !strings.Contains(declared, "FUNCTION")) {
			t.Errorf("%s: %v, told %q", name, ok, declared)
		}
		if !ok {
			continue
		}
		written = append(written, name)
		if name == "llama" { // whose calls are an answer of their own
			text, _ = f.Write("", calls)
		}
		m, _ := parse(f, append(functions, Function{Name: "now"}), "", text)
		if name != "llama" && m.Text != "Look." || len(m.Calls) != len(calls) {
			t.Fatalf("%s: %q says %s", name, text, said(m))
		}
		for i, c := range m.Calls {
			var got, want any
			if err := json.Unmarshal([]byte(c.Arguments), &got); err != nil {
				t.Errorf("%s: %q: %v", name, c.Arguments, err)
			}
			json.Unmarshal([]byte(calls[i].Arguments), &want)
			if c.Name != calls[i].Name || !c.Ended || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %q, want %q", name, c.Arguments, calls[i].Arguments)
			}
		}
	}
	if len(written) != 6 {
		t.Errorf("written in %v", written)
	}
}
