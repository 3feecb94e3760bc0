package receipt

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPythonDocuments hashes what Python's json wrote (testdata/README.md).
func TestPythonDocuments(t *testing.T) {
	f, err := os.Open("testdata/python.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	documents, floats := 0, 0
	for ; lines.Scan(); documents++ {
		var v struct{ SHA256, Document string }
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		// encoding/json would replace lone surrogates in Document, so read it again.
		line, err := parse(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		document, _ := line.get("document")
		c, err := Canonical([]byte(document.value))
		if err != nil {
			t.Fatalf("document %d: %v\n%s", documents, err, document.value)
		}
		if got := sum(c)[:32]; got != v.SHA256 {
			t.Errorf("document %d: %s, Python has %s\n%s", documents, got, v.SHA256, c)
		}
		n, err := parse(c)
		if err != nil {
			t.Fatal(err)
		}
		floats += checkFloats(t, n)
	}
	if documents != 1000 || floats < 2000 {
		t.Errorf("%d documents with %d floats", documents, floats)
	}
}

// checkFloats checks that Python's floats come out as Python prints them.
func checkFloats(t *testing.T, n *node) (count int) {
	if n.kind == literal && n.value[0] <= '9' && strings.ContainsAny(n.value, ".e") {
		x, err := strconv.ParseFloat(n.value, 64)
		if err != nil || pythonFloat(x) != n.value {
			t.Errorf("%s comes out as %s (%v)", n.value, pythonFloat(x), err)
		}
		count++
	}
	for i := range n.list {
		count += checkFloats(t, &n.list[i])
	}
	return count
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{` { "b" : 1 , "a" : [ ] , "A":{}} `, `{"A":{},"a":[],"b":1}`},
		{`{"\ud83d\ude00":1,"\uffff":2,"é":3,"z":4}`, `{"z":4,"\u00e9":3,"\uffff":2,"\ud83d\ude00":1}`},
		{`["\u0041\/\ud800","\ud800\u0041","\ude00\ud83d"]`, `["A/\ud800","\ud800A","\ude00\ud83d"]`},
		{"\"\x7f\\b\\f\"", `"\u007f\b\f"`},
		{`[1E5,0.10,-0,1e-7,123456789012345678901234567890,true,false,null]`, `[1E5,0.10,-0,1e-7,123456789012345678901234567890,true,false,null]`},
	} {
		got, err := Canonical([]byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", c.in, got, err)
		}
	}
}

func TestCanonicalOf(t *testing.T) {
	got, err := CanonicalOf(map[string]any{"f": Float(12), "g": 1e-7, "h": 1e16, "i": 7, "s": "<é>", "t": float32(0.8), "e": Float(math.Copysign(0, -1))})
	if want := `{"e":-0.0,"f":12.0,"g":1e-07,"h":10000000000000000,"i":7,"s":"<\u00e9>","t":0.8}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := CanonicalOf(Float(math.NaN())); !errors.Is(err, ErrNumber) {
		t.Errorf("NaN: %v", err)
	}
}

func TestBadJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want error
	}{
		{``, ErrJSON}, {`{`, ErrJSON}, {`[1,]`, ErrJSON}, {`{"a":1,}`, ErrJSON}, {`{"a" 1}`, ErrJSON}, {`{a:1}`, ErrJSON}, {`[1 2]`, ErrJSON},
		{`01`, ErrJSON}, {`-`, ErrJSON}, {`1.`, ErrJSON}, {`.5`, ErrJSON}, {`1e`, ErrJSON}, {`+1`, ErrJSON}, {`nul`, ErrJSON}, {`tru e`, ErrJSON},
		{`"a`, ErrJSON}, {`"\`, ErrJSON}, {`"\x"`, ErrJSON}, {`"\u12"`, ErrJSON}, {`"\u12g4"`, ErrJSON}, {"\"\n\"", ErrJSON}, {"\x00", ErrJSON}, {`1 1`, ErrJSON},
		{"\ufeff1", ErrJSON},
		{"\"\xff\"", ErrUTF8}, {"\"\xed\xa0\x80\"", ErrUTF8},
		{`{"a":1,"a":2}`, ErrDuplicateKey}, {`{"a":1,"\u0061":2}`, ErrDuplicateKey},
		{`NaN`, ErrNumber}, {`[Infinity]`, ErrNumber}, {`-Infinity`, ErrNumber}, {`1e999`, ErrNumber},
		{strings.Repeat("[", 300), ErrLimit}, {strings.Repeat("[", 1e6), ErrLimit}, {"[" + strings.Repeat("0,", maxValues) + "0]", ErrLimit},
	} {
		if got, err := Canonical([]byte(c.in)); !errors.Is(err, c.want) {
			t.Errorf("%.40q: %.40q, %v, want %v", c.in, got, err, c.want)
		}
	}
}

// TestCanonicalTwice checks that both layouts of any value read back as it.
func TestCanonicalTwice(t *testing.T) {
	var value *rapid.Generator[any]
	value = rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny(), rapid.Float64().Filter(func(x float64) bool { return !math.IsInf(x, 0) }).AsAny(),
			rapid.SliceOfN(value, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), value, 0, 3).AsAny(),
		)
	})
	rapid.Check(t, func(t *rapid.T) {
		n, err := nodeOf(value.Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		want := n.canonical()
		for _, layout := range [][]byte{want, n.indented()} {
			if got, err := Canonical(layout); err != nil || string(got) != string(want) {
				t.Fatalf("%s becomes %s, %v", layout, got, err)
			}
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"b":[1,2.5,-1e-7,null],"a":"\ud83d\ude00\ud800"}`, "[[[[]]]]", "\"\xff\"", `{"a":1,"a":2}`, "1e999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Canonical(b)
		if err != nil {
			return
		}
		if !json.Valid(b) || !json.Valid(c) {
			t.Fatalf("%q is not JSON", b)
		}
		if again, err := Canonical(c); err != nil || string(again) != string(c) {
			t.Fatalf("%q becomes %q, %v", c, again, err)
		}
	})
}
