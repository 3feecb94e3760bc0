package openai

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Message is a message of a conversation. What follows Content only ParseServed reads.
type Message struct {
	Role    string // system, developer, user, assistant; of a server's request tool, too
	Content string

	NoContent bool   // the content was null or absent, which it may be beside calls
	Name      string // of who says it
	Reasoning string // before the content, of the assistant's
	Calls     []Call // of the assistant's
	CallID    string // of a tool's: the call that it answers
}

// Call is a call of a function: its arguments are JSON, or what a model wrote in its place.
type Call struct {
	ID, Name, Arguments string
}

// Bounds of a conversation's calls.
const (
	maxCalls  = 1024 // of one message
	maxCallID = 256  // bytes
)

// setMessages reads a conversation without calls.
func setMessages(r *Request, v any) error { return r.setMessages(v, false) }

// setConversation reads a conversation in which tools may have been called.
func setConversation(r *Request, v any) error { return r.setMessages(v, true) }

func (r *Request) setMessages(v any, calls bool) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return errors.New("a list of one message or more is expected")
	}
	for i, item := range list {
		m, err := message(item, calls)
		if err != nil {
			return within(fmt.Sprintf("[%d]", i), err)
		}
		r.Messages = append(r.Messages, m)
	}
	return nil
}

// message reads a message.
func message(v any, calls bool) (m Message, err error) {
	object, ok := v.(map[string]any)
	if !ok {
		return m, errors.New("an object is expected")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		v := object[name]
		known := v == nil
		switch name {
		case "role":
			known = true
			if v != nil {
				err = m.setRole(v, calls)
			}
		case "content":
			known = true
			if v != nil {
				m.Content, err = content(v)
			}
		default:
			if calls && v != nil {
				known, err = m.set(name, v)
			}
		}
		if err == nil && !known {
			err = errUnsupported
		}
		if err != nil {
			return m, within("."+name, err)
		}
	}
	m.NoContent = object["content"] == nil
	return m, m.check()
}

func (m *Message) setRole(v any, calls bool) error {
	roles := []string{"system", "developer", "user", "assistant"}
	if calls {
		roles = append(roles, "tool")
	}
	var ok bool
	if m.Role, ok = v.(string); !ok || !slices.Contains(roles, m.Role) {
		return fmt.Errorf("%s is %w: %s", short(v), errUnsupported, strings.Join(roles, ", "))
	}
	return nil
}

// set reads a member that a message beside calls may have.
func (m *Message) set(name string, v any) (known bool, err error) {
	switch name {
	case "name":
		return true, setText(&m.Name, v)
	case "reasoning_content", "reasoning":
		return true, setText(&m.Reasoning, v)
	case "tool_call_id":
		err = setText(&m.CallID, v)
		if len(m.CallID) > maxCallID {
			err = fmt.Errorf("it has more than %d bytes", maxCallID)
		}
		return true, err
	case "tool_calls":
		m.Calls, err = calls(v)
		return true, err
	case "annotations": // which answers of the API have
		list, ok := v.([]any)
		return ok && len(list) == 0, nil
	}
	return false, nil
}

func setText(to *string, v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("%s found, a text expected", short(v))
	}
	*to = s
	return nil
}

// check refuses a message that lacks something, or has what only another role's has.
func (m *Message) check() error {
	switch {
	case m.Role == "":
		return within(".role", errors.New("it is missing"))
	case m.Role != "assistant" && m.Calls != nil:
		return within(".tool_calls", errors.New("only the assistant's messages have them"))
	case m.Role == "tool" && m.CallID == "":
		return within(".tool_call_id", errors.New("it is missing"))
	case m.NoContent && len(m.Calls) == 0:
		return within(".content", errors.New("it is missing"))
	}
	return nil
}

// calls reads the calls of a message.
func calls(v any) ([]Call, error) {
	list, ok := v.([]any)
	if !ok || len(list) > maxCalls {
		return nil, fmt.Errorf("a list of at most %d calls is expected", maxCalls)
	}
	var all []Call
	for i, item := range list {
		c, err := call(item)
		if err != nil {
			return nil, within(fmt.Sprintf("[%d]", i), err)
		}
		all = append(all, c)
	}
	return all, nil
}

func call(v any) (c Call, err error) {
	object, _ := v.(map[string]any)
	if kind, ok := object["type"]; ok && kind != "function" {
		return c, within(".type", fmt.Errorf("%s is %w: function", short(kind), errUnsupported))
	}
	function, _ := object["function"].(map[string]any)
	for _, text := range []struct {
		of   map[string]any
		name string
		to   *string
	}{{object, "id", &c.ID}, {function, "name", &c.Name}, {function, "arguments", &c.Arguments}} {
		place := "." + text.name
		if text.to != &c.ID {
			place = ".function" + place
		}
		if err := setText(text.to, text.of[text.name]); err != nil {
			return c, within(place, err)
		}
	}
	switch {
	case c.ID == "" || len(c.ID) > maxCallID:
		return c, within(".id", fmt.Errorf("a text of 1 to %d bytes is expected", maxCallID))
	case !IsFunction(c.Name):
		return c, within(".function.name", errName)
	}
	return c, nil
}

// content reads a message's text: a string, or parts that are texts.
func content(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	parts, ok := v.([]any)
	if !ok || len(parts) == 0 {
		return "", errors.New("a text, or a list of texts, is expected")
	}
	var all strings.Builder
	for i, p := range parts {
		part, _ := p.(map[string]any)
		text, ok := part["text"].(string)
		if part["type"] != "text" {
			return "", within(fmt.Sprintf("[%d].type", i), fmt.Errorf("%s is %w: text", short(part["type"]), errUnsupported))
		}
		if !ok {
			return "", within(fmt.Sprintf("[%d].text", i), errors.New("a text is expected"))
		}
		for _, name := range slices.Sorted(maps.Keys(part)) {
			if name != "type" && name != "text" && part[name] != nil {
				return "", within(fmt.Sprintf("[%d].%s", i, name), errUnsupported)
			}
		}
		all.WriteString(text)
	}
	return all.String(), nil
}
