"""What DeepSpeed-MII 0.3.3 (with DeepSpeed 0.16.9) serves, and what it leaves nobody to choose."""

from catalog.gpu_overhead import Step

MODEL = "mistralai/Mixtral-8x7B-Instruct-v0.1"
"""The one MoE model that MII's own list and deepspeed/inference/v2 both have."""

STEP = Step(max_num_batched_tokens=768, max_num_seqs=512)
"""Constants of deepspeed/inference/v2/ragged/manager_configs.py."""
