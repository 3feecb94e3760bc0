package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/helix-substrate/helix-substrate/internal/strictjson"
)

// BatchLine is a line of a batch file.
type BatchLine struct {
	CustomID string          `json:"custom_id"`
	Method   string          `json:"method"`
	URL      Kind            `json:"url"`
	Body     json.RawMessage `json:"body"`
}

// maxCustomID is how many bytes a custom_id may have.
const maxCustomID = 512

// ErrLine reports a line of a batch file that is none.
var ErrLine = errors.New("not a line of a batch")

// ParseBatchLine reads a line. Errors are ErrLine; where the custom_id could be read, the
// line has it all the same.
func ParseBatchLine(text []byte) (line BatchLine, err error) {
	if err := strictjson.Unmarshal(text, &line, ErrLine); err != nil {
		line = BatchLine{}
		var id struct {
			CustomID string `json:"custom_id"`
		}
		known := strictjson.UnmarshalOpen(text, &id, ErrLine) == nil && len(id.CustomID) <= maxCustomID
		if known && !strings.ContainsRune(id.CustomID, utf8.RuneError) { // which half a surrogate pair became
			line.CustomID = id.CustomID
		}
		return line, err
	}
	switch {
	case line.CustomID == "":
		return line, fmt.Errorf("custom_id is missing: %w", ErrLine)
	case len(line.CustomID) > maxCustomID:
		line.CustomID = ""
		return line, fmt.Errorf("custom_id has more than %d bytes: %w", maxCustomID, ErrLine)
	case line.Method != "POST":
		return line, fmt.Errorf("method %.20q is not POST: %w", line.Method, ErrLine)
	case line.Body == nil || string(line.Body) == "null":
		return line, fmt.Errorf("body is missing: %w", ErrLine)
	}
	return line, nil
}

// BatchAnswer is a line of the file that answers a batch.
type BatchAnswer struct {
	ID       string         `json:"id"`
	CustomID *string        `json:"custom_id"` // null where the line had none
	Response *BatchResponse `json:"response"`
	Error    *BatchError    `json:"error"`
}

// BatchResponse is what the request would have got over HTTP.
type BatchResponse struct {
	Status    int    `json:"status_code"`
	RequestID string `json:"request_id"`
	Body      any    `json:"body"`
}

// BatchError says why a line could not be taken for a request.
type BatchError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
