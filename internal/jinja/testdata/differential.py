#!/usr/bin/env python3
"""differential.py DIR...: renders every chat template under the directories for the forty conversations, by transformers, and writes
what came out as JSON lines: {"template", "name", "request", "want" or "error"}. For HELIX_TEMPLATES: see docs/CONTRIBUTING.md."""
import hashlib
import json
import os
import sys

from conversations import conversations
from transformers.utils import chat_template_utils
from truth import render

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def templates(top):
    for folder, _, files in sorted(os.walk(top)):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.endswith(".jinja"):
                yield path, open(path, newline="").read()
            elif name.endswith("tokenizer_config.json"):
                t = json.load(open(path)).get("chat_template")
                if isinstance(t, str):
                    yield path, t
                for named in t if isinstance(t, list) else []:
                    yield path + ":" + named["name"], named["template"]
            elif name == "cases.json":
                for case in json.load(open(path)):
                    if isinstance(case, dict) and "template" in case:
                        yield path + ":" + case.get("name", ""), case["template"]


def main():
    seen = set()
    for top in sys.argv[1:]:
        for path, template in templates(top):
            digest = hashlib.sha256(template.encode()).digest()
            if digest in seen or "attacks" in path:
                continue
            seen.add(digest)
            for c in conversations():
                more = c["more"]
                request = {"messages": c["messages"], "tools": c["tools"], "documents": more.get("documents"),
                           "add_generation_prompt": more.get("add_generation_prompt", True), **more.get("variables", {})}
                messages = json.loads(json.dumps(c["messages"]))
                messages = [{k: v for k, v in m.items() if v is not None} for m in messages]
                variables = {**TOKENS, **request, "messages": chat_template_utils._alias_reasoning_fields(messages)}
                result = render(template, variables)
                if not messages:  # refused before the template is asked
                    result = {"error": "empty"}
                json.dump({"template": template, "path": path, "name": c["name"], "request": {
                    "messages": c["messages"], "tools": c["tools"], "documents": more.get("documents"),
                    "add_generation_prompt": more.get("add_generation_prompt", True), "variables": {**TOKENS, **more.get("variables", {})}}, **result}, sys.stdout)
                print()


main()
