package toolcall

import (
	"runtime"
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
			for _, e := range append(slices.Clone(p.Next(text)), p.Close(true)...) {
				c.Add(e)
			}
			m := c.Message()
			if len(m.Text)+len(m.Reasoning) > len(text) {
				t.Errorf("%s, %s: %d bytes of %d", name, piece, len(m.Text), len(text))
			}
		}
	}
}

// TestLongBlanks: white space that waits for what follows is not copied with each piece of it.
func TestLongBlanks(t *testing.T) {
	const n = 1 << 13
	p := Recognize(templates["hermes"]).NewParser(functions, "")
	p.Next("Look:")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		if events := p.Next(" "); len(events) > 0 {
			t.Fatal(events)
		}
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<22 {
		t.Errorf("%d bytes for %d blanks", bytes, n)
	}
	if events := p.Next("x"); len(events) != 1 || events[0].Text != strings.Repeat(" ", n)+"x" {
		t.Errorf("%v", events)
	}
}
