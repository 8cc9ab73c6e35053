"""Do gguf's reader and llama.cpp load what `cargo run -p model --example export` wrote, and answer the same?

    pip install gguf xllamacpp
    python check_gguf.py OUT_FOLDER

OUT_FOLDER is the example's output. Reads every GGUF file with gguf's own reader and counts what it holds; compares Q8_0
blocks with gguf's own; then lets llama.cpp split each prompt into tokens, and answer greedily with the merged f16 file and
with the adapter over the base model's file. Exits 1 when a file does not load or a prompt is split otherwise; how many
answers are equal is printed. Answers of Q8_0 may differ and are printed only.
"""
import itertools, json, sys, urllib.request
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader
from gguf.quants import dequantize, quantize

out = sys.argv[1]
report, faults = {}, []


def text(reader, key):
    return bytes(reader.fields[key].parts[-1]).decode()


for folder, name in [("gguf-adapter", "adapter"), ("gguf", "model"), ("gguf-q8_0", "model"), ("gguf-base", "model")]:
    reader = GGUFReader(f"{out}/{folder}/{name}.gguf")
    kinds = [t.tensor_type.name for t in reader.tensors]
    report[folder] = {"architecture": text(reader, "general.architecture"), "tensors": {k: kinds.count(k) for k in sorted(set(kinds))}}
    if name == "model":
        report[folder]["tokens"] = len(reader.fields["tokenizer.ggml.tokens"].data)
    if folder == "gguf":
        half = {t.name: t for t in reader.tensors}
    if folder == "gguf-q8_0":
        # The f16 file is rounded already, so a value beside a tie may take the neighbouring code.
        apart = total = 0
        for tensor in reader.tensors:
            if tensor.tensor_type == Type.Q8_0:
                theirs = quantize(half[tensor.name].data.astype(np.float32), Type.Q8_0)
                close = np.abs(dequantize(theirs, Type.Q8_0) - dequantize(tensor.data, Type.Q8_0))
                apart, total = apart + np.count_nonzero(theirs != tensor.data), total + theirs.size
                if close.max() > 0.02:
                    faults.append(f"{tensor.name} differs from gguf's own by {close.max()}")
        report[folder]["bytes_unlike_gguf_of_f16"] = apart / total

import xllamacpp as llama  # prints to stderr while it loads


def serve(folder, adapter=None):
    params = llama.CommonParams()
    params.model.path = f"{out}/{folder}/model.gguf"
    params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 512, 1, False, -1
    params.cpuparams.n_threads = 1
    # As exact as it goes: keys and values in f32, as in our engine.
    params.cache_type_k = params.cache_type_v = llama.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = llama.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if adapter:
        params.lora_adapters = [llama.CommonAdapterLoraInfo(f"{out}/{adapter}/adapter.gguf", 1.0)]
    return llama.Server(params)


def gap(server, question, count):
    """How much likelier llama.cpp finds its own next token than ours, behind `count` tokens of our answer; in nats."""
    body = {"prompt": question["prompt"] + question["answer"][:count], "n_predict": 1, "temperature": 0, "n_probs": 50, "cache_prompt": False}
    request = urllib.request.Request(server.listening_address + "/completion", json.dumps(body).encode(), {"Content-Type": "application/json"})
    answer = json.load(urllib.request.urlopen(request))
    if "completion_probabilities" not in answer:
        return "not told"  # of a token that is a part of a character
    likely = answer["completion_probabilities"][0]["top_logprobs"]
    ours = [it["logprob"] for it in likely if it["id"] == question["answer"][count]]
    return round(likely[0]["logprob"] - ours[0], 4) if ours else "not among 50"


def ask(server, path, body):
    request = urllib.request.Request(server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))["tokens"]


questions = json.load(open(f"{out}/answers.json"))
for folder, adapter in [("gguf", None), ("gguf-base", "gguf-adapter"), ("gguf-q8_0", None)]:
    server = serve(folder, adapter)
    same, until, gaps = 0, [], []
    for question in questions:
        count = max(1, len(question["answer"]))
        body = {"prompt": question["prompt"], "n_predict": count, "temperature": 0, "return_tokens": True, "cache_prompt": False}
        found = ask(server, "/completion", body)[: len(question["answer"])]
        same += found == question["answer"]
        until.append(sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(found, question["answer"]))))
        if found != question["answer"]:
            gaps.append(gap(server, question, until[-1]))
    report[f"greedy answers, {folder}" + (" with adapter" if adapter else "")] = f"{same} of {len(questions)} equal; tokens until the first other one: {until}; nats between the two there: {gaps}"
    if folder == "gguf":
        for question in questions:
            tokens = ask(server, "/tokenize", {"content": question["text"], "parse_special": True, "add_special": False})
            if tokens != question["prompt"]:
                faults.append(f"{question['question']!r} is split otherwise: {tokens} for {question['prompt']}")
    del server
report["faults"] = faults
print(json.dumps(report, indent=1, ensure_ascii=False))
sys.exit(bool(faults))
