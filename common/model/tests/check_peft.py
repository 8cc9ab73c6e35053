"""Do PEFT and transformers load what `cargo run -p model --example export` wrote, and compute the same?

    pip install torch transformers peft safetensors
    python check_peft.py GOLDEN_FOLDER OUT_FOLDER

GOLDEN_FOLDER has model/, adapter-init/ and golden.safetensors (input_ids, attention_mask, logits.adapter); OUT_FOLDER is the
example's output for model/ and adapter-init/. Exits 1 when something differs.
"""
import json, sys
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

golden, out = sys.argv[1:3]
g = load_file(f"{golden}/golden.safetensors")
ids, mask = g["input_ids"], g["attention_mask"].bool()


def difference(model):
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask.long()).logits.float()
    return (logits - g["logits.adapter"])[mask].abs().max().item()


base = AutoModelForCausalLM.from_pretrained(f"{golden}/model", dtype=torch.float32)
ours = PeftModel.from_pretrained(base, f"{out}/adapter")
state, theirs = load_file(f"{out}/adapter/adapter_model.safetensors"), load_file(f"{golden}/adapter-init/adapter_model.safetensors")
same_tensors = state.keys() == theirs.keys() and all(torch.equal(state[k], theirs[k]) for k in state)
unmerged = difference(ours)

# The merged folder against PEFT's own merge, rounded to bf16: the same bits, but for sums that land beside a tie.
merged = AutoModelForCausalLM.from_pretrained(f"{out}/merged", dtype="auto")
reference = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(f"{golden}/model", dtype=torch.float32), f"{golden}/adapter-init").merge_and_unload()
pairs = [(merged.state_dict()[k], v.to(torch.bfloat16)) for k, v in reference.state_dict().items()]
apart = sum((a != b).sum().item() for a, b in pairs) / sum(a.numel() for a, _ in pairs)
dtype = merged.dtype  # .float() below changes it in place
worst = max(((a.float() - b.float()).abs() / b.float().abs().clamp_min(1e-6)).max().item() for a, b in pairs)
print(json.dumps({
    "adapter_tensors_equal": same_tensors, "max_logit_difference_peft": unmerged, "merged_dtype": str(dtype),
    "merged_values_that_differ": apart, "worst_relative_difference": worst, "max_logit_difference_merged": difference(merged.float()),
}, indent=1))
sys.exit(not (same_tensors and unmerged < 1e-4 and dtype == torch.bfloat16 and apart < 1e-3 and worst < 2**-7))
