"""Writes `lists/vllm.json`: what the pinned vLLM registers, read from its source package.

    python -m catalog.metrics.vllm_list

The package, 47 MB, is downloaded from the index that uv would ask, and held against its pinned
SHA-256. For another version change `catalog/vllm_version.py`, then run this: the diff of
the list is what was renamed, added, dropped, or given other edges or labels.
"""

import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple

from catalog.metrics.vllm_source import metrics
from catalog.vllm_version import SDIST_SHA256, VERSION

LIST = Path(__file__).parent / "lists" / "vllm.json"


def text(root: Path) -> str:
    """The list, from an unpacked source package; one line a metric, for the sake of diffs."""
    head = {
        "source": "vLLM",
        "version": VERSION,
        "pages": ["its source package on PyPI, read by `python -m catalog.metrics.vllm_list`"],
        "scraped_by": "ServiceMonitor",
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    rows = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in metrics(root).items()]
    return "\n".join(["{", *lines, ' "metrics": {', ",\n".join(rows), " }", "}", ""])


@contextmanager
def source_package(cache: Path) -> Iterator[Path]:
    """The unpacked source package, while the context lasts; the archive stays in `cache`."""
    archive = cache / f"vllm-{VERSION}.tar.gz"
    if not archive.exists():
        _download(archive)
    with TemporaryDirectory() as folder, tarfile.open(archive) as tar:
        sources = [each for each in tar if each.name.endswith(".py")]
        tar.extractall(folder, members=sources, filter="data")
        yield Path(folder) / f"vllm-{VERSION}"


def _download(archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with PyPISimple(os.environ.get("UV_DEFAULT_INDEX", PYPI_SIMPLE_ENDPOINT)) as index:
        (package,) = (
            each
            for each in index.get_project_page("vllm").packages
            if each.version == VERSION and each.package_type == "sdist"
        )
        if package.digests.get("sha256") != SDIST_SHA256:
            raise ValueError(
                f"{package.filename} has SHA-256 {package.digests.get('sha256')},"
                f" not {SDIST_SHA256} (catalog/vllm_version.py)"
            )
        # Held against that digest; there whole or not at all, whoever else downloads it.
        with TemporaryDirectory(dir=archive.parent) as folder:
            part = Path(folder) / archive.name
            index.download_package(package, part)
            part.rename(archive)


if __name__ == "__main__":
    with TemporaryDirectory() as cache, source_package(Path(cache)) as root:
        LIST.write_text(text(root))
