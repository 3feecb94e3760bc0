package toolcall

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// functions are those of all tests.
var functions = []Function{
	{"get_weather", json.RawMessage(`{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}}}`), false},
	{"write", json.RawMessage(`{"type": "object", "properties": {"path": {"type": "string"}, "lines": {"type": "array"}, "options": {"type": "object"}}}`), false},
}

// templates are, in short, what the forms are recognised by.
var templates = map[string]string{
	"harmony":       "<|start|><|channel|><|message|>",
	"deepseek":      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜><｜tool▁sep｜> </think>",
	"kimi":          "<|tool_calls_section_begin|><|tool_call_argument_begin|>",
	"seed":          "<seed:tool_call><seed:think>",
	"minimax":       "<minimax:tool_call><invoke name=\"f\"> </think>",
	"mistral":       "[TOOL_CALLS] [THINK]",
	"glm":           "<tool_call> <arg_key> <think></think>",
	"qwen-xml":      "<tool_call>\n<function=f>\n<parameter=p> </think>",
	"hermes":        "<tool_call> </think>",
	"gemma":         "<|tool_call>call:",
	"functiongemma": "<start_function_call>",
	"lfm":           "<|tool_list_start|>",
	"cohere":        "<|START_ACTION|>",
	"granite":       "<|tool_call|> </think>",
	"llama":         "<|python_tag|>",
	"plain":         "<|im_start|>",
}

func TestRecognize(t *testing.T) {
	for name, template := range templates {
		if f := Recognize(template); f.Name() != name || f.Calls() != (name != "plain") {
			t.Errorf("%s is taken for %s", name, f.Name())
		}
	}
	if f := Recognize(`<|start_header_id|> {"name": function name, "parameters": dictionary of`); f.Name() != "llama" {
		t.Errorf("Llama 3.2 is taken for %s", f.Name())
	}
}

// parse returns what a text in pieces says.
func parse(f *Format, functions []Function, prompt string, pieces ...string) (Message, []Event) {
	var c Collector
	var all []Event
	p := f.NewParser(functions, prompt)
	add := func(events []Event) {
		for _, e := range events {
			c.Add(e)
			if n := len(all); n > 0 && all[n-1].Kind == e.Kind && e.Kind != CallBegin && e.Kind != CallEnd && e.Kind != CallFailed {
				all[n-1].Text += e.Text
			} else {
				all = append(all, e)
			}
		}
	}
	for _, piece := range pieces {
		add(p.Next(piece))
	}
	add(p.Close(true))
	return c.Message(), all
}

// said is a message in short: reasoning in parentheses, text, and calls; one without an end has "…".
func said(m Message) string {
	s := ""
	if m.Reasoning != "" {
		s = "(" + m.Reasoning + ")"
	}
	s += m.Text
	for _, c := range m.Calls {
		s += "|" + c.Name + c.Arguments
		if !c.Ended {
			s += "…"
		}
	}
	return s
}

const weather = `|get_weather{"city": "Oslo"}`

