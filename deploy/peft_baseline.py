#!/usr/bin/env python3
"""The other side of `deploy/bench --against-peft`: transformers + PEFT + bitsandbytes training the same model.

What a step is, on both sides: one sequence of random tokens, forward, loss, backward, clip of the global norm at
1.0, AdamW on the LoRA matrices. Random weights of the given shape; NF4 with double quantisation on every linear of
every layer, bf16 compute, LoRA on all seven linears, no dropout, no gradient checkpointing, batch 1, PEFT's defaults
otherwise (so the adapters are f32, as ours are). Positions that are not supervised have the label -100.

With `--evaluate letters|options` it trains nothing and asks questions as lm-evaluation-harness does, four rows a pass:
a row is a question with one answer behind it, every row computed whole, the log-softmax of all its logits, and the sum
over the answer. Answers that are one token (letters) share a pass, for the harness reads all four from the same logits.

It times nothing unasked: each line "step" on standard input runs one step and answers with one JSON line, so that
the caller can interleave two programs. `--check` only says what is missing and which versions are there.
"""
import argparse
import importlib.metadata
import importlib.util
import json
import sys
import time

PACKAGES = ["torch", "transformers", "peft", "bitsandbytes"]
SHAPES = {
    "0.5b": dict(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
                 num_key_value_heads=2),
    "1.5b": dict(hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12,
                 num_key_value_heads=2),
}
VOCABULARY = 151_936


def answer(**fields):
    print(json.dumps(fields), flush=True)


def quantise(model, torch, bnb):
    """Every linear but the head becomes a 4-bit one, as `load_in_4bit` with double quantisation does."""
    for name, linear in list(model.named_modules()):
        if not isinstance(linear, torch.nn.Linear) or "lm_head" in name:
            continue
        parent, _, leaf = name.rpartition(".")
        new = bnb.nn.Linear4bit(linear.in_features, linear.out_features, bias=linear.bias is not None,
                                compute_dtype=torch.bfloat16, quant_type="nf4", compress_statistics=True)
        new.weight = bnb.nn.Params4bit(linear.weight.data, requires_grad=False, quant_type="nf4",
                                       compress_statistics=True)
        if linear.bias is not None:
            new.bias = torch.nn.Parameter(linear.bias.data, requires_grad=False)
        setattr(model.get_submodule(parent), leaf, new.to("cpu"))


def build(options, torch):
    import bitsandbytes as bnb
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen2Config, Qwen2ForCausalLM
    torch.manual_seed(0)
    config = Qwen2Config(vocab_size=VOCABULARY, max_position_embeddings=32_768, rope_theta=1e6,
                         tie_word_embeddings=True, **SHAPES[options.shape])
    # In bf16 from the first number on: what is made and thrown away counts in the largest resident set, too.
    torch.set_default_dtype(torch.bfloat16)
    model = Qwen2ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    quantise(model, torch, bnb)
    linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(model, LoraConfig(r=options.rank, lora_alpha=32, lora_dropout=0.0,
                                             target_modules=linears, task_type="CAUSAL_LM"))
    model.train(not options.evaluate)
    return model


ANSWERS, ANSWER_TOKENS, ROWS = 4, 24, 4


def ask(model, torch, options):
    """Milliseconds for `--sequences` questions of `--tokens` tokens."""
    length = 1 if options.evaluate == "letters" else ANSWER_TOKENS
    draw = lambda *shape: torch.randint(0, VOCABULARY, shape)
    questions = [(draw(options.tokens), draw(ANSWERS, length)) for _ in range(options.sequences)]
    if length == 1:
        rows = [(context, answers) for context, answers in questions]
    else:
        rows = [(torch.cat([context, answer[:-1]]), answer) for context, answers in questions for answer in answers]
    started = time.perf_counter()
    sums = []
    with torch.inference_mode():
        for first in range(0, len(rows), ROWS):
            some = rows[first:first + ROWS]
            logits = torch.nn.functional.log_softmax(model(input_ids=torch.stack([row for row, _ in some])).logits, dim=-1)
            for each, (_, answer) in zip(logits, some):
                if length == 1:
                    sums.extend(each[-1, answer[:, 0]].tolist())
                else:
                    sums.append(each[-length:].gather(1, answer.unsqueeze(1)).sum().item())
    assert len(sums) == ANSWERS * options.sequences
    return (time.perf_counter() - started) * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--shape", choices=SHAPES, default="0.5b")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--supervised-fraction", type=float, default=1.0)
    parser.add_argument("--evaluate", choices=["letters", "options"])
    parser.add_argument("--sequences", type=int, default=1)
    options = parser.parse_args()
    if options.check:
        missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
        found = [name for name in PACKAGES if name not in missing]
        versions = {name: importlib.metadata.version(name) for name in found}
        answer(missing=missing, versions={"python": sys.version.split()[0], **versions})
        return
    started = time.perf_counter()
    import torch
    torch.set_num_threads(options.threads)
    model = build(options, torch)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-4)
    first_target = int((1.0 - options.supervised_fraction) * options.tokens)
    answer(load_ms=(time.perf_counter() - started) * 1e3)
    for line in sys.stdin:
        if line.strip() != "step":
            break
        if options.evaluate:
            answer(step_ms=ask(model, torch, options))
            continue
        tokens = torch.randint(0, VOCABULARY, (1, options.tokens))
        labels = tokens.clone()
        labels[:, :first_target] = -100
        started = time.perf_counter()
        loss = model(input_ids=tokens, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        answer(step_ms=(time.perf_counter() - started) * 1e3, loss=loss.item())


if __name__ == "__main__":
    main()
