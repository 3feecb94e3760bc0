import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would be fetched
import litellm

from ask import KEY, LONG, MODEL, PERSON, URL, check_person, expect

litellm.telemetry = False
ASK = {"model": "openai/" + MODEL, "api_base": URL + "/v1", "api_key": KEY, "messages": [{"role": "user", "content": "Tell me of dogs"}], "seed": 5, "max_retries": 0}

whole = litellm.completion(max_tokens=16, **ASK)
text = whole.choices[0].message.content
assert text and whole.usage.completion_tokens == 16, whole
assert "".join(c.choices[0].delta.content or "" for c in litellm.completion(max_tokens=16, stream=True, **ASK)) == text

formed = litellm.completion(max_tokens=400, response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}, **ASK)
check_person(json.loads(formed.choices[0].message.content))

tool = {"type": "function", "function": {"name": "note", "parameters": PERSON}}
called = litellm.completion(max_tokens=400, tools=[tool], tool_choice={"type": "function", "function": {"name": "note"}}, **ASK)
check_person(json.loads(called.choices[0].message.tool_calls[0].function.arguments))

vectors = litellm.embedding(model="openai/" + MODEL, api_base=URL + "/v1", api_key=KEY, input=["A dog", "A cat"])
assert len(vectors.data) == 2
message = litellm.completion(model="anthropic/" + MODEL, api_base=URL, api_key=KEY, messages=ASK["messages"], max_tokens=16, temperature=0, max_retries=0)
assert message.choices[0].message.content and message.choices[0].finish_reason in ("length", "stop"), message

expect(litellm.ContextWindowExceededError, lambda: litellm.completion(**{**ASK, "messages": [{"role": "user", "content": LONG}]}))
expect(litellm.AuthenticationError, lambda: litellm.completion(**{**ASK, "api_key": "wrong"}))
