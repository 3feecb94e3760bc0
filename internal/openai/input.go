package openai

import (
	"errors"
	"fmt"
	"strings"
)

// setInput reads the input of a request for a response: a text, or items of a conversation.
func setInput(r *Request, v any) error {
	if text, ok := v.(string); ok {
		r.Messages = []Message{{Role: "user", Content: text}}
		return nil
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return errors.New("a text, or a list of one item or more, is expected")
	}
	var c inputConversation
	for i, item := range list {
		if err := c.add(item); err != nil {
			return within(fmt.Sprintf("[%d]", i), err)
		}
	}
	if r.Messages = c.messages; len(r.Messages) == 0 {
		return errors.New("it has nothing but reasoning")
	}
	return nil
}

// inputConversation makes messages of items: what the assistant thought, said and called in a row is one message.
type inputConversation struct {
	messages  []Message
	reasoning string // that the next of the assistant's items had before it
}

func (c *inputConversation) add(v any) error {
	item, ok := v.(map[string]any)
	if !ok {
		return errors.New("an object is expected")
	}
	switch kind := item["type"]; kind {
	case nil, "message":
		return c.addMessage(item)
	case "function_call":
		return c.addCall(item)
	case "function_call_output":
		return c.addOutput(item)
	case "reasoning":
		return c.addReasoning(item)
	default:
		return within(".type", fmt.Errorf("%s is %w: message, function_call, function_call_output, reasoning", short(kind), errUnsupported))
	}
}

func (c *inputConversation) addMessage(item map[string]any) error {
	var m Message
	if item["role"] == nil {
		return within(".role", errors.New("it is missing"))
	}
	if err := m.setRole(item["role"], false); err != nil {
		return within(".role", err)
	}
	var err error
	if m.Content, err = itemText(item["content"]); err != nil {
		return within(".content", err)
	}
	if m.Role == "assistant" {
		m.Reasoning, c.reasoning = c.reasoning, ""
	}
	c.messages = append(c.messages, m)
	return nil
}

// addCall adds a call to the assistant's message.
func (c *inputConversation) addCall(item map[string]any) error {
	var call Call
	for _, text := range []struct {
		name string
		to   *string
	}{{"call_id", &call.ID}, {"name", &call.Name}, {"arguments", &call.Arguments}} {
		if err := setText(text.to, item[text.name]); err != nil {
			return within("."+text.name, err)
		}
	}
	switch {
	case call.ID == "" || len(call.ID) > maxCallID:
		return within(".call_id", fmt.Errorf("a text of 1 to %d bytes is expected", maxCallID))
	case !IsFunction(call.Name):
		return within(".name", errName)
	}
	last := len(c.messages) - 1
	if last < 0 || c.messages[last].Role != "assistant" || c.reasoning != "" {
		c.messages = append(c.messages, Message{Role: "assistant", NoContent: true, Reasoning: c.reasoning})
		c.reasoning = ""
		last++
	}
	m := &c.messages[last]
	if len(m.Calls) == maxCalls {
		return fmt.Errorf("there are more than %d calls in a row", maxCalls)
	}
	m.Calls = append(m.Calls, call)
	return nil
}

// addOutput adds what a function returned.
func (c *inputConversation) addOutput(item map[string]any) error {
	m := Message{Role: "tool"}
	if err := setText(&m.CallID, item["call_id"]); err != nil || m.CallID == "" || len(m.CallID) > maxCallID {
		return within(".call_id", fmt.Errorf("a text of 1 to %d bytes is expected", maxCallID))
	}
	var err error
	if m.Content, err = itemText(item["output"]); err != nil {
		return within(".output", err)
	}
	c.messages = append(c.messages, m)
	return nil
}

// addReasoning takes note of what was thought: its content, or else its summary.
func (c *inputConversation) addReasoning(item map[string]any) error {
	for _, name := range []string{"content", "summary"} {
		list, ok := item[name].([]any)
		if item[name] != nil && !ok {
			return within("."+name, errors.New("a list is expected"))
		}
		if len(list) == 0 {
			continue
		}
		text, err := itemText(list)
		if err != nil {
			return within("."+name, err)
		}
		c.reasoning = text
		return nil
	}
	return nil
}

// itemText reads an item's text: a string, or parts that are texts.
func itemText(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	parts, ok := v.([]any)
	if !ok {
		return "", errors.New("a text, or a list of texts, is expected")
	}
	var all strings.Builder
	for i, p := range parts {
		part, _ := p.(map[string]any)
		name := "text"
		switch part["type"] {
		case "refusal":
			name = "refusal"
		case "input_text", "output_text", "text", "summary_text", "reasoning_text":
		default:
			return "", within(fmt.Sprintf("[%d].type", i), fmt.Errorf("%s is %w: input_text, output_text", short(part["type"]), errUnsupported))
		}
		text, ok := part[name].(string)
		if !ok {
			return "", within(fmt.Sprintf("[%d].%s", i, name), errors.New("a text is expected"))
		}
		all.WriteString(text)
	}
	return all.String(), nil
}
