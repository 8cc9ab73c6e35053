"""Compares a folder written by `site-agent quantise` with what transformers + bitsandbytes quantise themselves.

Usage: check_quantised.py MODEL OUT   (torch, transformers 5.23, bitsandbytes 0.50). OUT written with `--rounding cpu` must give
the same logits where no GPU is; with `--rounding cuda` about one scale in 600 differs. Exits 1 when the logits differ by more
than 1e-3 of their largest.
"""

import sys

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig


def main():
    model, out = sys.argv[1:]
    stored = AutoModelForCausalLM.from_pretrained(out, device_map="cpu").eval()
    dtype = stored.get_input_embeddings().weight.dtype
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                                bnb_4bit_compute_dtype=dtype)
    fresh = AutoModelForCausalLM.from_pretrained(model, quantization_config=config, dtype=dtype, device_map="cpu").eval()
    ids = torch.arange(3, 43)[None] % stored.config.vocab_size
    with torch.no_grad():
        ours, theirs = stored(ids).logits.float(), fresh(ids).logits.float()
    worst = (ours - theirs).abs().max().item()
    largest = theirs.abs().max().item()
    quantised = sum(type(module).__name__ == "Linear4bit" for module in stored.modules())
    print(f"{quantised} Linear4bit; largest logit {largest:.4f}, largest difference {worst:.3g}")
    return 0 if quantised and worst <= 1e-3 * largest else 1


sys.exit(main())
