"""Draws that belong to examples, not to batches."""

import pytest
import torch
from torch import Tensor

from reenact_core.models.discrete_latent import gumbel_softmax
from reenact_training.row_chance import RowChance


def drawn(examples: list[int], rows: int) -> list[Tensor]:
    """What four kinds of draws give; each row is a moment of an example."""
    with RowChance(7, examples):
        logits = torch.zeros(rows, 2, 5, 3)
        return [
            torch.rand(rows, 4),
            torch.randn(rows),
            torch.rand_like(torch.zeros(rows, 3)),
            gumbel_softmax(logits, 1.0, dim=2),
        ]


def test_a_row_draws_the_same_in_any_batch() -> None:
    together = drawn([3, 4, 9], 6)
    for index, example in enumerate([3, 4, 9]):
        alone = drawn([example], 2)
        for whole, part in zip(together, alone, strict=True):
            assert torch.equal(whole[index::3], part)


def test_other_examples_and_runs_draw_otherwise() -> None:
    assert not torch.equal(drawn([3], 2)[0], drawn([4], 2)[0])
    with RowChance(8, [3]):
        assert not torch.equal(torch.rand(2, 4), drawn([3], 2)[0])


def test_the_generator_of_the_process_is_given_back() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    drawn([5], 4)
    assert torch.equal(torch.rand(3), expected)


def test_rows_that_belong_to_no_example_are_refused() -> None:
    with RowChance(0, [1, 2]), pytest.raises(ValueError, match="2 examples by row"):
        torch.rand(3)
