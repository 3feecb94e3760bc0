package toolcall_test

import (
	"fmt"

	"github.com/helix-substrate/helix-substrate/toolcall"
)

func ExampleCollector() {
	var c toolcall.Collector
	for _, e := range []toolcall.Event{
		{Kind: toolcall.Text, Text: "Let me look."},
		{Kind: toolcall.CallBegin, Name: "get_weather"},
		{Kind: toolcall.CallArguments, Text: `{"city": `},
		{Kind: toolcall.CallArguments, Text: `"Oslo"}`},
		{Kind: toolcall.CallEnd},
	} {
		c.Add(e)
	}
	m := c.Message()
	fmt.Println(m.Text, m.Calls[0].Name, m.Calls[0].Arguments)
	// Output: Let me look. get_weather {"city": "Oslo"}
}
