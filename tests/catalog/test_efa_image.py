"""Which images can talk through EFA, as far as their name and their word say."""

import pytest

from catalog.efa_image import is_stock, refusal_of_installer

DIGEST = f"sha256:{'3' * 64}"


@pytest.mark.parametrize(
    ("image", "stock"),
    [
        (f"vllm/vllm-openai@{DIGEST}", True),
        ("vllm/vllm-openai:v0.33.0", True),
        (f"docker.io/vllm/vllm-openai:v0.33.0@{DIGEST}", True),
        (f"registry.example.com:5000/mirror/vllm/vllm-openai@{DIGEST}", True),
        (f"123456789012.dkr.ecr.us-east-1.amazonaws.com/vllm-openai-efa@{DIGEST}", False),
        (f"vllm/vllm-openai-efa@{DIGEST}", False),
        (f"notvllm/vllm-openai@{DIGEST}", False),
    ],
)
def test_the_stock_image_by_any_registry(image: str, stock: bool) -> None:
    assert is_stock(image) is stock


@pytest.mark.parametrize("version", ["1.29.0", "1.51.0", "2.0.0"])
def test_installers_that_nccl_loads(version: str) -> None:
    assert refusal_of_installer(version) is None


@pytest.mark.parametrize("version", [None, "", "1.28.9", "0.9.0", "latest"])
def test_installers_that_it_does_not(version: str | None) -> None:
    assert "1.29.0 or later" in (refusal_of_installer(version) or "")
