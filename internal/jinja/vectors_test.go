package jinja

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"
)

// moment is when testdata/truth.py stopped the clock.
var moment = time.Date(2026, 3, 4, 5, 6, 7, 89000000, time.UTC)

// vector is a template and what Python makes of it: a text or an error.
type vector struct {
	Template string
	Want     *string
	Error    string

	Unsupported bool // Python prints an address
}

func readVectors(t testing.TB) (map[string]Value, []vector) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Variables json.RawMessage
		Cases     []vector
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return variables(t, file.Variables), file.Cases
}

// variables reads the members of a JSON object.
func variables(t testing.TB, data []byte) map[string]Value {
	v, err := FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]Value{}
	d := v.(*Dict)
	for i, key := range d.keys {
		vars[key.(string)] = d.values[i]
	}
	return vars
}

func render(source string, vars map[string]Value) (string, error) {
	t, err := Parse(source, DefaultLimits)
	if err != nil {
		return "", err
	}
	return t.Render(vars, moment, DefaultLimits)
}

// TestVectors compares with Python's jinja2, set up as transformers does (testdata/vectors.py).
func TestVectors(t *testing.T) {
	vars, cases := readVectors(t)
	for _, c := range cases {
		got, err := render(c.Template, vars)
		switch {
		case c.Unsupported:
			if !errors.Is(err, ErrUnsupported) {
				t.Errorf("%q: %v", c.Template, err)
			}
		case errors.Is(err, ErrUnsupported), errors.Is(err, ErrLimit):
			t.Errorf("%q: %v", c.Template, err)
		case c.Want == nil && err == nil:
			t.Errorf("%q:\n%q, Python: %s", c.Template, got, c.Error)
		case c.Want != nil && err != nil:
			t.Errorf("%q: %v, Python:\n%q", c.Template, err, *c.Want)
		case c.Want != nil && got != *c.Want:
			t.Errorf("%q:\n%q, Python:\n%q", c.Template, got, *c.Want)
		}
	}
}
