// Package anthropic reads and writes what Anthropic's API calls messages (the reference at docs.anthropic.com, as of 2025): a request becomes
// the one that a chat of OpenAI's API is, an answer is written from what a model says.
//
// A field that would change the answer and is not done is refused by name, null is as if it were absent, and unknown fields are passed over.
package anthropic
