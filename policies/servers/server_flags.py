"""What policies ask about a server, whichever engine it runs."""

from abc import ABC, abstractmethod
from typing import ClassVar

from catalog.gpu_overhead import Step
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout
from policies.servers.flags import Flags


class ServerFlags(Flags, ABC):
    """Flags of one server; the two names are what its engine calls them."""

    __slots__ = ()

    tensor_parallel: ClassVar[str]
    max_model_len: ClassVar[str]

    @abstractmethod
    def model(self) -> Model | None:
        """The served model, where the catalogue has it: by its name or as a path to it."""

    @abstractmethod
    def layout(self) -> ParallelLayout:
        """How one copy of the model is cut over GPUs."""

    @abstractmethod
    def gpus_of_pod(self) -> int:
        """GPUs that the server's processes in one pod take."""

    @abstractmethod
    def sizes(self) -> str:
        """The flags that `gpus_of_pod` follows from, as they were given."""

    @abstractmethod
    def weights_as_catalogued(self, model: Model) -> bool:
        """Whether the weights are as wide as the catalogue's figures of `model` suppose."""

    @abstractmethod
    def step(self) -> Step:
        """The most that one forward pass takes."""

    def longest_sequence(self, model: Model) -> int:
        return self.whole_number(self.max_model_len, model.context_tokens)
