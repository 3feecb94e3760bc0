package generate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
)

// ErrTemplate reports a chat template that is missing, cannot be read or refuses
// the conversation.
var ErrTemplate = errors.New("chat template")

// Message is a turn of a conversation. Role is "system", "user" or "assistant".
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// ChatTemplate writes conversations in a model's own form: the Jinja template of
// tokenizer_config.json, with the settings Hugging Face uses (blocks swallow the
// newline behind them and the blanks before them).
type ChatTemplate struct {
	template *exec.Template
	bos, eos string
}

// NewChatTemplate reads a template; bos and eos are the tokens it may name. The
// error, ErrTemplate, says what in it is not understood.
func NewChatTemplate(source, bos, eos string) (*ChatTemplate, error) {
	if source == "" {
		return nil, fmt.Errorf("%w: the model has none; use run without --chat", ErrTemplate)
	}
	c := config.New()
	c.TrimBlocks, c.LeftStripBlocks = true, true
	c.KeepTrailingNewline = false
	loader, err := loaders.NewMemoryLoader(map[string]string{"/chat": source})
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrTemplate, err)
	}
	environment := &exec.Environment{
		Filters:           builtins.Filters,
		ControlStructures: builtins.ControlStructures,
		Tests:             builtins.Tests,
		Context:           builtins.GlobalFunctions,
		Methods:           builtins.Methods,
	}
	t, err := exec.NewTemplate("/chat", c, loader, environment)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrTemplate, oneLine(err))
	}
	return &ChatTemplate{template: t, bos: bos, eos: eos}, nil
}

// Render writes a conversation and the opening of the assistant's next turn.
func (t *ChatTemplate) Render(messages []Message) (string, error) {
	list := make([]any, len(messages))
	for i, m := range messages {
		list[i] = map[string]any{"role": m.Role, "content": m.Content}
	}
	text, err := t.template.ExecuteToString(exec.NewContext(map[string]any{
		"messages":              list,
		"add_generation_prompt": true,
		"bos_token":             t.bos,
		"eos_token":             t.eos,
		"tools":                 nil,
		"raise_exception": func(e *exec.Evaluator, params *exec.VarArgs) *exec.Value {
			return exec.AsValue(errors.New(params.First().String()))
		},
	}))
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrTemplate, oneLine(err))
	}
	return text, nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
