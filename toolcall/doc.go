// Package toolcall knows the forms in which models write calls of functions, and what they think before an answer.
//
// What a model says is told as events, whatever the form: pieces of its text and of its reasoning, and calls, each of which begins with a
// function's name, goes on with its arguments, which together are a JSON object, and ends.
package toolcall
