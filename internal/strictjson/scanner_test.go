package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawn returns any value of JSON, as Value returns it.
func drawn() *rapid.Generator[any] {
	return rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
			rapid.Map(rapid.Int64(), func(n int64) any { return json.Number(strings.TrimSpace(string(must(json.Marshal(n))))) }),
			rapid.Map(rapid.SliceOfN(drawn(), 0, 4), func(list []any) any { return append([]any{}, list...) }),
			rapid.Map(rapid.MapOfN(rapid.String(), drawn(), 0, 20), func(object map[string]any) any { return object }),
		)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestAnyValue: what encoding/json writes is read as it was, in any layout, and stepped
// over as a whole; what is cut off or goes on is refused.
func TestAnyValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawn().Draw(t, "value")
		text := must(json.Marshal(want))
		if rapid.Bool().Draw(t, "indented") {
			var b bytes.Buffer
			if err := json.Indent(&b, text, "\r ", "\t"); err != nil {
				t.Fatal(err)
			}
			text = b.Bytes()
		}
		d := NewDecoder(text, errTest)
		if got, err := d.Value(); err != nil || !reflect.DeepEqual(got, want) || d.Finish() != nil {
			t.Fatalf("%s: %#v, %v", text, got, err)
		}
		d = NewDecoder(text, errTest)
		if raw, err := d.Raw(); err != nil || !bytes.Equal(raw, bytes.TrimSpace(text)) || d.Finish() != nil {
			t.Fatalf("%s: %s, %v", text, raw, err)
		}
		if strings.ContainsRune(`{["`, rune(text[0])) {
			cut := text[:rapid.IntRange(0, len(text)-1).Draw(t, "cut")]
			if err := NewDecoder(cut, errTest).Ignore(); err == nil || !errors.Is(err, errTest) {
				t.Fatalf("%q was taken: %v", cut, err)
			}
		}
		d = NewDecoder(append(text, " 1"...), errTest)
		if err := d.Ignore(); err != nil || !errors.Is(d.Finish(), errTest) {
			t.Fatalf("%s 1: %v", text, err)
		}
	})
}

// TestDuplicateKeys: in an object of any size a key that comes twice is found, however it
// is written.
func TestDuplicateKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 1, 40, rapid.ID).Draw(t, "keys")
		var members []string
		for _, name := range names {
			members = append(members, `"`+name+`": 0`)
		}
		object := func() []byte { return []byte("{" + strings.Join(members, ",") + "}") }
		if _, err := NewDecoder(object(), errTest).Value(); err != nil {
			t.Fatal(err)
		}
		again := rapid.SampledFrom(names).Draw(t, "again")
		if rapid.Bool().Draw(t, "escaped") {
			again = `\u00` + map[bool]string{true: "6", false: "7"}[again[0] < 'p'] + string("0123456789abcdef"[again[0]&15]) + again[1:]
		}
		members = append(members, `"`+again+`": 0`)
		if _, err := NewDecoder(object(), errTest).Value(); !errors.Is(err, ErrDuplicateKey) || !errors.Is(err, errTest) {
			t.Fatalf("%s: %v", object(), err)
		}
		count := 0
		if err := NewDecoder(object(), errTest).Members(func([]byte) error { count++; return nil }); err == nil {
			t.Fatal("values that are not read went unnoticed")
		}
		d := NewDecoder(object(), errTest)
		count = 0
		if err := d.Members(func([]byte) error { count++; return d.Ignore() }); err != nil || count != len(members) {
			t.Fatalf("%d of %d, %v", count, len(members), err)
		}
	})
}

// FuzzScanner compares with encoding/json: it takes nothing that that refuses, reads the
// same, and what it refuses beyond that it refuses by name.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"a": [1, -0.5e-3, true, null, "\u00e9\ud83d\ude00\n"]}`, `{"a":1,"a":2}`, "\"\xff\"", `"\ud800"`, `1e400`, `[[[]]]`, `01`, `"\x"`, "\"\t\"", `{"":{}} x`, `-`, `nul`, "[1,]", "{,}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := NewDecoder(text, errTest)
		got, err := d.Value()
		if err == nil {
			err = d.Finish()
		}
		if err != nil {
			if !errors.Is(err, errTest) {
				t.Fatalf("%q: %v", text, err)
			}
			if json.Valid(text) && !errors.Is(err, ErrDuplicateKey) && !errors.Is(err, ErrUTF8) && !errors.Is(err, ErrNumber) && !errors.Is(err, ErrLimit) {
				t.Fatalf("%q is JSON: %v", text, err)
			}
			return
		}
		var want any
		plain := json.NewDecoder(bytes.NewReader(text))
		plain.UseNumber()
		if !json.Valid(text) || plain.Decode(&want) != nil || !reflect.DeepEqual(got, wholes(want)) {
			t.Fatalf("%q: %#v, want %#v", text, got, want)
		}
	})
}

// wholes writes numbers as Value does.
func wholes(v any) any {
	switch v := v.(type) {
	case json.Number:
		return whole(v)
	case []any:
		for i := range v {
			v[i] = wholes(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = wholes(v[key])
		}
	}
	return v
}
