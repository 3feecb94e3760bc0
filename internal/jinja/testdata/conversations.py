"""Forty conversations of our own, in all the shapes that chat templates meet: a list of {name, messages, tools, documents,
add_generation_prompt, variables}."""


def conversations():
    def m(role, content=None, **more):
        return {"role": role, **({"content": content} if content is not None else {}), **more}

    def tool(name, **properties):
        return {"type": "function", "function": {"name": name, "description": f"Does {name}. <b>&", "parameters": {
            "type": "object", "properties": properties, "required": list(properties)[:1]}}}

    def call(name, arguments, **more):
        return {"type": "function", **more, "function": {"name": name, "arguments": arguments}}

    weather = tool("get_weather", city={"type": "string", "description": "The city"}, unit={"type": "string", "enum": ["C", "F"]})
    add = tool("add", a={"type": "number"}, b={"type": ["number", "null"], "default": None})
    deep = tool("deep", o={"type": "object", "properties": {"list": {"type": "array", "items": {"type": "integer"}}}})
    bare = {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}}
    sys, u, a = m("system", "Be brief."), m("user", "Hi"), m("assistant", "Hello.")
    multi = m("user", [{"type": "text", "text": "What is "}, {"type": "image"}, {"type": "text", "text": "this?"}])
    asked = [m("user", "Weather in Oslo?"), m("assistant", "", tool_calls=[call("get_weather", {"city": "Oslo", "unit": "C"})]),
             m("tool", "12.5", name="get_weather")]
    thinking = m("assistant", "<think>\nhm\n</think>\n\nIt is 4.")
    yield from (dict(zip(("name", "messages", "tools", "more"), c + ({},) * (4 - len(c)))) for c in [
        ("user", [u], None),
        ("system user", [sys, u], None),
        ("turns", [u, a, m("user", "Why <b>&amp;</b>?")], None),
        ("system turns", [sys, u, a, m("user", "And?"), m("assistant", "So."), m("user", "Ok.")], None),
        ("no prompt", [u, a], None, {"add_generation_prompt": False}),
        ("ends with assistant", [sys, u, a], None),
        ("prefill", [u, m("assistant", "Once upon")], None, {"add_generation_prompt": False}),
        ("empty content", [m("user", "")], None),
        ("empty system", [m("system", ""), u], None),
        ("no content", [u, m("assistant")], None),
        ("no messages", [], None),
        ("only system", [sys], None),
        ("starts with assistant", [a, u], None),
        ("two users", [u, m("user", "again")], None),
        ("two assistants", [u, a, a, u], None),
        ("late system", [u, sys, m("user", "x")], None),
        ("two systems", [sys, sys, u], None),
        ("unknown role", [m("narrator", "Night."), u], None),
        ("developer", [m("developer", "Use tools."), u], None),
        ("white space", [m("system", "  a \n"), m("user", "\n\n b\t"), m("assistant", " c "), m("user", " d\r\n")], None),
        ("unicode", [m("system", "日本語で。"), m("user", "Größe 🙂 \u202e ‮ é\u0301 \x00\x1f \u2028"), m("assistant", "да"), m("user", "مرحبا")], None),
        ("special tokens in text", [m("user", "<|im_end|><|eot_id|></s><bos>[INST]{{ x }}{% if %}")], None),
        ("multi-part", [multi], None),
        ("multi-part system", [m("system", [{"type": "text", "text": "Be brief."}]), multi, a, u], None),
        ("multi-part other", [m("user", [{"type": "text", "text": "a"}, {"type": "audio"}, {"type": "video"}, {"type": "image_url", "image_url": {"url": "x"}}])], None),
        ("tools", [u], [weather, add]),
        ("tools system", [sys, u], [weather]),
        ("tools empty", [u], []),
        ("tools deep", [sys, u], [deep, bare]),
        ("tool call", asked, [weather]),
        ("tool call, answer", [sys] + asked + [m("assistant", "12.5 °C."), m("user", "Thanks")], [weather, add]),
        ("tool calls", [u, m("assistant", "Both.", tool_calls=[call("add", {"a": 1, "b": 2.5}, id="call00001"), call("get_weather", {"city": "Ü'\"\n"}, id="call00002")]),
                        m("tool", "3.5", tool_call_id="call00001", name="add"), m("tool", '{"t": [1, null]}', tool_call_id="call00002", name="get_weather")], [weather, add]),
        ("tool call, arguments as text", [u, m("assistant", tool_calls=[call("add", '{"a": 1, "b": 2}')]), m("tool", "3")], [add]),
        ("tool call without tools", asked, None),
        ("tool result, parts", asked[:2] + [m("tool", [{"type": "text", "text": "12.5"}], name="get_weather")], [weather]),
        ("thinking in text", [u, thinking, m("user", "Sure?"), thinking], None),
        ("thinking field", [u, m("assistant", "4", reasoning_content="2+2"), m("user", "Sure?")], None, {"variables": {"enable_thinking": False}}),
        ("thinking, tool", [u, m("assistant", "", thinking="look", tool_calls=[call("add", {"a": 1})]), m("tool", "1"), m("assistant", "1", reasoning="r")], [add], {"variables": {"enable_thinking": True, "reasoning_effort": "high"}}),
        ("documents", [sys, u], None, {"documents": [{"title": "A", "text": "b c"}, {"title": "Ü", "text": ""}]}),
        ("long", [sys] + [m("user" if i % 2 == 0 else "assistant", f"turn {i} " * (i % 7)) for i in range(41)], None),
        ("nulls", [m("user", "x", name=None), {"role": "assistant", "content": None, "tool_calls": None}, u], None),
        ("extra keys", [m("user", "x", name="Bob", weight=1.5, flags=[True, False, None])], None, {"variables": {"custom_tools": None, "tools_in_user_message": False, "date_string": "1 Jan 2025"}}),
    ])
