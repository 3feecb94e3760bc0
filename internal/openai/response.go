package openai

// Completion is an answer to a request of either kind.
type Completion struct {
	ID          string   `json:"id"`
	Object      string   `json:"object"`
	Created     int64    `json:"created"` // seconds since 1970
	Model       string   `json:"model"`
	Choices     []Choice `json:"choices"`
	Usage       Usage    `json:"usage"`
	Fingerprint *string  `json:"system_fingerprint"` // always null
}

// Choice is a text that answers: Message in a chat, Text elsewhere.
type Choice struct {
	Index        int      `json:"index"`
	Message      *Reply   `json:"message,omitempty"`
	Text         *string  `json:"text,omitempty"`
	Logprobs     *float64 `json:"logprobs"` // always null
	FinishReason string   `json:"finish_reason"`
}

// Reply is the message of a choice.
type Reply struct {
	Role    string  `json:"role"`
	Content string  `json:"content"`
	Refusal *string `json:"refusal"` // always null
}

// Usage counts tokens.
type Usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

// NewCompletion returns the answer to a request of a kind. id is what makes it unique.
func NewCompletion(kind Kind, id, text, finish string, usage Usage) *Completion {
	usage.Total = usage.Prompt + usage.Completion
	c := &Completion{Choices: []Choice{{FinishReason: finish}}, Usage: usage}
	if kind == ChatCompletions {
		c.ID, c.Object = "chatcmpl-"+id, "chat.completion"
		c.Choices[0].Message = &Reply{Role: "assistant", Content: text}
	} else {
		c.ID, c.Object = "cmpl-"+id, "text_completion"
		c.Choices[0].Text = &text
	}
	return c
}