var cases = []struct{ format, text, want string }{
	{"hermes", "Hello", "Hello"},
	{"hermes", " Hello \n", " Hello \n"},
	{"hermes", "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>", weather},
	{"hermes", "Let me look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>\n<tool_call>{\"name\":\"write\",\"arguments\":{}}</tool_call>\n", "Let me look." + weather + "|write{}"},
	{"hermes", "<think>\nHm. <tool_call>\n</think>\n\nYes <think>.", "(Hm. <tool_call>)Yes <think>."},
	{"hermes", "<think>a</think>\n<tool_call>{\"name\": \"write\", \"arguments\": {\"path\": \"</tool_call> \\\" é\\u00e9\"}}</tool_call> Done.", "(a)Done.|write{\"path\": \"</tool_call> \\\" é\\u00e9\"}"},
	{"hermes", "<tool_call>{\"arguments\": {\"city\": \"Oslo\"}, \"name\": \"get_weather\"}</tool_call>", weather},
	{"hermes", "<tool_call>{\"name\": \"get_weather\", \"arguments\": \"{\\\"city\\\": \\\"Oslo\\\"}\"}</tool_call>", weather},
	{"hermes", "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}, \"id\": [1]}</tool_call>x", "x" + weather},
	{"hermes", "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Os", `|get_weather{"city": "Os…`},
	{"hermes", "<tool_call>{\"name\": \"get_wea", "<tool_call>{\"name\": \"get_wea"},
	{"hermes", "a <tool_call>{\"name\" \"get_weather\"} b", "a <tool_call>{\"name\" \"get_weather\"} b"},
	{"hermes", "a <tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": Oslo}} b", "a<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": Oslo}} b"},
	{"hermes", "a < b <tool", "a < b <tool"},
	{"hermes", "<tool_call>", "<tool_call>"},
	{"qwen-xml", "I will.\n<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>", `I will.|get_weather{"city": "Oslo", "days": 3}`},
	{"qwen-xml", "<function=write>\n<parameter=path>\n\na \"b\"\n\tc < </para\n\n</parameter>\n<parameter=lines>\n[\"x\", 1]\n</parameter><parameter=options>{</parameter>\n</function>\n</tool_call>", `|write{"path": "\na \"b\"\n\tc < </para\n", "lines": ["x", 1], "options": "{"}`},
	{"qwen-xml", "<tool_call>\n<function=write>\n</function>\n</tool_call>\n<tool_call>\n<function=get_weather>\n<parameter=city>\nOs", `|write{}|get_weather{"city": "Os…`},
	{"qwen-xml", "<tool_call>\n<function=write>\nx</function>", "<tool_call>\n<function=write>\nx</function>"},
	{"glm", "<think></think>\nOK\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>\n<tool_call>write</tool_call>", `OK|get_weather{"city": "Oslo", "days": 2}|write{}`},
	{"glm", "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Os<b</arg_value></tool_call>", `|get_weather{"city": "Os<b"}`},
	{"glm", "<tool_call>what is this</tool_call>", "<tool_call>what is this</tool_call>"},
	{"glm", "<tool_call>a<b", "<tool_call>a<b"},
	{"llama", `{"name": "get_weather", "parameters": {"city": "Oslo"}}`, weather},
	{"llama", "\n<|python_tag|>{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}; {\"name\": \"write\", \"parameters\": {}}", weather + "|write{}"},
	{"llama", `{"type": "function", "function": {"name": "get_weather", "parameters": {"city": "Oslo"}}}`, weather},
	{"llama", `{"name": "Bob", "parameters": {}}`, `{"name": "Bob", "parameters": {}}`},
	{"llama", `{"a": 1} b`, `{"a": 1} b`},
	{"llama", `Use {"name": "write", "parameters": {}}`, `Use {"name": "write", "parameters": {}}`},
	{"llama", `{"na`, `{"na`},
	{"llama", `<|python_tag|>print(1)`, `<|python_tag|>print(1)`},
	{"mistral", `[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Oslo"}, "id": "abcdefghi"}, {"name": "write", "arguments": {}}]`, weather + "|write{}"},
	{"mistral", "Look.[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Oslo\"}[TOOL_CALLS]write[CALL_ID]abc[ARGS]{}", "Look." + weather + "|write{}"},
	{"mistral", `[TOOL_CALLS] get_weather{"city": "Oslo"}`, weather},
	{"mistral", "[THINK]Hm.[/THINK]Yes.", "(Hm.)Yes."},
	{"mistral", `[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Os`, `|get_weather{"city": "Os…`},
	{"mistral", `[TOOL_CALLS]what is {}`, `[TOOL_CALLS]what is {}`},
	{"mistral", `[TOOL_CALLS][]`, `[TOOL_CALLS][]`},
	{"deepseek", "<think>x</think>Hm.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Oslo\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>write\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "(x)Hm." + weather + "|write{}"},
	{"kimi", "I look.<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Oslo\"}<|tool_call_end|><|tool_call_begin|>functions.write:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>", "I look." + weather + "|write{}"},
	{"kimi", "<|tool_calls_section_begin|><|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{\"path\": ", `|write{"path": …`},
	{"seed", "<seed:think>Hm.</seed:think>\n<seed:tool_call>\n<function=get_weather>\n<parameter=city>Oslo</parameter>\n</function>\n</seed:tool_call>", "(Hm.)" + weather},
	{"seed", "<seed:tool_call>\n<function=write>\n<parameter=path>a\nb</parameter>\n<parameter=lines>[1]</parameter>\n</function>\n</seed:tool_call>", `|write{"path": "a\nb", "lines": [1]}`},
	{"seed", "<seed:tool_call>what", "<seed:tool_call>what"},
	{"minimax", "<think>Hm.</think>\n\nSo.<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Oslo</parameter>\n</invoke>\n<invoke name=\"write\">\n<parameter name=\"lines\">[1]</parameter>\n</invoke>\n</minimax:tool_call>", "(Hm.)So." + weather + `|write{"lines": [1]}`},
	{"deepseek", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Oslo\"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", weather},
	{"gemma", "<|channel>thought\nHm.<channel|>Yes.<|tool_call>call:get_weather{city:<|\"|>Os\"l,}o<|\"|>,days:3}<tool_call|><|tool_call>call:write{}<tool_call|>", `(Hm.)Yes.|get_weather{"city":"Os\"l,}o","days":3}|write{}`},
	{"gemma", `<|tool_call>call:write{options:{a:[1,<|"|>x<|"|>,{}],b:true},lines:[]}<tool_call|>`, `|write{"options":{"a":[1,"x",{}],"b":true},"lines":[]}`},
	{"gemma", `<|tool_call>call:write{options:{a:1,`, `|write{"options":{"a":1,…`},
	{"gemma", `<|tool_call>call:write{a:1,}`, `<|tool_call>call:write{a:1,}`},
	{"gemma", `<|tool_call>call:write{a:}`, `<|tool_call>call:write{a:}`},
	{"gemma", `<|tool_call>say:write{}`, `<|tool_call>say:write{}`},
	{"functiongemma", "<start_function_call>call:get_weather{city:<escape>Oslo<escape>}<end_function_call>", `|get_weather{"city":"Oslo"}`},
	{"lfm", "I look.<|tool_call_start|>[get_weather(city=\"Oslo\")]<|tool_call_end|> Wait.", "I look.Wait." + weather},
	{"lfm", `<|tool_call_start|>[write(path='a "b" it\'s\n\x41\u00e9\U0001F600 \d', lines=["x", 1, (None, True), []], options={'a': {"b": -1.5}, 'c': 'it's'}), write( )]<|tool_call_end|>`,
		`|write{"path": "a \"b\" it's\n\u0041\u00e9😀 \\d", "lines": ["x", 1, [null, true], []], "options": {"a": {"b": -1.5}, "c": "it's"}}|write{}`},
	{"lfm", `<|tool_call_start|>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]<|tool_call_end|>`, weather},
	{"lfm", `<|tool_call_start|>[get_weather(city=Oslo, days=3,)]`, `|get_weather{"city": "Oslo", "days": 3}`},
	{"lfm", `<|tool_call_start|>[get_weather(city="Os`, `|get_weather{"city": "Os…`},
	{"lfm", `<|tool_call_start|>[get_weather("Oslo")]`, `<|tool_call_start|>[get_weather("Oslo")]`},
	{"lfm", `<|tool_call_start|>[get_weather(city=)]`, `<|tool_call_start|>[get_weather(city=)]`},
	{"lfm", `<|tool_call_start|>[write(options={a: 1})]`, `<|tool_call_start|>[write(options={a: 1})]`},
	{"lfm", `<|tool_call_start|>print(1)`, `<|tool_call_start|>print(1)`},
	{"cohere", "<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}\n]<|END_ACTION|>", "(Hm.)" + weather},
	{"cohere", "<|START_RESPONSE|>Yes.<|END_RESPONSE|>", "Yes."},
	{"granite", `<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]`, weather},
	{"harmony", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "(Hm.)Yes."},
	{"harmony", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\": \"Oslo\"}<|call|>", "(Hm.)" + weather},
	{"harmony", "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{\"city\": \"Oslo\"}", "I look." + weather},
	{"harmony", "<|channel|>commentary to=functions.write<|message|>{\"path\": ", `|write{"path": …`},
	{"harmony", "<|channel|>commentary to=python<|message|>print(1)<|call|>", "<|channel|>commentary to=python<|message|>print(1)"},
	{"harmony", "<|channel|>ana", "<|channel|>ana"},
	{"harmony", "<|channel|>final<|message|>Yes.<|end|><|start|>assistant<|chan", "Yes."},
	{"plain", "a <tool_call> b", "a <tool_call> b"},
}

