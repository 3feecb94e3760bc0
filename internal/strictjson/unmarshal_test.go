package strictjson

import (
	"encoding/json"
	"errors"
	"testing"
)

type inner struct {
	Rows int `json:"rows"`
}

type record struct {
	inner
	Name   string            `json:"name"`
	Count  *int              `json:"count,omitempty"`
	Any    map[string]any    `json:"any"`
	List   []inner           `json:"list"`
	By     map[string]record `json:"by"`
	Raw    json.RawMessage   `json:"raw"`
	Hidden int               `json:"-"`
	Plain  bool
}

func TestUnmarshal(t *testing.T) {
	for _, text := range []string{
		`{}`, ` { } `,
		`{"rows": 1, "name": "a\"b\\", "count": 2, "Plain": true}`,
		`{"any": {"x": null, "y": [1, [2, {"z": 3}], "]"], "rows": {}}, "raw": {"a": null}}`,
		`{"list": [{"rows": 1}, {"rows": -1}], "by": {"a": {"by": {}}, "b": {"name": ""}}}`,
		"{\n\t\"list\"\r:\n[ ] , \"by\" : { } }",
	} {
		var r record
		if err := Unmarshal([]byte(text), &r, errTest); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		``, `{`, `[]`, `{} {}`, "{\"name\": \"\xff\"}",
		`{"Name": "a"}`, `{"name": "a", "name": "b"}`, `{"n\u0061me": "a", "name": "b"}`, `{"other": 1}`, `{"Hidden": 1}`, `{"inner": {}}`, `{"plain": true}`,
		`{"name": null}`, `{"count": null}`, `{"list": null}`, `{"list": [null]}`, `{"list": [{"ROWS": 1}]}`, `{"list": [{"rows": 1, "rows": 1}]}`,
		`{"rows": 1.5}`, `{"rows": "1"}`, `{"name": 1}`, `{"list": {}}`, `{"any": {"x": 1, "x": 1}}`, `{"any": {"x": [{"y": 1, "y": 1}]}}`,
		`{"by": {"a": {"by": {"b": {"other": 1}}}}}`, `{"by": {"a": {}, "a": {}}}`, `{"raw": {"a": 1, "a": 2}}`,
	} {
		var r record
		if err := Unmarshal([]byte(text), &r, errTest); !errors.Is(err, errTest) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzUnmarshal looks for panics, and for text that is taken while encoding/json refuses it.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"list": [{"rows": 1}], "by": {"a": {"by": {}, "raw": [null, "\u0041\\"]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r, again record
		if Unmarshal(text, &r, errTest) == nil && json.Unmarshal(text, &again) != nil {
			t.Errorf("%q", text)
		}
	})
}
