"""From files, folders and standard input to the text of YAML documents, one at a time.

Documents are cut at the lines that YAML itself cuts them at: `---` and `...` at the start of a
line, which stand for that everywhere (YAML 1.2.2, 9.1). So never more than one of them is in
memory, and a broken one has a number and a line.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gate.manifests.problem import ManifestError

STDIN = "-"
SUFFIXES = (".json", ".yaml", ".yml")
DEFAULT_MAX_MIB = 16
DEFAULT_MAX_DOCUMENTS = 20_000

_MIB = 1024 * 1024
_MARKER = re.compile(r"(?:---|\.\.\.)(?=\s|$)")
_SOURCE = re.compile(r"# Source: (\S+)\s*")
_NOTHING = re.compile(r"\s*(?:#.*|%.*|---|\.\.\.)?\s*")
# What `helm install --dry-run` prints around its manifests: fields in capital letters, which no
# object has, then the manifests, and at the end a text for people.
_DRY_RUN = re.compile(r"NAME: .*\s*")
_DRY_RUN_FIELD = re.compile(r"(?:[A-Z][A-Z ]*:.*)?\s*")
_DRY_RUN_PARTS = frozenset({"HOOKS:", "MANIFEST:"})
_DRY_RUN_END = "NOTES:"
_AT_END = (
    "which Helm prints last, so what follows would not be judged; give what `helm template` prints"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the whole input: a gate must not be stopped by what it is given."""

    max_mib: int = DEFAULT_MAX_MIB
    max_documents: int = DEFAULT_MAX_DOCUMENTS


@dataclass(frozen=True, slots=True)
class Document:
    """Text of one YAML or JSON document.

    `line` is that of its first character; `source` the template that Helm made it of, or "";
    `is_found` where nobody named its file, but a folder that it is in.
    """

    file: str
    number: int
    line: int
    text: str
    source: str
    is_found: bool


@dataclass
class _Left:
    """What the limits still allow."""

    limits: Limits
    bytes: int = field(init=False)
    documents: int = field(init=False)

    def __post_init__(self) -> None:
        self.bytes = self.limits.max_mib * _MIB
        self.documents = self.limits.max_documents

    def take_bytes(self, file: str, number: int) -> None:
        self.bytes -= number
        if self.bytes < 0:
            raise ManifestError(
                file, f"more than {self.limits.max_mib} MiB of manifests; --max-mib allows more"
            )

    def take_document(self, file: str) -> None:
        self.documents -= 1
        if self.documents < 0:
            raise ManifestError(
                file,
                f"more than {self.limits.max_documents} documents; --max-documents allows more",
            )


def documents(paths: Iterable[str], stdin: BinaryIO, limits: Limits) -> Iterator[Document]:
    """Documents that say something, in the order of `paths`; those of a folder by name.

    Raises ManifestError.
    """
    left = _Left(limits)
    for path in paths:
        if path == STDIN:
            yield from _cut(stdin, "<stdin>", left, is_found=False)
        elif Path(path).is_dir():
            for file in _files_below(Path(path), frozenset()):
                yield from _of_file(file, left, is_found=True)
        else:
            yield from _of_file(Path(path), left, is_found=False)


def _files_below(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Manifests in `folder`, hidden ones left out; `above` are the folders that it is in.

    Links are followed, as a mounted ConfigMap is made of them, but not in a circle.
    """
    try:
        entries = sorted(folder.iterdir())
        found = folder.stat()
    except OSError as error:
        raise ManifestError(str(folder), f"cannot be read: {error.strerror}") from None
    if (here := (found.st_dev, found.st_ino)) in above:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files_below(entry, above | {here})
        elif entry.suffix.lower() in SUFFIXES:
            yield entry


def _of_file(path: Path, left: _Left, *, is_found: bool) -> Iterator[Document]:
    try:
        # Without waiting: to open a pipe waits for who writes to it.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(number, "rb") as stream:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode):
                raise ManifestError(str(path), "is no file, but a pipe, a socket or a device")
            if found.st_size > left.bytes:
                left.take_bytes(str(path), found.st_size)
            yield from _cut(stream, str(path), left, is_found=is_found)
    except OSError as error:
        raise ManifestError(str(path), f"cannot be read: {error.strerror}") from None


def _cut(stream: BinaryIO, file: str, left: _Left, *, is_found: bool) -> Iterator[Document]:
    number = 0
    for line, text in _texts(stream, file, left, may_be_dry_run=not is_found):
        lines = text.splitlines()
        if all(_NOTHING.fullmatch(each) for each in lines):
            continue
        number += 1
        left.take_document(file)
        sources = (match[1] for each in lines[:9] if (match := _SOURCE.fullmatch(each)))
        yield Document(file, number, line, text, next(sources, ""), is_found)


def _texts(
    stream: BinaryIO, file: str, left: _Left, *, may_be_dry_run: bool
) -> Iterator[tuple[int, str]]:
    """Line and text of each document, empty ones too.

    A folder holds manifests, and not what Helm printed: all of its files is read.
    """
    start, lines, is_dry_run, is_over = 1, list[str](), False, False
    for number, line in enumerate(_lines(stream, file, left), start=1):
        is_dry_run = is_dry_run or (
            number == 1 and may_be_dry_run and bool(_DRY_RUN.fullmatch(line))
        )
        marker = _MARKER.match(line)
        if is_over:
            if marker is not None:
                raise ManifestError(
                    file, f"{marker[0]} after {_DRY_RUN_END}, {_AT_END}", line=number
                )
            continue
        word = line.rstrip()
        is_over = is_dry_run and word == _DRY_RUN_END
        if is_over or (is_dry_run and word in _DRY_RUN_PARTS):
            if not all(_DRY_RUN_FIELD.fullmatch(each) for each in lines):
                yield start, "".join(lines)
            start, lines = number + 1, []
        elif marker is not None:
            yield start, "".join(lines)
            is_end = marker[0] == "..."
            start, lines = number + is_end, [] if is_end else [line]
        else:
            lines.append(line)
    yield start, "".join(lines)


def _lines(stream: BinaryIO, file: str, left: _Left) -> Iterator[str]:
    number = 0
    while line := stream.readline(left.bytes + 1):
        number += 1
        left.take_bytes(file, len(line))
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ManifestError(
                file, f"byte 0x{line[error.start]:02x} is not UTF-8 text", line=number
            ) from None
