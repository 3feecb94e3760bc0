package anthropic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/helix-substrate/helix-substrate/internal/openai"
	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"` // a text, or blocks
}

// block is a block of content, of whatever type.
type block struct {
	Type      string          `json:"type"`
	Text      *string         `json:"text"`        // of text
	Thinking  *string         `json:"thinking"`    // of thinking
	ID        *string         `json:"id"`          // of tool_use, as the next two
	Name      *string         `json:"name"`        //
	Input     json.RawMessage `json:"input"`       //
	ToolUseID *string         `json:"tool_use_id"` // of tool_result, with Content: a text, or blocks of texts
	Content   json.RawMessage `json:"content"`
}

// setConversation sets the messages.
func (in *request) setConversation(r *openai.Request) error {
	if given(in.System) {
		text, err := textOf("system", in.System)
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, openai.Message{Role: "system", Content: text})
	}
	if len(in.Messages) == 0 {
		return invalid("messages", "a list of one message or more is expected")
	}
	for i, m := range in.Messages {
		at := fmt.Sprintf("messages[%d]", i)
		blocks, err := blocksOf(at+".content", m.Content)
		if err != nil {
			return err
		}
		var list []openai.Message
		switch m.Role {
		case "user":
			list, err = userMessages(at, blocks)
		case "assistant":
			list, err = assistantMessage(at, blocks)
		default:
			err = invalid(at+".role", "%.40q is neither user nor assistant", m.Role)
		}
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, list...)
	}
	if at := len(in.Messages) - 1; in.Messages[at].Role == "assistant" {
		return unsupported(fmt.Sprintf("messages[%d]", at), "to go on with the assistant's own beginning of an answer")
	}
	return nil
}

// blocksOf reads content: a text is one block.
func blocksOf(field string, v json.RawMessage) (list []block, err error) {
	v = bytes.TrimSpace(v)
	if isText(v) {
		text := ""
		if err := json.Unmarshal(v, &text); err != nil {
			return nil, invalid(field, "%v", err)
		}
		return []block{{Type: "text", Text: &text}}, nil
	}
	if len(v) == 0 || v[0] != '[' {
		return nil, invalid(field, "a text, or a list of blocks, is expected")
	}
	if err := strictjson.UnmarshalOpen(v, &list, nil); err != nil {
		return nil, invalid(field, "%v", err)
	}
	return list, nil
}

// textOf reads content of texts alone.
func textOf(field string, v json.RawMessage) (string, error) {
	blocks, err := blocksOf(field, v)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for i, b := range blocks {
		text, err := b.text(fmt.Sprintf("%s[%d]", field, i))
		if err != nil {
			return "", err
		}
		all.WriteString(text)
	}
	return all.String(), nil
}

// text returns what a block of text has.
func (b *block) text(field string) (string, error) {
	if b.Type != "text" {
		return "", unsupported(field+".type", "%.40q in this place", b.Type)
	}
	if b.Text == nil {
		return "", invalid(field+".text", "a text is expected")
	}
	return *b.Text, nil
}

// userMessages returns what a message of the user says: results of tools, and texts.
func userMessages(at string, blocks []block) (list []openai.Message, err error) {
	said := false // the last of the list is a text
	for i := range blocks {
		b, field := &blocks[i], fmt.Sprintf("%s.content[%d]", at, i)
		if b.Type == "tool_result" {
			m := openai.Message{Role: "tool"}
			if m.CallID, err = id(field+".tool_use_id", b.ToolUseID); err != nil {
				return nil, err
			}
			if given(b.Content) {
				if m.Content, err = textOf(field+".content", b.Content); err != nil {
					return nil, err
				}
			}
			list, said = append(list, m), false
			continue
		}
		text, err := b.text(field)
		if err != nil {
			return nil, err
		}
		if !said {
			list, said = append(list, openai.Message{Role: "user"}), true
		}
		list[len(list)-1].Content += text
	}
	if len(list) == 0 {
		return nil, invalid(at+".content", "it is empty")
	}
	return list, nil
}

// assistantMessage returns what a message of the assistant says.
func assistantMessage(at string, blocks []block) ([]openai.Message, error) {
	m := openai.Message{Role: "assistant"}
	for i := range blocks {
		b, field := &blocks[i], fmt.Sprintf("%s.content[%d]", at, i)
		switch b.Type {
		case "thinking":
			if b.Thinking == nil {
				return nil, invalid(field+".thinking", "a text is expected")
			}
			m.Reasoning += *b.Thinking
		case "tool_use":
			call, err := b.call(field)
			if err != nil {
				return nil, err
			}
			m.Calls = append(m.Calls, call)
		default:
			text, err := b.text(field)
			if err != nil {
				return nil, err
			}
			m.Content += text
		}
	}
	m.NoContent = m.Content == "" && m.Calls != nil
	return []openai.Message{m}, nil
}

// call returns the call that a block of tool_use is.
func (b *block) call(field string) (c openai.Call, err error) {
	if c.ID, err = id(field+".id", b.ID); err != nil {
		return c, err
	}
	if b.Name == nil || !openai.IsFunction(*b.Name) {
		return c, invalid(field+".name", "the name of a function is expected")
	}
	if !bytes.HasPrefix(bytes.TrimSpace(b.Input), []byte("{")) {
		return c, invalid(field+".input", "an object is expected")
	}
	c.Name, c.Arguments = *b.Name, string(b.Input)
	return c, nil
}

// id returns what a call is known by.
func id(field string, v *string) (string, error) {
	if v == nil || *v == "" || len(*v) > maxCallID {
		return "", invalid(field, "a text of 1 to %d bytes is expected", maxCallID)
	}
	return *v, nil
}
