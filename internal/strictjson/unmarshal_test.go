package strictjson

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
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

// TestUnmarshalSays: errors speak of JSON, not of Go, and of what is there.
func TestUnmarshalSays(t *testing.T) {
	for text, want := range map[string]string{
		`null`: "null found, object expected", `[]`: "JSON: array found, object expected", `nonsense`: "not JSON", `{"list": null}`: "null found, array expected",
		`{"by": 1}`: "by: number found, object expected", `{"Plain": "a"}`: "Plain: string found, boolean expected", `{"name": true}`: "name: bool found, string expected",
	} {
		var r record
		if err := Unmarshal([]byte(text), &r, errTest); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestUnmarshalOpen: what others write may have more keys, and null; not two readings.
func TestUnmarshalOpen(t *testing.T) {
	for _, text := range []string{
		`{"other": {"Rows": 1}, "rows": 2}`, `{"name": null, "count": null, "list": null, "rows": 2}`, `{"list": [{"more": [null]}], "rows": 2}`,
	} {
		var r record
		if err := UnmarshalOpen([]byte(text), &r, errTest); err != nil || r.Rows != 2 || r.Name != "" {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{
		``, `{`, `{} {}`, `{"Name": "a"}`, `{"name": "a", "name": "b"}`, `{"other": {"x": 1, "x": 2}}`, `{"list": [{"ROWS": 1}]}`, `{"PLAIN": true}`, `{"ſ": 1, "liſt": []}`,
		`{"rows": 1.5}`, `{"rows": 9223372036854775808}`, `{"rows": "1"}`, `{"any": {"x": 1e400}}`, `{"any": {"\ud800": 1, "\ud801": 2}}`, `{"other": NaN}`,
	} {
		var r record
		if err := UnmarshalOpen([]byte(text), &r, errTest); !errors.Is(err, errTest) || !strings.Contains(err.Error(), "byte") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzUnmarshal looks for panics, and for text that is taken while encoding/json refuses it.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"list": [{"rows": 1}], "by": {"a": {"by": {}, "raw": [null, "\u0041\\"]}}}`))
	f.Add([]byte(`{"other": {"x": 1}, "name": null, "Rows": 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r, open, again record
		if closed := Unmarshal(text, &r, errTest); closed == nil && (UnmarshalOpen(text, &open, errTest) != nil || !reflect.DeepEqual(r, open)) {
			t.Errorf("%q is strict, and refused where more is allowed, or read otherwise", text)
		}
		if Unmarshal(text, &r, errTest) == nil && json.Unmarshal(text, &again) != nil {
			t.Errorf("%q", text)
		}
	})
}
