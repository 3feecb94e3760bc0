package generate

import "testing"

// TestToolForm: each way of taking calls that templates of models have is found.
func TestToolForm(t *testing.T) {
	const (
		say   = `{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}`
		end   = `{% endfor %}{% endfor %}`
		tools = `{% if tools %}{{ tools | tojson }}{% endif %}`
	)
	for name, c := range map[string]struct {
		template string
		want     ToolForm
	}{
		"none":           {`{% for m in messages %}{{ m.content }}{% endfor %}`, ToolForm{}},
		"objects":        {tools + say + `{{ c.function.name }}{{ c.function.arguments | tojson }}` + end, ToolForm{Tools: true, Calls: true}},
		"texts":          {tools + say + `{{ c.function.name + c.function.arguments }}` + end, ToolForm{Tools: true, Calls: true, ArgumentsAsText: true}},
		"objects, shown": {tools + say + `{{ c.function.arguments }}` + end, ToolForm{Tools: true, Calls: true, ArgumentsAsText: true}},
		"content":        {tools + `{% for m in messages %}{{ m.role + m.content }}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}` + end, ToolForm{Tools: true, Calls: true, Content: ContentEmpty}},
		"null":           {tools + `{% for m in messages %}{% if m.content is none %}{{ m.tool_calls[0].function.arguments }}{% endif %}{% endfor %}`, ToolForm{Tools: true, Calls: true, ArgumentsAsText: true, Content: ContentNull}},
		"short ids":      {tools + say + `{% if c.id | length != 9 %}{{ raise_exception("id") }}{% endif %}{{ c.function.arguments | tojson }}` + end, ToolForm{Tools: true, Calls: true, ShortIDs: true}},
		"only with":      {`{% for t in tools %}{{ t | tojson }}{% endfor %}` + say + `{{ c.function.arguments | tojson }}` + end, ToolForm{Tools: true, Calls: true}},
		"pairs":          {tools + say + `{% for k, v in c.function.arguments.items() %}<arg>{{ k }}={{ v }}{% endfor %}` + end, ToolForm{Tools: true, Calls: true}},
	} {
		template, err := NewChatTemplate(c.template, TemplateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := template.ToolForm(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
