package jinja

import "strings"

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;")

// escape writes a text for HTML, as markupsafe does.
func (m *meter) escape(s string) string {
	m.alloc(int64(5 * len(s))) // at most
	return htmlEscapes.Replace(s)
}

// escaped is escape for any value: what is marked safe stays.
func (m *meter) escaped(v Value) string {
	if s, ok := v.(markup); ok {
		return string(s)
	}
	return m.escape(m.str(v))
}

// like gives the result of a text's method the mark of the text.
func like(of Value, s string) Value {
	if _, ok := of.(markup); ok {
		return markup(s)
	}
	return s
}
