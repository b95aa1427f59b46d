"""The choice of device and precision."""

import pytest
import torch

from reenact_core.devices import Compute, choose_compute, out_of_memory_named
from reenact_core.errors import DeviceError

NO_GPU = not torch.cuda.is_available()


def test_the_cpu_computes_in_single_precision() -> None:
    assert choose_compute("cpu") == Compute("cpu", "fp32")
    assert choose_compute("cpu", "bf16").dtype == torch.bfloat16


@pytest.mark.skipif(not NO_GPU, reason="this machine has a CUDA device")
def test_auto_falls_back_to_the_cpu() -> None:
    assert choose_compute("auto").device == "cpu"


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cpu:1", ""])
def test_no_such_device_is_said(device: str) -> None:
    with pytest.raises(DeviceError, match="is no device"):
        choose_compute(device)


def test_a_missing_device_names_the_way_out() -> None:
    with pytest.raises(DeviceError, match="--device cpu"):
        choose_compute("cuda:99")


def test_half_precision_is_refused_on_the_cpu() -> None:
    with pytest.raises(DeviceError, match="bf16"):
        choose_compute("cpu", "fp16")


def test_out_of_memory_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match="out of memory"), out_of_memory_named(Compute()):
        raise torch.OutOfMemoryError


def test_reduced_precision_reaches_products_alone() -> None:
    one = torch.eye(3)
    with Compute("cpu", "bf16").reduced():
        assert (one @ one).dtype == torch.bfloat16
        assert (one + one).dtype == torch.float32
    with Compute().reduced():
        assert (one @ one).dtype == torch.float32
