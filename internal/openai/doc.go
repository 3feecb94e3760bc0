// Package openai reads and writes what OpenAI's API calls chat completions, responses and
// completions, in requests over HTTP and in batch files (the reference at
// platform.openai.com/docs/api-reference, as of 2025).
//
// Requests are read strictly: a field that would change the result and is not supported is
// refused by name, one that cannot change it is accepted, and null is as if it were absent.
package openai
