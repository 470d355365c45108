"""What of the images can be told without building them."""

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "images" / "deepspeed-mii"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
LINES = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
_LOCKED = re.compile(r"([a-z0-9][a-z0-9._-]*)==([^\s;]+)((?: --hash=sha256:[0-9a-f]{64})+)")


def instructions(name: str) -> list[str]:
    return [line.removeprefix(name).strip() for line in LINES if line.startswith(f"{name} ")]


def statements(file: str) -> list[str]:
    """The requirements of a file: no comments, continued lines joined."""
    text = re.sub(r"(^|\s)#.*", "", (FOLDER / file).read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def locked(file: str) -> dict[str, str]:
    """Versions by name; a line that is no pin with hashes fails."""
    versions = {}
    for statement in statements(file):
        match = _LOCKED.fullmatch(statement)
        assert match, statement[:80]
        versions[match[1]] = match[2]
    return versions


LOCKED = locked("requirements.lock") | locked("deepspeed.lock")


def test_deepspeed_is_locked_alone_and_last_for_its_setup_imports_torch() -> None:
    assert list(locked("deepspeed.lock")) == ["deepspeed"]
    assert "deepspeed" not in locked("requirements.lock")
    assert statements("deepspeed.in") == [f"deepspeed=={LOCKED['deepspeed']}"]
    order = [command for command in instructions("RUN") if ".lock" in command]
    assert ["deepspeed.lock" in command for command in order] == [False, True]


@pytest.mark.parametrize("requirement", statements("requirements.in"))
def test_the_locks_have_what_is_required(requirement: str) -> None:
    name, _, version = requirement.partition("==")
    assert LOCKED[name] == (version or LOCKED[name])


@pytest.mark.parametrize("override", statements("overrides.txt"))
def test_the_locks_lack_what_is_left_out(override: str) -> None:
    name, _, marker = override.partition(";")
    assert marker.strip() == 'python_version < "3"'
    assert name not in LOCKED


def test_every_package_is_installed_by_its_hash() -> None:
    installs = [command for command in instructions("RUN") if "pip install" in command]
    assert installs
    for command in installs:
        assert "--require-hashes" in command
        assert "--no-deps" in command
    assert all("curl" not in command and "wget" not in command for command in LINES)


def test_every_base_is_a_digest_that_has_to_be_given() -> None:
    arguments = instructions("ARG")
    bases = instructions("FROM")
    assert len(bases) == 2
    for base in bases:
        match = re.match(r"\$\{CUDA_REPOSITORY\}@\$\{(\w+_DIGEST)\}", base)
        assert match, base
        assert match[1] in arguments, "an ARG with a default is not required"


def test_it_runs_as_the_user_of_the_pod_and_writes_where_the_pod_lets_it() -> None:
    assert instructions("USER") == ["2000:0"]
    environment = dict(re.findall(r"(\w+)=(\S+)", " ".join(instructions("ENV"))))
    for name in ("HOME", "HF_HOME", "MII_CACHE_PATH", "TORCH_EXTENSIONS_DIR"):
        assert environment[name].startswith("/cache")


def test_the_entry_point_takes_the_servers_flags() -> None:
    (entry_point,) = instructions("ENTRYPOINT")
    assert json.loads(entry_point) == [
        *["dumb-init", "--single-child", "--"],
        *["python", "-m", "mii.entrypoints.openai_api_server"],
    ]
    assert not instructions("CMD")


def test_the_build_sees_the_files_that_it_copies_and_no_others() -> None:
    ignored = (FOLDER / ".dockerignore").read_text().split()
    assert ignored == ["*", "!*.lock", "!check_kernels.py"]
    copied = [line.split()[0] for line in instructions("COPY") if not line.startswith("--from")]
    assert copied == ["requirements.lock", "deepspeed.lock"]
    assert all((FOLDER / file).is_file() for file in [*copied, "check_kernels.py"])
