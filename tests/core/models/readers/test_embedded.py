"""The reader that comes with reenact."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.head.model import SCHEMES, load_head_model
from reenact_core.models.compact import Compact
from reenact_core.models.load import load_models
from reenact_core.models.readers.embedded import EmbeddedReader, load_embedded


@pytest.fixture(scope="module")
def reader() -> EmbeddedReader:
    return load_embedded(Compute())


@pytest.fixture(scope="module")
def crops() -> Iterator[Tensor]:
    yield torch.rand(3, 3, 160, 160, generator=torch.Generator().manual_seed(0))


def test_it_reads_as_a_checkpoint_does_with_its_own_networks(crops: Tensor) -> None:
    network = load_models().network
    assert isinstance(network, Compact)
    with torch.inference_mode():
        expected = network.read(crops)
    seen = EmbeddedReader(network.points, network.close_ups).read(crops)
    assert torch.equal(seen.points, expected.points)
    assert torch.equal(seen.confidence, expected.confidence.sigmoid())
    assert seen.pupils is not None
    assert torch.equal(seen.pupils, expected.points[:, [77, 78], :2])


def test_its_points_are_the_rows_of_its_scheme(reader: EmbeddedReader, crops: Tensor) -> None:
    assert reader.scheme in SCHEMES
    table = load_head_model().landmarks[reader.scheme]
    assert reader.read(crops).points.shape[1] > int(table.points.max())


def test_batches_of_any_size_read_the_same(reader: EmbeddedReader, crops: Tensor) -> None:
    together = reader.read(crops)
    for index in range(len(crops)):
        alone = reader.read(crops[index : index + 1])
        assert torch.allclose(alone.points[0], together.points[index], atol=1e-5)