// TestParser: each form is read, and all cuts of a text into two pieces, and into single characters and bytes, say the same.
func TestParser(t *testing.T) {
	for _, c := range cases {
		f := Recognize(templates[c.format])
		got, want := parse(f, functions, "", c.text)
		if said(got) != c.want {
			t.Errorf("%s %q:\n%s, want\n%s", c.format, c.text, said(got), c.want)
		}
		for _, call := range got.Calls {
			if call.Ended && !json.Valid([]byte(call.Arguments)) {
				t.Errorf("%s %q: %s", c.format, c.text, call.Arguments)
			}
		}
		for i := range len(c.text) {
			if _, events := parse(f, functions, "", c.text[:i], c.text[i:]); !reflect.DeepEqual(events, want) {
				t.Errorf("%s %q cut at %d:\n%+v, want\n%+v", c.format, c.text, i, events, want)
				break
			}
		}
		if _, events := parse(f, functions, "", strings.Split(c.text, "")...); !reflect.DeepEqual(events, want) {
			t.Errorf("%s %q in characters:\n%+v, want\n%+v", c.format, c.text, events, want)
		}
		bytes := make([]string, len(c.text))
		for i := range bytes {
			bytes[i] = c.text[i : i+1]
		}
		if _, events := parse(f, functions, "", bytes...); !reflect.DeepEqual(events, want) {
			t.Errorf("%s %q in bytes:\n%+v, want\n%+v", c.format, c.text, events, want)
		}
	}
}

