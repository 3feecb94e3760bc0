package openai

// Response answers a request for one.
type Response struct {
	ID         string         `json:"id"`
	Object     string         `json:"object"`     // response
	CreatedAt  int64          `json:"created_at"` // seconds since 1970
	Status     ResponseStatus `json:"status"`
	Background bool           `json:"background"` // always false
	Error      *ResponseError `json:"error"`
	Incomplete *Incomplete    `json:"incomplete_details"`
	Model      string         `json:"model"`
	Output     []OutputItem   `json:"output"`
	Usage      *ResponseUsage `json:"usage"` // once it has ended
	ResponseSettings
}

// ResponseStatus is how far a response, or an item of it, is.
type ResponseStatus string

// The states.
const (
	StatusInProgress ResponseStatus = "in_progress"
	StatusCompleted  ResponseStatus = "completed"
	StatusIncomplete ResponseStatus = "incomplete" // it was cut off
	StatusFailed     ResponseStatus = "failed"
)

// ResponseError says why a response failed.
type ResponseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Incomplete says why a response was cut off.
type Incomplete struct {
	Reason string `json:"reason"` // max_output_tokens
}

// ResponseUsage counts tokens.
type ResponseUsage struct {
	Input         int           `json:"input_tokens"`
	InputDetails  PromptDetails `json:"input_tokens_details"`
	Output        int           `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int `json:"total_tokens"`
}

// Message returns what the response says as a message of the conversation, without a call that was cut off.
func (r *Response) Message() Message {
	m := Message{Role: "assistant"}
	for _, item := range r.Output {
		switch {
		case item.Type == ItemReasoning:
			m.Reasoning += item.text()
		case item.Type == ItemMessage:
			m.Content += item.text()
		case item.Status == StatusCompleted:
			m.Calls = append(m.Calls, Call{item.CallID, item.Name, *item.Arguments})
		}
	}
	m.NoContent = m.Content == "" && m.Calls != nil
	return m
}

// OutputItem is what a response is made of: a message, reasoning, or a call of a function.
type OutputItem struct {
	Type   string         `json:"type"`
	ID     string         `json:"id"`
	Status ResponseStatus `json:"status"`

	Role    string         `json:"role,omitempty"`    // of a message
	Summary *[]ContentPart `json:"summary,omitempty"` // of reasoning: none
	Content *[]ContentPart `json:"content,omitempty"` // of a message and of reasoning

	CallID    string  `json:"call_id,omitempty"` // of a call, as what follows
	Name      string  `json:"name,omitempty"`
	Arguments *string `json:"arguments,omitempty"`
}

// The types of items, each with its parts' type.
const (
	ItemMessage   = "message"
	ItemReasoning = "reasoning"
	ItemCall      = "function_call"
)

// NewItem returns an item of a type, without content or arguments.
func NewItem(kind, id string) OutputItem {
	item := OutputItem{Type: kind, Status: StatusInProgress}
	switch kind {
	case ItemMessage:
		item.ID, item.Role, item.Content = "msg_"+id, "assistant", &[]ContentPart{}
	case ItemReasoning:
		item.ID, item.Summary, item.Content = "rs_"+id, &[]ContentPart{}, &[]ContentPart{}
	case ItemCall:
		item.ID, item.Arguments = "fc_"+id, new(string)
	}
	return item
}

func (i *OutputItem) text() string {
	all := ""
	for _, part := range *i.Content {
		all += part.Text
	}
	return all
}

// ContentPart is a piece of an item's content.
type ContentPart struct {
	Type        string          `json:"type"`
	Text        string          `json:"text"`
	Annotations *[]string       `json:"annotations,omitempty"` // of output_text: none
	LogProbs    *[]TokenLogProb `json:"logprobs,omitempty"`    // of output_text
}

// NewPart returns the part of an item of a type: its text, and the chances of its tokens, which may be nil.
func NewPart(kind, text string, chances []TokenLogProb) ContentPart {
	if kind == ItemReasoning {
		return ContentPart{Type: "reasoning_text", Text: text}
	}
	if chances == nil {
		chances = []TokenLogProb{}
	}
	return ContentPart{Type: "output_text", Text: text, Annotations: &[]string{}, LogProbs: &chances}
}

// ResponseEvent is what is new of a response that is streamed. What a type of event does not have is nil or empty.
type ResponseEvent struct {
	Type         string          `json:"type"`
	Sequence     int             `json:"sequence_number"`
	Response     *Response       `json:"response,omitempty"`
	OutputIndex  *int            `json:"output_index,omitempty"`
	ItemID       string          `json:"item_id,omitempty"`
	ContentIndex *int            `json:"content_index,omitempty"`
	Item         *OutputItem     `json:"item,omitempty"`
	Part         *ContentPart    `json:"part,omitempty"`
	Delta        *string         `json:"delta,omitempty"`
	Text         *string         `json:"text,omitempty"`
	LogProbs     *[]TokenLogProb `json:"logprobs,omitempty"`
	Name         string          `json:"name,omitempty"`
	Arguments    *string         `json:"arguments,omitempty"`
}
