import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from ask import KEY, LONG, MODEL, PERSON, URL, check_person, expect

SERVER = {"model": MODEL, "base_url": URL + "/v1", "api_key": KEY, "max_retries": 0}
short = ChatOpenAI(**SERVER, seed=5, max_tokens=16)
longer = ChatOpenAI(**SERVER, seed=5, max_tokens=400)
ASK = [HumanMessage("Tell me of dogs")]

whole = short.invoke(ASK)
assert whole.content and whole.usage_metadata["output_tokens"] == 16, whole
assert "".join(chunk.content for chunk in short.stream(ASK)) == whole.content

check_person(longer.with_structured_output({"title": "person", **PERSON}, method="json_schema").invoke(ASK))

tools = longer.bind_tools([{"name": "note", "description": "Notes a person.", "parameters": PERSON}], tool_choice="note")
called = tools.invoke(ASK)
assert called.tool_calls[0]["name"] == "note", called
check_person(called.tool_calls[0]["args"])
assert short.invoke([*ASK, called, ToolMessage("done", tool_call_id=called.tool_calls[0]["id"])]).content

vectors = OpenAIEmbeddings(**SERVER, check_embedding_ctx_length=False).embed_documents(["A dog", "A cat"])
assert len(vectors) == 2 and abs(sum(x * x for x in vectors[1]) - 1) < 1e-3
expect(openai.BadRequestError, lambda: short.invoke(LONG))
