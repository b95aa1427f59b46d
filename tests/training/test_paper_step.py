"""Training the paper's method on tiny networks."""

import pytest
import torch

from reenact_core.devices import Compute
from reenact_training.adversary import Adversary, CriticSettings
from reenact_training.discriminator import DiscriminatorSettings
from reenact_training.features import PyramidFeatures
from reenact_training.learner import PaperLearner
from reenact_training.paper_step import PaperBatch, PaperLossSettings, make_faces
from reenact_training.row_chance import RowChance
from reenact_training.unroll import Examples
from tests.core.heads import state
from tests.tiny import pictures, tiny_paper

CRITIC = CriticSettings(1.0, network=DiscriminatorSettings(4, max_features=8, halvings=2))


def some_examples() -> Examples:
    """Two faces; the later frames are the first ones, shifted."""
    source = pictures(2, seed=4)
    frames = torch.stack([source.roll(2, dims=3), source.roll(3, dims=3)])
    heads, mask = state().repeat(2), torch.ones(2, 2, 1, 32, 32)
    return Examples(source, heads, frames, [heads, heads], frames, mask, mask)


def a_learner() -> PaperLearner:
    settings = PaperLossSettings(largest_sigma=8.0)
    return PaperLearner(tiny_paper(), settings, PyramidFeatures(channels=4), Compute()).train()


def a_critic() -> Adversary:
    torch.manual_seed(4)
    return Adversary(CRITIC)


def taught(steps: int, adversary: Adversary | None = None) -> list[dict[str, float]]:
    """What the steps of a run measured, all on the same examples."""
    torch.manual_seed(0)
    learner, examples = a_learner(), some_examples()
    optimizer = torch.optim.Adam(learner.parameters(), lr=2e-3, betas=(0.5, 0.999))
    history = []
    for step in range(steps):
        optimizer.zero_grad()
        with RowChance(0, [2 * step, 2 * step + 1]):
            learned = learner(examples, 1.0, adversary)
            torch.autograd.backward(learned.terms["total"])
        optimizer.step()
        history.append(learned.values())
        if adversary is not None:
            adversary.optimizer.zero_grad()
            adversary.learn(learned.faces[0], learned.truth[0], 1.0)
            adversary.optimizer.step()
    return history


@pytest.mark.parametrize("critic", [None, CRITIC])
def test_the_loss_falls_over_twenty_steps(critic: CriticSettings | None) -> None:
    history = taught(20, None if critic is None else Adversary(critic))
    for name in ("local", "global", "calibrator", "total"):
        start = sum(step[name] for step in history[:3])
        end = sum(step[name] for step in history[-3:])
        assert end < 0.9 * start, name


def test_every_parameter_of_the_three_networks_learns() -> None:
    learner = a_learner()
    for _ in range(2):
        torch.autograd.backward(learner(some_examples(), 1.0).terms["total"])
    assert [name for name, p in learner.named_parameters() if p.grad is None] == []


def test_the_critic_takes_no_gradient_from_the_faces() -> None:
    adversary = Adversary(CRITIC)
    learned = a_learner()(some_examples(), 1.0, adversary)
    torch.autograd.backward(learned.terms["total"])
    assert all(weight.grad is None for weight in adversary.task.parameters())
    adversary.learn(learned.faces[0], learned.truth[0], 1.0)
    assert all(weight.grad is not None for weight in adversary.task.parameters())


def test_the_terms_add_up_to_the_total() -> None:
    learned = a_learner()(some_examples(), 1.0, Adversary(CRITIC))
    terms = {name: float(term.detach()) for name, term in learned.terms.items()}
    assert terms.pop("total") == pytest.approx(sum(terms.values()), rel=1e-5)


def test_training_runs_the_networks_of_inference() -> None:
    """Without blur and chance, the faces are those that inference paints."""
    paper, batch = tiny_paper(), PaperBatch.of(some_examples())
    with torch.no_grad():
        faces = make_faces(paper, batch, 0.0, 1.0)
        source, current = paper.encode(batch.source), paper.read(batch.current)
        start = paper.read(batch.source)
        moved = paper.move(source, start, current)
        expected = paper.paint_global(source, moved).picture
    torch.testing.assert_close(faces.global_face, expected, rtol=0, atol=1e-4)


def test_the_same_seed_gives_the_same_step() -> None:
    critics = [a_critic(), a_critic()]
    assert taught(1, critics[0]) == taught(1, critics[1])