// TestPrompt: a prompt that has opened reasoning, and a request without functions.
func TestPrompt(t *testing.T) {
	f := Recognize(templates["hermes"])
	if m, _ := parse(f, functions, "<|im_start|>assistant\n<think>\n", "Hm.\n</think>\n\nYes."); said(m) != "(Hm.)Yes." {
		t.Errorf("%s", said(m))
	}
	if m, _ := parse(f, functions, "<think>\n", "Hm"); said(m) != "(Hm)" {
		t.Errorf("%s", said(m))
	}
	const call = `<tool_call>{"name": "write", "arguments": {}}</tool_call>`
	if m, _ := parse(f, nil, "", call); said(m) != call {
		t.Errorf("without functions: %s", said(m))
	}
}

// TestStopped: a call within which a text ends by itself is text, one within which it is cut off is what there is of it.
func TestStopped(t *testing.T) {
	for _, c := range cases {
		p := Recognize(templates[c.format]).NewParser(functions, "")
		var m Collector
		for _, e := range append(slices.Clone(p.Next(c.text)), p.Close(false)...) {
			m.Add(e)
		}
		for _, call := range m.Message().Calls {
			if !call.Ended {
				t.Errorf("%s %q: %s", c.format, c.text, said(m.Message()))
			}
		}
		if cut, ok := strings.CutSuffix(c.want, "…}"); ok && strings.Count(cut, "|") == 1 && said(m.Message()) == c.want {
			t.Errorf("%s %q: %s", c.format, c.text, c.want)
		}
	}
}

// TestNumbers: calls are numbered from 0 on.
func TestNumbers(t *testing.T) {
	const call = `<tool_call>{"name": "write", "arguments": {}}</tool_call>`
	_, events := parse(Recognize(templates["hermes"]), functions, "", call+call)
	var numbers []string
	for _, e := range events {
		numbers = append(numbers, fmt.Sprint(e.Kind, e.Index))
	}
	if got := strings.Join(numbers, ", "); got != "2 0, 3 0, 4 0, 2 1, 3 1, 4 1" {
		t.Error(got)
	}
}

// TestJSONScanner compares with encoding/json.
func TestJSONScanner(t *testing.T) {
	for _, text := range []string{`{}`, `[]`, `{"a": [1, -0.5e+3, 0, "x\u00e9\n", true, false, null, {}], "b": {}}`, `{"a"}`, `{"a": 1,}`, `[1,]`, `[01]`, `[1.]`, `[.5]`, `[1e]`, `[-]`, `["\x"]`, `["\u12g4"]`,
		"[\"\n\"]", `[tru]`, `[nul]`, `{,}`, `{"a" 1}`, `[1 2]`, `}`, `[}`, `{]`, `[1e5]`, `[0e1]`, `[1.5E-2]`, "{\t\"a\"\r\n:\n1 }", `["é"]`, `{1: 2}`, `[--1]`} {
		var s jsonScanner
		ok := true
		for i := range len(text) {
			if ok = ok && !s.ended && s.next(text[i]); !ok {
				break
			}
		}
		if ok = ok && s.ended; ok != json.Valid([]byte(text)) {
			t.Errorf("%s: %v", text, ok)
		}
	}
}

// FuzzParser: whatever a model writes, in any pieces: the same is said, calls that end have JSON for arguments, and without calls and reasoning nothing is lost.
func FuzzParser(f *testing.F) {
	for i, c := range cases {
		f.Add(c.format, c.text, uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, format, text string, cut uint16) {
		template, ok := templates[format]
		if !ok {
			return
		}
		text = strings.ToValidUTF8(text, "?")
		whole, want := parse(Recognize(template), functions, "", text)
		at := int(cut) % (len(text) + 1)
		if _, events := parse(Recognize(template), functions, "", text[:at], text[at:]); !reflect.DeepEqual(events, want) {
			t.Fatalf("%s %q cut at %d:\n%+v, want\n%+v", format, text, at, events, want)
		}
		for _, call := range whole.Calls {
			if call.Ended && !json.Valid([]byte(call.Arguments)) || call.Name == "" {
				t.Fatalf("%s %q: %+v", format, text, call)
			}
		}
	})
}
