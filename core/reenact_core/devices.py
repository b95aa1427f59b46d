"""The device and precision that networks run on."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reenact_core.errors import DeviceError, OutOfMemoryError
from reenact_core.wording import amount

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and how precisely networks run."""

    device: str = "cpu"
    """`cpu`, `cuda` or `cuda:N`."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"

    @property
    def dtype(self) -> "torch.dtype":
        """The floating-point type of network weights and activations."""
        import torch

        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[
            self.precision
        ]

    def reduced(self) -> AbstractContextManager[object]:
        """In which convolutions and products run in the reduced precision, where there is one.

        Weights stay float32. Geometry must stay outside: pixels have no place in 8 bits.
        """
        import torch

        kind, reduced = self.device.partition(":")[0], self.precision != "fp32"
        return torch.autocast(kind, self.dtype, enabled=reduced)


def choose_compute(device: str = "auto", precision: Precision = "auto") -> Compute:
    """The best that this machine has for what was asked.

    Raises:
        DeviceError: no such device, or a precision that it does not run.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not (kind == "cuda" and number.isdigit())):
        raise DeviceError(f"{device} is no device; use auto, cpu, cuda or cuda:N")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            raise DeviceError(
                f"{device} is not there: {amount(count, 'CUDA device')} found; use --device cpu"
            )
    if kind == "cpu" and precision == "fp16":
        raise DeviceError("fp16 does not run on the CPU; use --precision fp32 or bf16")
    if precision == "auto":
        precision = "fp16" if kind == "cuda" else "fp32"
    return Compute(device, precision)


@contextmanager
def out_of_memory_named(compute: Compute) -> Iterator[None]:
    """Turn torch's out-of-memory error into a `DeviceError` that says what to do."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(
            f"{compute.device} is out of memory; use fewer lanes, or --device cpu"
        ) from error
