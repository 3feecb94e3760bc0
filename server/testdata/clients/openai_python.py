import json

import openai

from ask import KEY, LONG, MODEL, PERSON, URL, check_person, expect

client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0)
ASK = [{"role": "user", "content": "Tell me of dogs"}]
TOOL = {"type": "function", "function": {"name": "note", "description": "Notes a person.", "parameters": PERSON}}

whole = client.chat.completions.create(model=MODEL, messages=ASK, seed=5, max_completion_tokens=16)
text = whole.choices[0].message.content
assert text and whole.usage.completion_tokens == 16 and whole.choices[0].finish_reason == "length", whole

chunks = list(client.chat.completions.create(model=MODEL, messages=ASK, seed=5, max_tokens=16, stream=True, stream_options={"include_usage": True}))
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text and chunks[-1].usage.completion_tokens == 16, chunks

formed = client.chat.completions.create(
    model=MODEL, messages=ASK, seed=5, max_tokens=400, response_format={"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": PERSON}}
)
check_person(json.loads(formed.choices[0].message.content))

called = client.chat.completions.create(model=MODEL, messages=ASK, seed=5, max_tokens=400, tools=[TOOL], tool_choice={"type": "function", "function": {"name": "note"}})
call = called.choices[0].message.tool_calls[0]
assert call.function.name == "note" and called.choices[0].finish_reason in ("tool_calls", "stop"), called
check_person(json.loads(call.function.arguments))
with client.chat.completions.stream(model=MODEL, messages=ASK, seed=5, max_tokens=400, tools=[TOOL], tool_choice="required", parallel_tool_calls=False) as events:
    for _ in events:
        pass
    streamed = events.get_final_completion().choices[0].message.tool_calls
assert len(streamed) == 1 and streamed[0].function.name == "note", streamed
check_person(json.loads(streamed[0].function.arguments))
answer = [*ASK, called.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "done"}]
assert client.chat.completions.create(model=MODEL, messages=answer, seed=5, tools=[TOOL], max_tokens=4, tool_choice="none").choices[0].message.content

first = client.responses.create(model=MODEL, input="Tell me of dogs", instructions="Be brief.", max_output_tokens=16, extra_body={"seed": 5})
assert first.output_text and first.status == "incomplete" and first.usage.output_tokens == 16, first
second = client.responses.create(model=MODEL, input="And cats?", previous_response_id=first.id, max_output_tokens=16, extra_body={"seed": 5})
assert second.output_text and second.previous_response_id == first.id, second
with client.responses.stream(model=MODEL, input="Tell me of dogs", instructions="Be brief.", max_output_tokens=16, extra_body={"seed": 5}) as events:
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
assert "".join(deltas) == first.output_text, deltas
formed = client.responses.create(model=MODEL, input="Who?", max_output_tokens=400, extra_body={"seed": 5}, text={"format": {"type": "json_schema", "name": "person", "schema": PERSON}})
check_person(json.loads(formed.output_text))
called = client.responses.create(
    model=MODEL, input="Who?", max_output_tokens=400, extra_body={"seed": 5}, tools=[{"type": "function", "name": "note", "parameters": PERSON, "strict": True}], tool_choice={"type": "function", "name": "note"}
)
call = next(i for i in called.output if i.type == "function_call")
check_person(json.loads(call.arguments))
after = client.responses.create(model=MODEL, previous_response_id=called.id, input=[{"type": "function_call_output", "call_id": call.call_id, "output": "done"}], max_output_tokens=4, extra_body={"seed": 5})
assert after.output_text, after
assert client.responses.retrieve(first.id).output_text == first.output_text
client.responses.delete(first.id)
expect(openai.NotFoundError, lambda: client.responses.retrieve(first.id))

vectors = client.embeddings.create(model=MODEL, input=["A dog", "A cat"])
assert len(vectors.data) == 2 and abs(sum(x * x for x in vectors.data[1].embedding) - 1) < 1e-3
assert [m.id for m in client.models.list()] == [MODEL]

assert client.completions.create(model=MODEL, prompt="Once upon", seed=5, max_tokens=4).choices[0].text
assert expect(openai.BadRequestError, lambda: client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": LONG}])).code == "context_length_exceeded"
assert expect(openai.BadRequestError, lambda: client.responses.create(model=MODEL, input="x", background=True)).param == "background"
expect(openai.NotFoundError, lambda: client.chat.completions.create(model="other", messages=ASK))
expect(openai.AuthenticationError, lambda: client.with_options(api_key="wrong").models.list())
