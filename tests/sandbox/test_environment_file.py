"""`stacks/<stack>.env`: what is written is what is read, and only ours is touched."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import environment_file
from sandbox.endpoints import new_endpoints
from sandbox.environment_file import FIRST_LINE, ForeignFileError
from sandbox.lifecycle import Sandbox
from sandbox.stack_sandboxes import StackSandboxes
from sandbox.toolchain.ensure import Tools
from stacks.environment import environment_of

TEXT = st.text(
    # No variable can have NUL or half of a pair; a file turns \r into \n.
    st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]),
    max_size=30,
)


def sandbox_of(stack: str, checkout: Path) -> Sandbox:
    paths = StackSandboxes(checkout).paths(stack)
    each = checkout / "tools" / "bin" / "tool"
    tools = Tools(each, each, each, each, each, each, each, each, each, each, each, each)
    return Sandbox(paths, tools, new_endpoints(paths), ())


def written(folder: Path, stack: str = "dev") -> Path:
    folder.mkdir(exist_ok=True)
    environment_file.write(stack, folder, sandbox_of(stack, folder.parent))
    return folder / f"{stack}.env"


@given(st.dictionaries(st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]*\Z"), TEXT, max_size=5))
def test_every_value_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("stacks")
    (folder / "dev.env").write_text(environment_file.text_of(settings, set()))
    found = environment_of("dev", folder)
    assert {name: found[name] for name in settings} == settings


def test_the_stack_is_reached_in_its_sandbox_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    written(tmp_path / "stacks")
    for name in ("AWS_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "of a real account")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of a real stack")

    found = environment_of("dev", tmp_path / "stacks")

    leading = {name for name in found if name.startswith("AWS_")}
    assert leading == {
        "AWS_ACCESS_KEY_ID",
        "AWS_CONFIG_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SHARED_CREDENTIALS_FILE",
    }
    assert found["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert "PULUMI_ACCESS_TOKEN" not in found
    assert "PULUMI_CONFIG_PASSPHRASE" not in found
    assert found["HOME"] == os.environ["HOME"]


def test_stacks_share_a_backend_and_nothing_else(tmp_path: Path) -> None:
    dev, prod = (
        environment_of(stack, written(tmp_path / "stacks", stack).parent)
        for stack in ("dev", "prod")
    )
    assert dev["PULUMI_BACKEND_URL"] == prod["PULUMI_BACKEND_URL"]
    for name in ("AWS_ENDPOINT_URL", "MOE_SANDBOX_DIR", "PULUMI_HOME", "TMPDIR", "PATH"):
        assert dev[name] != prod[name], name


def test_programs_of_the_shell_are_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/somewhere/bin")
    written(tmp_path / "stacks")
    path = environment_of("dev", tmp_path / "stacks")["PATH"].split(os.pathsep)
    assert path[-1] == "/somewhere/bin"
    assert path[0] == str(sandbox_of("dev", tmp_path).paths.bin)


def test_it_holds_a_key_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = written(tmp_path / "stacks")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith(f"{FIRST_LINE}\n")


def test_ours_is_written_again(tmp_path: Path) -> None:
    path = written(tmp_path / "stacks")
    path.write_text(f"{FIRST_LINE}\nOLD=1\n")
    assert "OLD" not in written(tmp_path / "stacks").read_text()


@pytest.mark.parametrize("text", ["AWS_PROFILE=prod\n", "", f"# mine\n{FIRST_LINE}\n"])
def test_a_file_of_somebody_else_is_neither_written_nor_removed(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "stacks"
    folder.mkdir()
    (folder / "prod.env").write_text(text)
    with pytest.raises(ForeignFileError, match=r"^stacks/prod\.env is not the sandbox's"):
        environment_file.write("prod", folder, sandbox_of("prod", tmp_path))
    written(folder)
    assert environment_file.remove_ours(folder) == ["dev"]
    assert [path.name for path in folder.iterdir()] == ["prod.env"]
    assert (folder / "prod.env").read_text() == text
