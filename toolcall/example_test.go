package toolcall_test

import (
	"encoding/json"
	"fmt"

	"github.com/helix-substrate/helix-substrate/toolcall"
)

// A model's text is read as it comes, in any pieces.
func Example() {
	template := `{{ "<tool_call>" }}` // the model's own chat template
	weather := toolcall.Function{Name: "get_weather", Parameters: json.RawMessage(`{"type": "object", "properties": {"city": {"type": "string"}}}`)}
	p := toolcall.Recognize(template).NewParser([]toolcall.Function{weather}, "")
	var c toolcall.Collector
	for _, piece := range []string{"Let me look.\n<tool", `_call>{"name": "get_weather", "argu`, `ments": {"city": "Oslo"}}</tool_call>`} {
		for _, e := range p.Next(piece) {
			c.Add(e)
		}
	}
	for _, e := range p.Close(true) {
		c.Add(e)
	}
	m := c.Message()
	fmt.Println(m.Text, m.Calls[0].Name, m.Calls[0].Arguments)
	// Output: Let me look. get_weather {"city": "Oslo"}
}
