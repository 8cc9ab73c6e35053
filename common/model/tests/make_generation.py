"""Writes tests/fixtures/generation.json: what transformers generates with the reference models.

Usage: make_generation.py GOLDEN_DIR TINY_QWEN2_ZH_FOLDER OUT.json   (torch, transformers 5.23, peft 0.21, bitsandbytes 0.50)

For every folder: a prompt, the greedy continuation of the base model, of it with the adapter, of the stored NF4 model and of
that with the adapter; and the processed probabilities of the next token under several sampling settings.
"""

import hashlib
import json
import sys
from pathlib import Path

import bitsandbytes
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

TOKENS = 24
SETTINGS = [
    {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0},
    {"temperature": 0.7, "top_k": 0, "top_p": 0.9, "repetition_penalty": 1.0},
    {"temperature": 1.3, "top_k": 20, "top_p": 1.0, "repetition_penalty": 1.0},
    {"temperature": 0.8, "top_k": 40, "top_p": 0.8, "repetition_penalty": 1.2},
    {"temperature": 0.3, "top_k": 1, "top_p": 0.5, "repetition_penalty": 0.9},
    {"temperature": 2.0, "top_k": 5, "top_p": 0.01, "repetition_penalty": 1.5},
]


def greedy(model, prompt, **settings):
    ids = torch.tensor([prompt])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=TOKENS,
                         pad_token_id=0, **settings)
    return out[0, len(prompt):].tolist()


def processed(model, prompt, settings):
    ids = torch.tensor([prompt])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, max_new_tokens=1, pad_token_id=0,
                         output_scores=True, return_dict_in_generate=True, **settings)
    probabilities = out.scores[0][0].double().softmax(-1)
    kept = [(i, p) for i, p in enumerate(probabilities.tolist()) if p > 0]
    return {"settings": settings, "kept": len(kept), "top": sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:60]}


def load(folder, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


def adapted(model, folder):
    """The adapter of a reference folder, in the layout of this repository's or of PEFT's."""
    return PeftModel.from_pretrained(model, folder).eval()


def exact(model):
    """The stored NF4 model with its weights unpacked: bitsandbytes' own product for one row rounds to bf16 on the CPU."""
    for module in model.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, bitsandbytes.nn.Linear4bit):
                weight = bitsandbytes.functional.dequantize_4bit(child.weight.data, child.weight.quant_state)
                plain = torch.nn.Linear(child.in_features, child.out_features, bias=child.bias is not None)
                plain.weight = torch.nn.Parameter(weight.float(), requires_grad=False)
                plain.bias = child.bias
                setattr(module, name, plain)
    model.is_loaded_in_4bit = False
    return model


def folder(path):
    with torch.no_grad():
        base = load(path / "model")
        prompt = [(7 * i * i + 3 * i + 5) % base.config.vocab_size for i in range(17)]
        digest = hashlib.sha256((path / "model/model.safetensors").read_bytes()).hexdigest()
        result = {"model_sha256": digest, "prompt": prompt, "greedy.base": greedy(base, prompt)}
        result["greedy.penalty"] = greedy(base, prompt, repetition_penalty=1.3)
        result["processed"] = [processed(base, prompt, settings) for settings in SETTINGS]
        result["greedy.adapter"] = greedy(adapted(base, path / "adapter-init"), prompt)
        stored = exact(load(path / "model-bnb-nf4"))
        result["greedy.nf4"] = greedy(stored, prompt)
        result["greedy.nf4.adapter"] = greedy(adapted(stored, path / "adapter-final-nf4"), prompt)
    return result


def chat(path):
    tokenizer = AutoTokenizer.from_pretrained(path)
    messages = [{"role": "user", "content": "高血压患者可以喝咖啡吗？"}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    with torch.no_grad():
        model = load(path)
        ids = greedy(model, prompt)
        result = {"question": messages[0]["content"], "prompt": prompt, "greedy.base": ids}
        result["text"] = tokenizer.decode(ids, skip_special_tokens=True)
        result["processed"] = [processed(model, prompt, settings) for settings in SETTINGS]
    return result


def main():
    golden, tiny, out = map(Path, sys.argv[1:])
    fixture = Path(__file__).parent / "fixtures/golden"
    result = {path.name: folder(path) for path in sorted(golden.iterdir()) if (path / "golden.json").exists()}
    result["fixture"] = folder(fixture)
    result["tiny-qwen2-zh"] = chat(tiny)
    out.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
