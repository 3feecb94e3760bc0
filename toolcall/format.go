package toolcall

import (
	"slices"
	"strings"
)

// Format is the form in which a model writes. It is immutable.
type Format struct {
	name   string
	signs  []string // what its chat templates have in them, all of these
	opens  []string // each begins a call, or several
	passed []string // around calls: passed over
	body   body     // how a call is written behind that
	listed bool     // calls of bodyNamed are written as a list of objects
	fenced bool     // arguments of bodyNamed are in a fence
	bare   bool     // a call may also be all that there is, without a mark
	think  marks    // around reasoning
	quote  string   // around texts of bodyPairs
	tags   *tags    // of bodyTags, around functions and arguments; nil: only JSON

	around    marks  // of bodyNamed: around all calls
	close     string // behind a call
	separator string // between a name and arguments
	numbered  bool   // a name is functions.NAME:NUMBER
}

// marks stand around something; none, if they are empty.
type marks struct{ open, close string }

// body is how a call is written.
type body uint8

const (
	bodyNone     body = iota
	bodyTags          // {"name": …, "arguments": …}, <function=…><parameter=…>… or NAME<arg_key>…, up to </tool_call> or its like
	bodyJSON          // {"name": …, "arguments": …}
	bodyList          // a list of these
	bodyNamed         // NAME, a mark, arguments; or a list
	bodyPairs         // call:NAME{key:value,…}
	bodyPython        // [NAME(key=value, …), …], or a list of objects
	bodyChannels      // a message to functions.NAME
)

// What forms share.
const (
	toolCall, endToolCall     = "<tool_call>", "</tool_call>"
	function, parameter       = "<function=", "<parameter="
	argKey, argValue          = "<arg_key>", "<arg_value>"
	argumentsMark, callNumber = "[ARGS]", "[CALL_ID]"

	beginCall, endCall, separator = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"

	kimiSeparator = "<|tool_call_argument_begin|>"

	lfmCalls, endLFMCalls = "<|tool_call_start|>", "<|tool_call_end|>"
)

// deepseekCalls are around all calls.
var deepseekCalls = marks{"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"}

// formats are the known ones; the first whose signs a template has is its.
var formats = []Format{
	{name: "harmony", signs: []string{channelMark, messageMark}, body: bodyChannels},
	{name: "deepseek", signs: []string{beginCall, separator, "```json"}, opens: []string{beginCall}, around: deepseekCalls, close: endCall, separator: separator, body: bodyNamed, fenced: true},
	{name: "deepseek", signs: []string{beginCall, separator}, opens: []string{beginCall}, around: deepseekCalls, close: endCall, separator: separator, body: bodyNamed},
	{name: "kimi", signs: []string{"<|tool_calls_section_begin|>", kimiSeparator}, opens: []string{"<|tool_call_begin|>"}, around: marks{"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"}, close: "<|tool_call_end|>", separator: kimiSeparator, numbered: true, body: bodyNamed},
	{name: "mistral", signs: []string{"[TOOL_CALLS]", argumentsMark}, opens: []string{"[TOOL_CALLS]"}, body: bodyNamed, think: marks{"[THINK]", "[/THINK]"}},
	{name: "mistral", signs: []string{"[TOOL_CALLS]"}, opens: []string{"[TOOL_CALLS]"}, body: bodyNamed, listed: true, think: marks{"[THINK]", "[/THINK]"}},
	{name: "glm", signs: []string{toolCall, argKey}, opens: []string{toolCall}, body: bodyTags, tags: glmTags},
	{name: "seed", signs: []string{"<seed:tool_call>"}, opens: []string{"<seed:tool_call>", seedTags.open}, passed: []string{"</seed:tool_call>"}, body: bodyTags, tags: seedTags, think: marks{"<seed:think>", "</seed:think>"}},
	{name: "minimax", signs: []string{"<minimax:tool_call>", invokeTags.open}, opens: []string{"<minimax:tool_call>", invokeTags.open}, passed: []string{"</minimax:tool_call>"}, body: bodyTags, tags: invokeTags},
	{name: "qwen-xml", signs: []string{toolCall, function, parameter}, opens: []string{toolCall, function}, passed: []string{endToolCall}, body: bodyTags, tags: xmlTags},
	{name: "hermes", signs: []string{toolCall}, opens: []string{toolCall}, body: bodyTags, tags: xmlTags},
	{name: "gemma", signs: []string{"<|tool_call>"}, opens: []string{"<|tool_call>"}, passed: []string{"<tool_call|>"}, body: bodyPairs, think: marks{"<|channel>thought", "<channel|>"}, quote: `<|"|>`},
	{name: "lfm", signs: []string{lfmCalls}, opens: []string{lfmCalls}, passed: []string{endLFMCalls}, body: bodyPython},
	{name: "lfm", signs: []string{"<|tool_list_start|>"}, opens: []string{lfmCalls}, passed: []string{endLFMCalls}, body: bodyPython},
	{name: "lfm", signs: []string{"List of tools: [", "<|im_start|>"}, opens: []string{lfmCalls}, passed: []string{endLFMCalls}, body: bodyPython},
	{name: "functiongemma", signs: []string{"<start_function_call>"}, opens: []string{"<start_function_call>"}, passed: []string{"<end_function_call>"}, body: bodyPairs, quote: "<escape>"},
	{name: "cohere", signs: []string{"<|START_ACTION|>"}, opens: []string{"<|START_ACTION|>"}, passed: []string{"<|END_ACTION|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"}, body: bodyList, think: marks{"<|START_THINKING|>", "<|END_THINKING|>"}},
	{name: "granite", signs: []string{"<|tool_call|>"}, opens: []string{"<|tool_call|>"}, passed: []string{"<|/tool_call|>"}, body: bodyList},
	{name: "llama", signs: []string{"<|python_tag|>"}, opens: []string{"<|python_tag|>"}, body: bodyJSON, bare: true},
	{name: "llama", signs: []string{"<|start_header_id|>", `"parameters": dictionary`}, opens: []string{"<|python_tag|>"}, body: bodyJSON, bare: true},
}

