// Package jinja renders chat templates: the subset of Jinja2 3.1 that transformers' apply_chat_template gives a model's template.
// That is an immutable sandbox with trim_blocks and lstrip_blocks, the tags break and continue, transformers' own tag generation, its
// tojson, raise_exception and strftime_now, Python's methods of texts, lists and dicts, and Python's way of printing values.
//
// A template comes from whoever made the model and is not trusted. It reaches nothing but the values it is given, and a Limits
// bounds its steps, the memory of all values it makes, its output and its depth: whatever it does ends in text or in one error.
// What Python would answer with an address, a random number or a package that is not here is refused by its name.
//
//	t, err := jinja.Parse("{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{% endfor %}", jinja.DefaultLimits)
//	if err != nil { ... } // errors.Is(err, jinja.ErrSyntax): the message names the line
//	messages, err := jinja.FromJSON([]byte(`[{"role": "user", "content": " Hi "}]`))
//	if err != nil { ... }
//	text, err := t.Render(map[string]jinja.Value{"messages": messages}, time.Now(), jinja.DefaultLimits)
//
// The order of work is that of the files: lexer.go makes tokens, parser.go and parse_expression.go a tree (tree.go), scope.go says
// where each name lives, and statements.go and expressions.go walk the tree. The truth for all of it is Python: see testdata.
package jinja
