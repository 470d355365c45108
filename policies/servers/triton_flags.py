"""Flags of a Triton server with an LLM behind it (launch_triton_server.py of TensorRT-LLM 1.2).

Model, cut and memory are in its model repository, which no policy can read: only the number of
processes that MPI starts, one a GPU, is on the command line. Without one it takes what it sees.
"""

import re
from types import MappingProxyType
from typing import ClassVar

from catalog.gpu_overhead import Step
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout
from policies.review import UnreadableError
from policies.servers.flags import FlagNames, known_word
from policies.servers.server_flags import ServerFlags

_WORLD_SIZE = "world_size"
_EXIT_TIMEOUT = "exit-timeout-secs"
_PROCESSES = frozenset({"-c", "-n", "-np", "--n", "--np"})
_OTHER_HOSTS = frozenset({"-H", "-host", "--host", "-hostfile", "--hostfile", "--machinefile"})
_EXIT_TIMEOUT_S = 30
_UNREADABLE = "what it serves is in its model repository, which no policy can read"


class TritonFlags(ServerFlags):
    """What one Triton server was given; `words` are those of its whole command."""

    __slots__ = ()

    engine: ClassVar = "Triton"
    tensor_parallel: ClassVar = _WORLD_SIZE
    max_model_len: ClassVar = ""
    names = FlagNames(
        long=(_WORLD_SIZE, _EXIT_TIMEOUT),
        short=MappingProxyType({}),
        switches=frozenset(),
        other_switches=re.compile(r"--(?:allow-run-as-root|oversubscribe|log|force|no-mpi)"),
        aliases=MappingProxyType({"exit-timeout": _EXIT_TIMEOUT}),
    )

    def location(self) -> str | None:
        return None

    def layout(self) -> ParallelLayout:
        raise UnreadableError(_UNREADABLE)

    def step(self) -> Step:
        raise UnreadableError(_UNREADABLE)

    def weights_as_catalogued(self, model: Model) -> bool:
        return False

    def takes_all_gpus(self) -> bool:
        return self._said_processes() is None

    def gpus_of_pod(self) -> int:
        said = self._said_processes()
        return self.surroundings.number_of_gpus() if said is None else said

    def sizes(self) -> str:
        if self._processes_of_mpi():
            return f"{self._processes_of_mpi()} processes of mpirun"
        return f"--{_WORLD_SIZE} {self.visible_number(_WORLD_SIZE, 1)}"

    def drain_s(self) -> int:
        return self.visible_number(_EXIT_TIMEOUT, _EXIT_TIMEOUT_S)

    def spans_pods(self) -> bool:
        """Where MPI starts processes on other hosts, it does not say how many here."""
        return any(word in _OTHER_HOSTS for word in self.words)

    def _said_processes(self) -> int | None:
        if self.spans_pods():
            return None
        if processes := self._processes_of_mpi():
            return processes
        return None if self.visible(_WORLD_SIZE) is None else self.whole_number(_WORLD_SIZE, 1)

    def _processes_of_mpi(self) -> int:
        """All that `mpirun -n 1 tritonserver ... : -n 1 tritonserver ...` starts."""
        numbers = [
            known_word(value)
            for option, value in zip(self.words, self.words[1:], strict=False)
            if option in _PROCESSES
        ]
        if not all(number.isdecimal() for number in numbers):
            raise UnreadableError(f"mpirun -n {', '.join(numbers)}, which is no whole number")
        return sum(map(int, numbers))
