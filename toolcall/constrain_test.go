package toolcall

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/helix-substrate/helix-substrate/demo"
	"github.com/helix-substrate/helix-substrate/grammar"
	"github.com/helix-substrate/helix-substrate/tokenizer"
)

// vocabulary is that of the built-in model.
func vocabulary(t *testing.T) (*tokenizer.Tokenizer, *grammar.Vocabulary) {
	t.Helper()
	dir := t.TempDir() + "/demo"
	if err := demo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	k, err := tokenizer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k, grammar.NewVocabulary(k)
}

// write draws a text of a grammar by chance, token by token; ended is false where it becomes too long.
func write(t *testing.T, k *tokenizer.Tokenizer, g *grammar.Grammar, v *grammar.Vocabulary, random *rand.Rand) (text string, ended bool) {
	t.Helper()
	m := g.Match(v)
	var drawn []int
	var all []byte
	logits := make([]float32, k.VocabSize())
	for range 600 {
		for i := range logits {
			logits[i] = random.Float32()
		}
		if err := m.Adjust(drawn, logits); err != nil {
			t.Fatalf("%q: %v", all, err)
		}
		best := 0
		for i, l := range logits {
			if l > logits[best] || math.IsInf(float64(logits[best]), -1) {
				best = i
			}
		}
		if slices.Contains(k.EOS(), best) {
			return string(all), true
		}
		drawn = append(drawn, best)
		all = k.AppendBytes(all, best)
	}
	return string(all), false
}

func compose(source string, err error) (*grammar.Grammar, error) {
	if err != nil {
		return nil, err
	}
	return grammar.Composed(source)
}

// constrained are functions whose arguments are short.
var constrained = []Function{
	{"get_weather", json.RawMessage(`{"type": "object", "properties": {"city": {"type": "string", "maxLength": 6}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["city"], "additionalProperties": false}`), true},
	{"set", json.RawMessage(`{"type": "object", "properties": {"on": {"type": "boolean"}, "unit": {"enum": ["C", "F"]}}, "required": ["on"], "additionalProperties": false}`), false},
	{"now", nil, false},
}

// TestGrammar: whatever a form's grammar allows is read as calls of the functions, with the arguments that they have to have.
func TestGrammar(t *testing.T) {
	k, v := vocabulary(t)
	none := func(string) (int, bool) { return 0, false }
	for name, template := range templates {
		random := rand.New(rand.NewPCG(1, 2))
		f := Recognize(template)
		if !f.Calls() {
			continue
		}
		ended := 0
		for i := range 12 {
			g, err := compose(f.Grammar(constrained, Constraint{Forced: true, Single: i%2 == 0, Special: none}))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text, whole := write(t, k, g, v, random)
			if !whole {
				continue
			}
			ended++
			m, _ := parse(f, constrained, "", text)
			if len(m.Calls) == 0 || m.Text != "" {
				t.Errorf("%s: %q says %s", name, text, said(m))
			}
			for _, call := range m.Calls {
				var arguments map[string]any
				err := json.Unmarshal([]byte(call.Arguments), &arguments)
				_, city := arguments["city"].(string)
				_, on := arguments["on"].(bool)
				if err != nil || !call.Ended || city != (call.Name == "get_weather") || on != (call.Name == "set") {
					t.Errorf("%s: %q calls %+v, %v", name, text, call, err)
				}
			}
		}
		if ended == 0 {
			t.Errorf("%s: no text ended", name)
		}
	}
}

// TestConstraints: single calls, reasoning before, text of a schema instead, any text before.
func TestConstraints(t *testing.T) {
	none := func(string) (int, bool) { return 0, false }
	for _, c := range []struct {
		format     string
		constraint Constraint
		text       string
		ok         bool
	}{
		{"hermes", Constraint{Forced: true, Single: true}, "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", true},
		{"hermes", Constraint{Forced: true, Single: true}, "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>", false},
		{"hermes", Constraint{Forced: true}, "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>", true},
		{"hermes", Constraint{Forced: true}, "<think>\nI < you. </thin</think>\n\n<tool_call>", true},
		{"hermes", Constraint{Forced: true}, "Sure", false},
		{"hermes", Constraint{Forced: true, Reasons: true}, "Sure</think>\n<tool_call>", true},
		{"hermes", Constraint{Forced: true}, "<tool_call>\n{\"name\": \"other", false},
		{"hermes", Constraint{}, "Sure <tool <<tool_call>\n{\"name\": \"now\"", true},
		{"hermes", Constraint{}, "Sure <tool_call>\n{\"name\": \"other\"", false},
		{"hermes", Constraint{Text: json.RawMessage(`{"enum": ["yes"]}`)}, "\"yes\"", true},
		{"hermes", Constraint{Text: json.RawMessage(`{"enum": ["yes"]}`)}, "<tool_call>\n", true},
		{"hermes", Constraint{Text: json.RawMessage(`{"enum": ["yes"]}`)}, "yes", false},
		{"glm", Constraint{Forced: true}, "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Os<b</arg_valu</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>", true},
		{"glm", Constraint{Forced: true}, "<tool_call>get_weather\n<arg_key>days</arg_key>", false},
		{"qwen-xml", Constraint{Forced: true}, "<tool_call>\n<function=get_weather>\n<parameter=city>\nOs\n\n<lo\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>", true},
		{"gemma", Constraint{Forced: true}, "<|tool_call>call:get_weather{city:<|\"|>Os<|\"lo<|\"|>,days:3}<tool_call|>", true},
		{"lfm", Constraint{Forced: true}, "<|tool_call_start|>[get_weather(city=\"Oslo\", days=3), set(on=True)]<|tool_call_end|>", true},
		{"lfm", Constraint{Forced: true}, "<|tool_call_start|>[get_weather(days=3", false},
		{"harmony", Constraint{Forced: true}, "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.set ", true},
		{"harmony", Constraint{Text: json.RawMessage(`{}`)}, "<|channel|>final<|message|>[1, 2]", true},
		{"deepseek", Constraint{}, "Sure.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>set<", true},
	} {
		c.constraint.Special = none
		g, err := compose(Recognize(templates[c.format]).Grammar(constrained, c.constraint))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := g.Accepts(c.text); ok != c.ok {
			t.Errorf("%s %+v: %q: %v", c.format, c.constraint, c.text, ok)
		}
	}
	if _, err := Recognize(templates["harmony"]).Grammar(constrained, Constraint{Special: none}); !errors.Is(err, ErrFree) {
		t.Errorf("%v", err)
	}
	strict := []Function{{"f", json.RawMessage(`{"type": "object", "not": {}}`), true}}
	if _, err := Recognize(templates["hermes"]).Grammar(strict, Constraint{Forced: true, Special: none}); !errors.Is(err, grammar.ErrUnsupported) || !strings.HasPrefix(err.Error(), "f: ") {
		t.Errorf("%v", err)
	}
	strict[0].Strict = false
	if _, err := Recognize(templates["hermes"]).Grammar(strict, Constraint{Forced: true, Special: none}); err != nil {
		t.Errorf("%v", err)
	}
	special := func(mark string) (int, bool) { return 7, mark == "[TOOL_CALLS]" }
	g, err := compose(Recognize(templates["mistral"]).Grammar(constrained, Constraint{Forced: true, Special: special}))
	if _, ok := g.Accepts("\xff\x00\x00\x07[{\"name\": \"now\", "); err != nil || !ok {
		t.Errorf("a special token: %v, %v", ok, err)
	}
}
