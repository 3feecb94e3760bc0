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
	d := NewDecoder(FromPython([]byte(text)), errTest)
	v, err := d.Value()
	if err != nil {
		return nil, err
	}
	return v, d.Finish()
}

func TestValue(t *testing.T) {
	for text, want := range map[string]any{
		"32.0": json.Number("32"), "1e6": json.Number("1000000"), "-2.50e1": json.Number("-25"), "0.5": json.Number("0.5"),
		"1e300": json.Number("1e300"), "9223372036854775807": json.Number("9223372036854775807"), "1e-999999999": json.Number("0"),
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
		`{"a": {"b": 1, "b": 1}}`: `key "b" appears twice`, `Inf`: "not a finite number", `[1,]`: "a value expected", `{"a": 1} 2`: "follows the end", "": "it ends",
		strings.Repeat("[", 1000): "more than 256", `"\u0000` + "\xff\"": "UTF-8", "1e999999999": "not a finite number", `"\ud800"`: "surrogate", "[Infinit]": "finite",
	} {
		if _, err := read(text); !errors.Is(err, errTest) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20s: %v, want %q", text, err, says)
		}
	}
}
