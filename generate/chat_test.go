package generate

import (
	"errors"
	"strings"
	"testing"
)

// Templates in the form that well-known models use, written for this test.
var templates = map[string]struct{ source, want string }{
	"chatml": {
		"{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
		"<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\nHi <b>&amp;</b>!<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n",
	},
	"blocks on lines": {
		"{{ bos_token }}\n{% for message in messages %}\n    {% if message.role == 'user' %}\n[INST] {{ message.content | trim }} [/INST]\n    {% else %}\n {{ message.content }}{{ eos_token }}\n    {% endif %}\n{% endfor %}\n",
		"<s>\n[INST] Hi <b>&amp;</b>! [/INST]\n Hello.</s>\n[INST] Why? [/INST]\n",
	},
	"namespace": {
		"{%- set ns = namespace(n=0) -%}{%- for m in messages -%}{%- set ns.n = ns.n + 1 -%}{{ ns.n }}:{{ m['content'] }};{%- endfor -%}{{ ns.n }}",
		"1:Hi <b>&amp;</b>!;2:Hello.;3:Why?;3",
	},
}

var conversation = []Message{{"user", "Hi <b>&amp;</b>!"}, {"assistant", "Hello."}, {"user", "Why?"}}

var ends = TemplateOptions{SpecialTokens: map[string]string{"bos_token": "<s>", "eos_token": "</s>"}}

func TestChatTemplates(t *testing.T) {
	for name, c := range templates {
		tmpl, err := NewChatTemplate(c.source, ends)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := tmpl.Render(conversation)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got != c.want {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.want)
		}
	}
}

func TestChatTemplateErrors(t *testing.T) {
	for name, source := range map[string]string{"none": "", "cut": "{% for m in messages %}", "unknown": "{% frobnicate %}"} {
		if _, err := NewChatTemplate(source, TemplateOptions{}); !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	tmpl, err := NewChatTemplate("{% if messages[0].role != 'system' %}{{ raise_exception('a system message must come first') }}{% endif %}", TemplateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tmpl.Render(conversation); !errors.Is(err, ErrTemplate) || !strings.Contains(err.Error(), "a system message must come first") {
		t.Errorf("a template that refuses: %v", err)
	}
}