// Recognize returns the form in which a model writes that has this chat template. It knows those of Llama 3, Qwen and Hermes, Qwen's coders, Mistral,
// Gemma 4 and FunctionGemma, gpt-oss, DeepSeek, GLM, Command, Kimi K2, MiniMax M2, Seed, LFM 2, and Granite 3 and Phi 4; of others it knows no calls.
func Recognize(template string) *Format {
	f := Format{name: "plain"}
	for _, known := range formats {
		if !slices.ContainsFunc(known.signs, func(sign string) bool { return !strings.Contains(template, sign) }) {
			f = known
			break
		}
	}
	for _, mark := range []string{f.around.open, f.around.close, f.close} {
		if mark != "" {
			f.passed = append(slices.Clip(f.passed), mark)
		}
	}
	if f.think.open == "" && f.body != bodyChannels && strings.Contains(template, "</think>") {
		f.think = marks{"<think>", "</think>"}
	}
	return &f
}

// Name returns what the form is called here.
func (f *Format) Name() string { return f.name }

// Calls says whether it is known how calls are written.
func (f *Format) Calls() bool { return f.body != bodyNone }

// Reasons says whether it is known how reasoning is written, or that answers are in channels.
func (f *Format) Reasons() bool { return f.think.open != "" || f.body == bodyChannels }

// Numbered says whether a call is known to the model by functions.NAME:NUMBER, with the number of calls before it in the conversation.
func (f *Format) Numbered() bool { return f.numbered }

// Marks returns the texts that a [Parser] looks for. Where they are special tokens, it needs them in the text.
func (f *Format) Marks() []string {
	list := slices.Concat(f.opens, f.passed)
	switch {
	case f.body == bodyChannels:
		list = append(list, startMark, channelMark, constrainMark, messageMark, endMark, callMark, returnMark)
	case f.body == bodyTags:
		list = append(list, endToolCall, argKey, "</arg_key>", argValue, "</arg_value>")
	case f.body == bodyNamed:
		list = append(list, argumentsMark, callNumber)
	}
	for _, mark := range []string{f.think.open, f.think.close, f.quote, f.separator} {
		if mark != "" {
			list = append(list, mark)
		}
	}
	return list
}
