package openai

// Completion is an answer to a request of either kind.
type Completion struct {
	ID          string   `json:"id"`
	Object      string   `json:"object"`
	Created     int64    `json:"created"` // seconds since 1970
	Model       string   `json:"model"`
	Choices     []Choice `json:"choices"`
	Usage       Usage    `json:"usage"`
	Timings     *Timings `json:"timings,omitempty"`  // of a server's only answer
	Fingerprint *string  `json:"system_fingerprint"` // of a server: null in batches
}

// Choice is a text that answers: Message in a chat, Text elsewhere.
type Choice struct {
	Index        int     `json:"index"`
	Message      *Reply  `json:"message,omitempty"`
	Text         *string `json:"text,omitempty"`
	Logprobs     any     `json:"logprobs"` // *ChatLogProbs, *TextLogProbs, or null
	FinishReason string  `json:"finish_reason"`
}

// Reply is the message of a choice.
type Reply struct {
	Role      string      `json:"role"`
	Content   *string     `json:"content"` // null where there are only calls
	Reasoning string      `json:"reasoning_content,omitempty"`
	Calls     []ReplyCall `json:"tool_calls,omitempty"`
	Refusal   *string     `json:"refusal"` // always null
}

// ReplyCall is a call of a function, or what is new of one.
type ReplyCall struct {
	Index    *int          `json:"index,omitempty"` // of a delta
	ID       string        `json:"id,omitempty"`
	Type     string        `json:"type,omitempty"`
	Function ReplyFunction `json:"function"`
}

// ReplyFunction is the function that is called.
type ReplyFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// AddCall adds a call to a message.
func (r *Reply) AddCall(c Call) {
	if len(r.Calls) == 0 && *r.Content == "" {
		r.Content = nil
	}
	r.Calls = append(r.Calls, ReplyCall{ID: c.ID, Type: "function", Function: ReplyFunction{c.Name, c.Arguments}})
}

// Usage counts tokens.
type Usage struct {
	Prompt        int            `json:"prompt_tokens"`
	Completion    int            `json:"completion_tokens"`
	Total         int            `json:"total_tokens"`
	PromptDetails *PromptDetails `json:"prompt_tokens_details,omitempty"`
}

// PromptDetails, of answers of a server alone, says of how many of a prompt's tokens keys and values were there already.
type PromptDetails struct {
	Cached int `json:"cached_tokens"`
}

// NewCompletion returns the answer to a request of a kind, without choices. id is what makes it unique.
func NewCompletion(kind Kind, id string, usage Usage) *Completion {
	usage.Total = usage.Prompt + usage.Completion
	c := &Completion{ID: "cmpl-" + id, Object: "text_completion", Usage: usage}
	if kind == ChatCompletions {
		c.ID, c.Object = "chatcmpl-"+id, "chat.completion"
	}
	return c
}

// Add adds a choice, which ended for the reason given, and returns it, until the next is added.
func (c *Completion) Add(kind Kind, text, finish string, logprobs any) *Choice {
	choice := Choice{Index: len(c.Choices), Logprobs: logprobs, FinishReason: finish}
	if kind == ChatCompletions {
		choice.Message = &Reply{Role: "assistant", Content: &text}
	} else {
		choice.Text = &text
	}
	c.Choices = append(c.Choices, choice)
	return &c.Choices[len(c.Choices)-1]
}

// Chunk is a piece of an answer that is streamed.
type Chunk struct {
	ID          string        `json:"id"`
	Object      string        `json:"object"`
	Created     int64         `json:"created"` // seconds since 1970
	Model       string        `json:"model"`
	Choices     []ChunkChoice `json:"choices"`
	Usage       *Usage        `json:"usage,omitempty"` // of the last, if it was asked for
	Timings     *Timings      `json:"timings,omitempty"`
	Fingerprint *string       `json:"system_fingerprint"`
	Receipt     string        `json:"helix_receipt,omitempty"` // of the text whose last piece this is
}

// ChunkChoice is a piece of one of the texts: Delta in a chat, Text elsewhere.
type ChunkChoice struct {
	Index        int     `json:"index"`
	Delta        *Delta  `json:"delta,omitempty"`
	Text         *string `json:"text,omitempty"`
	Logprobs     any     `json:"logprobs"`
	FinishReason *string `json:"finish_reason"` // of the text's last piece
}

// Delta is what is new of a message.
type Delta struct {
	Role      string      `json:"role,omitempty"`    // in the first
	Content   any         `json:"content,omitempty"` // a *string; of the first null
	Reasoning string      `json:"reasoning_content,omitempty"`
	Calls     []ReplyCall `json:"tool_calls,omitempty"`
}

// Begin says that a message of the assistant's begins.
func (d *Delta) Begin() { d.Role, d.Content = "assistant", (*string)(nil) }

// BeginCall says that the call with this number begins.
func (d *Delta) BeginCall(index int, id, name string) {
	d.Calls = append(d.Calls, ReplyCall{Index: &index, ID: id, Type: "function", Function: ReplyFunction{Name: name}})
}

// AddArguments adds a piece of a call's arguments.
func (d *Delta) AddArguments(index int, piece string) {
	d.Calls = append(d.Calls, ReplyCall{Index: &index, Function: ReplyFunction{Arguments: piece}})
}

// NewChunk returns a piece of the answer to a request of a kind, without choices.
func NewChunk(kind Kind, id string) *Chunk {
	if kind == ChatCompletions {
		return &Chunk{ID: "chatcmpl-" + id, Object: "chat.completion.chunk", Choices: []ChunkChoice{}}
	}
	return &Chunk{ID: "cmpl-" + id, Object: "text_completion", Choices: []ChunkChoice{}}
}

// Add adds a piece of the answer with this number, and returns it, until the next is added; finish is empty but for its last.
func (c *Chunk) Add(kind Kind, number int, finish string, logprobs any) *ChunkChoice {
	choice := ChunkChoice{Index: number, Logprobs: logprobs}
	if kind == ChatCompletions {
		choice.Delta = &Delta{}
	}
	if finish != "" {
		choice.FinishReason = &finish
	}
	c.Choices = append(c.Choices, choice)
	return &c.Choices[len(c.Choices)-1]
}

// SetText says what is new of the text.
func (c *ChunkChoice) SetText(piece string) {
	if c.Delta != nil {
		c.Delta.Content = &piece
	} else {
		c.Text = &piece
	}
}

// ChatLogProbs are the chances of a chat's tokens.
type ChatLogProbs struct {
	Content []TokenLogProb `json:"content"`
	Refusal *string        `json:"refusal"` // always null
}

// TokenLogProb is the chance of a token, and those of the likeliest in its place.
type TokenLogProb struct {
	Token   string         `json:"token"`
	LogProb float64        `json:"logprob"`
	Bytes   []int          `json:"bytes"`
	Top     []TokenLogProb `json:"top_logprobs,omitempty"`
}

// TextLogProbs are the chances of a completion's tokens.
type TextLogProbs struct {
	Tokens   []string             `json:"tokens"`
	LogProbs []float64            `json:"token_logprobs"`
	Top      []map[string]float64 `json:"top_logprobs"`
	Offsets  []int                `json:"text_offset"` // in characters
}
