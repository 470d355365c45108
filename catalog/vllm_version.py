"""The vLLM that flags, formulas and metric names here are read from.

An image is pinned by its digest, in which no version can be read, so it is said here, once: a
stack's image must be of this version. `python -m catalog.metrics.vllm_list` reads the metrics of
another one.
"""

VERSION = "0.33.0"
SDIST_SHA256 = "f4c33c2503d52bb411146afa9618a4f48bed68912f617e6803ac8d76e4c74112"
"""Of the source package on PyPI."""
