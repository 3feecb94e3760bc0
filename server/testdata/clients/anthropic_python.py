import anthropic

from ask import KEY, LONG, MODEL, PERSON, URL, check_person, expect

client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
ASK = {"model": MODEL, "system": "Be brief.", "messages": [{"role": "user", "content": "Tell me of dogs"}], "extra_body": {"seed": 5}}
TOOLS = [{"name": "note", "description": "Notes a person.", "input_schema": PERSON}]

whole = client.messages.create(max_tokens=16, **ASK)
text = whole.content[0].text
assert text and whole.stop_reason == "max_tokens" and whole.usage.output_tokens == 16, whole

with client.messages.stream(max_tokens=16, **ASK) as events:
    assert "".join(events.text_stream) == text
    assert events.get_final_message().usage.output_tokens == 16

stopped = client.messages.create(max_tokens=16, stop_sequences=[text[8:12]], **ASK)
assert stopped.stop_reason == "stop_sequence" and stopped.stop_sequence == text[8:12] and stopped.content[0].text == text[: text.index(text[8:12])], stopped

forced = {"tools": TOOLS, "tool_choice": {"type": "tool", "name": "note", "disable_parallel_tool_use": True}, "max_tokens": 400}
called = client.messages.create(**forced, **ASK)
call = called.content[-1]
assert called.stop_reason == "tool_use" and call.type == "tool_use" and call.name == "note", called
check_person(call.input)
with client.messages.stream(**forced, **ASK) as events:
    for _ in events:
        pass
    check_person(events.get_final_message().content[-1].input)
answer = [*ASK["messages"], {"role": "assistant", "content": called.content}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "done"}]}]
assert client.messages.create(model=MODEL, max_tokens=4, messages=answer, tools=TOOLS, tool_choice={"type": "none"}, extra_body={"seed": 5}).content[0].text

count = client.messages.count_tokens(model=MODEL, system="Be brief.", messages=ASK["messages"])
assert count.input_tokens == whole.usage.input_tokens, count
assert "max_tokens" in str(expect(anthropic.BadRequestError, lambda: client.messages.create(max_tokens=0, **ASK)))
expect(anthropic.BadRequestError, lambda: client.messages.create(model=MODEL, max_tokens=4, messages=[{"role": "user", "content": LONG}]))
expect(anthropic.NotFoundError, lambda: client.messages.create(model="other", max_tokens=4, messages=ASK["messages"]))
expect(anthropic.AuthenticationError, lambda: client.with_options(api_key="wrong").messages.create(max_tokens=4, **ASK))
