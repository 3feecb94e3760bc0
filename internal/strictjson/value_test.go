package strictjson

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

var errTest = errors.New("bad")

func read(text string) (any, error) {
	d, err := NewDecoder(FromPython([]byte(text)), errTest)
	if err != nil {
		return nil, err
	}
	v, err := d.Value()
	if err != nil {
		return nil, err
	}
	return v, d.Finish()
}

func TestValue(t *testing.T) {
	for text, want := range map[string]any{
		"32.0": json.Number("32"), "1e6": json.Number("1000000"), "-2.50e1": json.Number("-25"), "0.5": json.Number("0.5"),
		"1e300": json.Number("1e300"), "9223372036854775807": json.Number("9223372036854775807"), "1e999999999": json.Number("1e999999999"),
		"NaN": "NaN", "[Infinity, -Infinity, -1]": []any{"Infinity", "-Infinity", json.Number("-1")},
		`{"a\\": "NaN", "b\"NaN": NaN}`: map[string]any{`a\`: "NaN", `b"NaN`: "NaN"},
		`{"a": {"b": []}, "A": null}`:   map[string]any{"a": map[string]any{"b": []any{}}, "A": nil},
	} {
		got, err := read(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v; want %#v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		`{"a": {"b": 1, "b": 1}}`: `key "b" appears twice`, `Inf`: "invalid", `[1,]`: "invalid", `{"a": 1} 2`: "after the closing", "": "EOF",
		strings.Repeat("[", 1000): "more than 64", `"\u0000` + "\xff\"": "UTF-8",
	} {
		if _, err := read(text); !errors.Is(err, errTest) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20s: %v, want %q", text, err, says)
		}
	}
}
