import assert from 'node:assert/strict'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { embedMany, generateText, jsonSchema, Output, streamText, tool } from 'ai'
import { checkPerson, key, long, model as name, person, url } from './ask.mjs'

const provider = createOpenAICompatible({ name: 'helix', baseURL: url + '/v1', apiKey: key, includeUsage: true, supportsStructuredOutputs: true })
const ask = { model: provider.chatModel(name), prompt: 'Tell me of dogs', seed: 5, maxRetries: 0 }

const whole = await generateText({ ...ask, maxOutputTokens: 16 })
assert.ok(whole.text && whole.usage.outputTokens === 16 && whole.finishReason === 'length')

let streamed = ''
const stream = streamText({ ...ask, maxOutputTokens: 16 })
for await (const piece of stream.textStream) streamed += piece
assert.equal(streamed, whole.text)
assert.equal((await stream.usage).outputTokens, 16)

const formed = await generateText({ ...ask, maxOutputTokens: 400, output: Output.object({ schema: jsonSchema(person) }) })
checkPerson(formed.output)

const tools = { note: tool({ description: 'Notes a person.', inputSchema: jsonSchema(person) }) }
const called = await generateText({ ...ask, maxOutputTokens: 400, tools, toolChoice: { type: 'tool', toolName: 'note' } })
checkPerson(called.toolCalls[0].input)
const calls = await streamText({ ...ask, maxOutputTokens: 400, tools, toolChoice: 'required' }).toolCalls
checkPerson(calls[0].input)

const vectors = await embedMany({ model: provider.textEmbeddingModel(name), values: ['A dog', 'A cat'] })
assert.equal(vectors.embeddings.length, 2)
await assert.rejects(generateText({ ...ask, prompt: long }), { statusCode: 400 })
