import assert from 'node:assert/strict'
import OpenAI from 'openai'
import { checkPerson, key, long, model, person, url } from './ask.mjs'

const client = new OpenAI({ baseURL: url + '/v1', apiKey: key, maxRetries: 0 })
const ask = { model, messages: [{ role: 'user', content: 'Tell me of dogs' }], seed: 5 }

const whole = await client.chat.completions.create({ ...ask, max_tokens: 16 })
const text = whole.choices[0].message.content
assert.ok(text && whole.usage.completion_tokens === 16)

let streamed = ''
for await (const chunk of await client.chat.completions.create({ ...ask, max_tokens: 16, stream: true })) streamed += chunk.choices[0]?.delta?.content ?? ''
assert.equal(streamed, text)

const formed = await client.chat.completions.create({ ...ask, max_tokens: 400, response_format: { type: 'json_schema', json_schema: { name: 'person', schema: person } } })
checkPerson(JSON.parse(formed.choices[0].message.content))

const tools = [{ type: 'function', function: { name: 'note', parameters: person } }]
const called = await client.chat.completions.stream({ ...ask, max_tokens: 400, tools, tool_choice: { type: 'function', function: { name: 'note' } } }).finalChatCompletion()
assert.equal(called.choices[0].message.tool_calls[0].function.name, 'note')
checkPerson(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments))

const first = await client.responses.create({ model, input: 'Tell me of dogs', max_output_tokens: 16, seed: 5 })
let told = ''
for await (const e of client.responses.stream({ model, input: 'Tell me of dogs', max_output_tokens: 16, seed: 5 })) if (e.type === 'response.output_text.delta') told += e.delta
assert.equal(told, first.output_text)
assert.ok((await client.responses.create({ model, input: 'And cats?', previous_response_id: first.id, max_output_tokens: 4, seed: 5 })).output_text)

const vectors = await client.embeddings.create({ model, input: ['A dog', 'A cat'] })
assert.ok(vectors.data.length === 2 && Math.abs(vectors.data[1].embedding.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-3)
await assert.rejects(client.chat.completions.create({ ...ask, messages: [{ role: 'user', content: long }] }), { status: 400, code: 'context_length_exceeded' })
await assert.rejects(client.withOptions({ apiKey: 'wrong' }).models.list(), { status: 401 })
