"""train.py OUT_DIR TEXT... [--seconds 720 --batch 16 --layers 4]: a Llama-like model of 512 columns, trained from nothing on the texts.

The k-quants of llama.cpp need rows of a multiple of 256 weights, which few models small enough to be at hand have. One
thread, so many seconds of processor time, seeded; a Hugging Face directory in BF16 comes out.
"""
import argparse
import math
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

VOCAB, CONTEXT = 4096, 256
BOS, EOS = "<|bos|>", "<|eos|>"


def byte_pairs(files):
    """A byte-level BPE tokenizer of the files, of GPT-2's kind."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train(files, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[BOS, EOS], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    return PreTrainedTokenizerFast(tokenizer_object=t, bos_token=BOS, eos_token=EOS, model_max_length=512)


def train(model, ids, seconds, batch):
    begin = time.process_time()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0, betas=(0.9, 0.95), weight_decay=0.1)
    step = 0
    while (share := (time.process_time() - begin) / seconds) < 1:
        # a warm-up, then half a cosine wave down to a tenth
        rate = 1.5e-3 * math.sqrt(batch / 16) * min(1, share / 0.02) * (0.55 + 0.45 * math.cos(math.pi * share))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(ids) - CONTEXT, (batch,))
        windows = torch.stack([ids[i:i + CONTEXT] for i in starts])
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(windows, labels=windows).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 20 == 0:
            print(f"{share:6.1%}  step {step}  loss {loss.item():.3f}", flush=True)
        step += 1


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("out")
    p.add_argument("texts", nargs="+")
    p.add_argument("--seconds", type=float, default=720)
    p.add_argument("--batch", type=int, default=16, help="windows of a step: fewer where there are few seconds")
    p.add_argument("--layers", type=int, default=4)
    a = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    tokenizer = byte_pairs(a.texts)
    ids = torch.tensor([i for f in a.texts for i in tokenizer.encode(open(f, encoding="utf-8").read())])
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCAB, hidden_size=512, intermediate_size=1536, num_hidden_layers=a.layers, num_attention_heads=8, num_key_value_heads=4,
        max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=0, eos_token_id=1))
    print(f"{model.num_parameters() / 1e6:.1f} M parameters, {len(ids)} tokens of text", flush=True)
    train(model, ids, a.seconds, a.batch)
    model.to(torch.bfloat16).save_pretrained(a.out)
    tokenizer.save_pretrained(a.out)


if __name__ == "__main__":
    main()
