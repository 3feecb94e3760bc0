package toolcall

import (
	"slices"
	"strings"
	"testing"
)

// TestLong: long texts full of what begins calls are read in time that grows with their length.
func TestLong(t *testing.T) {
	for name, template := range templates {
		f := Recognize(template)
		for _, piece := range append(f.Marks(), "{", `{"name": "`, "[", "call:a{b:", "<function=a><parameter=b>", "<|channel|>a to=b<|message|>{", "<") {
			text := strings.Repeat(piece, 60_000/len(piece))
			p := f.NewParser(functions, "")
			var c Collector
			for _, e := range append(slices.Clone(p.Next(text)), p.Close()...) {
				c.Add(e)
			}
			m := c.Message()
			if len(m.Text)+len(m.Reasoning) > len(text) {
				t.Errorf("%s, %s: %d bytes of %d", name, piece, len(m.Text), len(text))
			}
		}
	}
}
