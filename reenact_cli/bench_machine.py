"""What a measurement was made on."""

import platform
from pathlib import Path
from typing import Any

from reenact_core.devices import Compute


def machine(compute: Compute) -> dict[str, Any]:
    """Processor, threads, device and versions, as JSON values."""
    import torch

    table: dict[str, Any] = {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "device": compute.device,
        "precision": compute.precision,
        "system": platform.system(),
        "torch": torch.__version__,
    }
    if compute.device != "cpu":
        table["gpu"] = torch.cuda.get_device_name(compute.device)
    return table


def _processor() -> str:
    """Its name, where the system tells it."""
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
