// Asks a server by openai-go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

var person = map[string]any{
	"type": "object",
	"properties": map[string]any{
		"name": map[string]any{"type": "string", "maxLength": 12},
		"age":  map[string]any{"type": "integer", "minimum": 1, "maximum": 99},
	},
	"required": []string{"name", "age"}, "additionalProperties": false,
}

func must(ok bool, v ...any) {
	if !ok {
		log.Panic(v...)
	}
}

func checkPerson(text string) {
	var v struct {
		Name string
		Age  int
	}
	err := json.Unmarshal([]byte(text), &v)
	must(err == nil && len(v.Name) <= 48 && v.Age >= 1 && v.Age <= 99, text, err)
}

func main() {
	ctx := context.Background()
	client := openai.NewClient(option.WithBaseURL(os.Getenv("HELIX_URL")+"/v1"), option.WithAPIKey(os.Getenv("HELIX_KEY")), option.WithMaxRetries(0))
	ask := func(tokens int64) openai.ChatCompletionNewParams {
		return openai.ChatCompletionNewParams{
			Model: "demo", Seed: openai.Int(5), MaxTokens: openai.Int(tokens), Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Tell me of dogs")},
		}
	}

	whole, err := client.Chat.Completions.New(ctx, ask(16))
	must(err == nil, err)
	text := whole.Choices[0].Message.Content
	must(text != "" && whole.Usage.CompletionTokens == 16, whole)

	stream := client.Chat.Completions.NewStreaming(ctx, ask(16))
	all := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		must(all.AddChunk(stream.Current()), "a chunk does not fit")
	}
	must(stream.Err() == nil && all.Choices[0].Message.Content == text, stream.Err())

	form := ask(400)
	form.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{
		OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "person", Schema: person}},
	}
	formed, err := client.Chat.Completions.New(ctx, form)
	must(err == nil, err)
	checkPerson(formed.Choices[0].Message.Content)

	tools := ask(400)
	tools.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "note", Parameters: person})}
	tools.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "note"})
	called, err := client.Chat.Completions.New(ctx, tools)
	must(err == nil, err)
	checkPerson(called.Choices[0].Message.ToolCalls[0].Function.Arguments)

	asks := responses.ResponseNewParams{Model: "demo", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Tell me of dogs")}, MaxOutputTokens: openai.Int(16)}
	response, err := client.Responses.New(ctx, asks, option.WithJSONSet("seed", 5))
	must(err == nil && response.OutputText() != "", err)
	events := client.Responses.NewStreaming(ctx, asks, option.WithJSONSet("seed", 5))
	var told strings.Builder
	for events.Next() {
		if e := events.Current(); e.Type == "response.output_text.delta" {
			told.WriteString(e.Delta)
		}
	}
	must(events.Err() == nil && told.String() == response.OutputText(), events.Err())

	vectors, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: "demo", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"A dog", "A cat"}}})
	must(err == nil && len(vectors.Data) == 2, err)

	long := ask(4)
	long.Messages[0] = openai.UserMessage(strings.Repeat("dog ", 3000))
	_, err = client.Chat.Completions.New(ctx, long)
	refused := new(openai.Error)
	must(errors.As(err, &refused) && refused.StatusCode == 400 && refused.Code == "context_length_exceeded", err)
}
