package openai

import (
	"fmt"
	"strings"
)

// Error is an error in the API's form. Param is the field that it is about.
type Error struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`

	Status int `json:"-"` // of HTTP
}

// ErrorBody is what a response with an error has as its body.
type ErrorBody struct {
	Error *Error `json:"error"`
}

func (e *Error) Error() string { return e.Message }

// The types of errors, and codes.
const (
	invalidRequest = "invalid_request_error"
	serverError    = "server_error"

	CodeContext     = "context_length_exceeded"
	CodeUnknown     = "unknown_parameter"
	CodeUnsupported = "unsupported_parameter"
	CodeInvalid     = "invalid_value"
	CodeMissing     = "missing_required_parameter"
)

// maxText is how many bytes of a request an error repeats, as its parameter or in its
// message: a request may be all name.
const maxText = 1000

// cut cuts a text off where it is long.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// Invalid returns the error of a field; param may be empty.
func Invalid(param, code, format string, args ...any) *Error {
	e := &Error{Message: cut(fmt.Sprintf(format, args...)), Type: invalidRequest, Status: 400}
	if param = cut(param); param != "" {
		e.Param = &param
	}
	if code != "" {
		e.Code = &code
	}
	return e
}

// Failed returns the error of a request that was right and could not be answered.
func Failed(err error) *Error {
	return &Error{Message: err.Error(), Type: serverError, Status: 500}
}
