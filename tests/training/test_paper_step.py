"""A training step of the paper's method on tiny networks."""

import pytest
import torch

from reenact_training.discriminator import DiscriminatorSettings, PatchDiscriminator
from reenact_training.features import PyramidFeatures
from reenact_training.paper_step import PaperBatch, PaperLossSettings, PaperTrainer, make_faces
from tests.tiny import pictures, tiny_paper


def a_batch() -> PaperBatch:
    """Two faces; the later frames are the first ones, shifted."""
    source = pictures(2, seed=4)
    return PaperBatch(source, source.roll(2, dims=3), source.roll(3, dims=3))


def a_trainer(*, adversarial: float) -> PaperTrainer:
    paper = tiny_paper()
    torch.manual_seed(0)
    critic = PatchDiscriminator(3, DiscriminatorSettings(features=4, max_features=8, halvings=2))
    return PaperTrainer(
        paper,
        torch.optim.Adam(paper.parameters(), lr=2e-3, betas=(0.5, 0.999)),
        PyramidFeatures(channels=4),
        PaperLossSettings(adversarial=adversarial, largest_sigma=1.0),
        critic,
        torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999)),
    )


@pytest.mark.parametrize("adversarial", [0.0, 1.0])
def test_the_loss_falls_over_twenty_steps(adversarial: float) -> None:
    trainer, batch = a_trainer(adversarial=adversarial), a_batch()
    generator = torch.Generator().manual_seed(0)
    history = [trainer.step(batch, generator=generator) for _ in range(20)]
    for name in ("local", "global", "calibrator", "total"):
        start = sum(step[name] for step in history[:3])
        end = sum(step[name] for step in history[-3:])
        assert end < 0.9 * start, name


def test_every_parameter_of_the_three_networks_learns() -> None:
    trainer = a_trainer(adversarial=0.0)
    trainer.step(a_batch(), generator=torch.Generator().manual_seed(0))
    trainer.step(a_batch(), generator=torch.Generator().manual_seed(0))
    idle = [name for name, p in trainer.paper.named_parameters() if p.grad is None]
    assert idle == []


def test_the_terms_add_up_to_the_total() -> None:
    trainer = a_trainer(adversarial=1.0)
    terms = trainer.step(a_batch(), generator=torch.Generator().manual_seed(0))
    total, _ = terms.pop("total"), terms.pop("critic")
    assert total == pytest.approx(sum(terms.values()), rel=1e-5)


def test_training_runs_the_networks_of_inference() -> None:
    """Without blur and chance, the faces are those that inference paints."""
    paper, batch = tiny_paper(), a_batch()
    with torch.no_grad():
        faces = make_faces(paper, batch, 0.0, 1.0)
        source, current = paper.encode(batch.source), paper.read(batch.current)
        start = paper.read(batch.source)
        moved = paper.move(source, start, current)
        expected = paper.paint_global(source, moved).picture
    torch.testing.assert_close(faces.global_face, expected, rtol=0, atol=1e-4)


def test_the_same_seed_gives_the_same_step() -> None:
    results = [
        a_trainer(adversarial=1.0).step(a_batch(), generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    assert results[0] == results[1]
