"""A vLLM plugin that counts tokens per expert on the GPU and exports them to Prometheus.

It hooks into classes that vLLM does not promise to keep (docs/adr/0009), so it fails open:
whatever does not match is logged once, and vLLM serves as if the plugin were not there.
Nothing here imports vLLM or torch before vLLM itself has.
"""
