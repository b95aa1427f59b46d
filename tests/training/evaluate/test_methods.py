from pathlib import Path

import pytest
import torch
from torch import Tensor

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError, MediaError
from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.load import Models, load_integrator
from reenact_core.models.paper import Paper
from reenact_training.evaluate.methods import (
    ResultVideos,
    direct_flow,
    integrator_alone,
    schemes_of,
    side_by_side,
    source_unchanged,
    subtle_with,
)
from tests.tiny import PAPER
from tests.training.evaluate.evaluations import (
    SIZE,
    self_example,
    small_models,
    write_clip,
    write_frames,
)


def test_all_schemes_run_side_by_side_and_begin_with_the_source(tmp_path: Path) -> None:
    example = self_example(4)
    schemes = schemes_of(small_models(tmp_path), ("global", "local", "subtle"))
    rows = list(side_by_side([source_unchanged, schemes], example, range(4)))
    assert [set(row) for row in rows] == [{"source", "global", "local", "subtle"}] * 4
    start = rows[0]
    for name in ("global", "local", "subtle"):
        assert start[name].shape == (3, SIZE, SIZE)
        assert (start[name] - start["source"]).abs().mean() < 0.02


def test_a_scheme_alone_gives_what_it_gives_beside_others(tmp_path: Path) -> None:
    example, models = self_example(3), small_models(tmp_path)
    alone = list(schemes_of(models, ("subtle",))(example, range(3)))
    beside = list(schemes_of(models, ("global", "subtle"))(example, range(3)))
    for one, other in zip(alone, beside, strict=True):
        assert torch.equal(one["subtle"], other["subtle"])


def test_direct_flow_follows_a_slide() -> None:
    example = self_example(3)
    faces = [row["flow"] for row in direct_flow(example, range(3))]
    truth = example.driving.float() / 255
    inside = slice(12, -12)
    assert (faces[0] - truth[0]).abs().mean() < 0.01
    moved = (faces[2] - truth[2])[..., inside, inside].abs().mean()
    still = (truth[0] - truth[2])[..., inside, inside].abs().mean()
    assert moved < 0.5 * still


def test_the_papers_networks_run_all_schemes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    models = Models(tmp_path / "a", "paper", Paper(PAPER).eval(), {}, Compute())
    rows = list(schemes_of(models, ("global", "subtle"))(self_example(2), range(2)))
    assert [set(row) for row in rows] == [{"global", "subtle"}] * 2
    assert rows[1]["subtle"].shape == (3, SIZE, SIZE)


def test_an_integrator_has_a_row_of_its_own() -> None:
    integrator = load_integrator("compact")
    method = integrator_alone("compact (G)", integrator, Compute())
    rows = list(method(self_example(2), range(2)))
    assert [set(row) for row in rows] == [{"compact (G)"}] * 2


class _Doubling:
    """An integrator whose pictures are twice as large as those it is given, as LivePortrait's."""

    def __init__(self) -> None:
        self.sources: list[int] = []

    def detect(self, frames: Tensor) -> Keypoints:
        return Keypoints(torch.zeros(len(frames), 1, 2))

    def reenact(
        self,
        source: Tensor,
        driving_initial: Tensor,
        driving: Tensor,
        relative: bool | None = True,
        adapt_scale: bool | None = False,
    ) -> Tensor:
        self.sources.append(len(source))
        return torch.nn.functional.interpolate(driving, scale_factor=2.0)


def test_larger_pictures_come_back_at_the_crops_size() -> None:
    example, integrator = self_example(3), _Doubling()
    rows = list(integrator_alone("twice (G)", integrator, Compute())(example, range(3)))
    faces = torch.stack([row["twice (G)"] for row in rows])
    assert (faces - example.driving / 255).abs().mean() < 0.05
    assert integrator.sources == [1]


def test_the_full_method_runs_with_another_integrator(tmp_path: Path) -> None:
    models, example = small_models(tmp_path), self_example(3)
    method = subtle_with("subtle + twice (G)", _Doubling(), models)
    assert method is not None
    faces = [row["subtle + twice (G)"] for row in method(example, range(3))]
    assert [face.shape for face in faces] == [(3, SIZE, SIZE)] * 3
    subtle = [row["subtle"] for row in schemes_of(models, ("subtle",))(example, range(3))]
    assert (faces[2] - subtle[2]).abs().max() > 1e-4


def test_networks_that_take_no_other_integrator_have_no_such_row(tmp_path: Path) -> None:
    models = Models(tmp_path / "a", "paper", Paper(PAPER).eval(), {}, Compute())
    assert subtle_with("a", _Doubling(), models) is None


def test_networks_without_schemes_are_refused(tmp_path: Path) -> None:
    models = Models(tmp_path / "a", "fomm", torch.nn.Identity(), {}, Compute())
    with pytest.raises(CheckpointError, match="--integrator fomm"):
        schemes_of(models, ("subtle",))


def test_results_are_found_by_name_as_videos_or_frames(tmp_path: Path) -> None:
    example = self_example(3)
    write_clip(tmp_path / "a" / "clip0.mkv", example.driving)
    write_frames(tmp_path / "b" / "clip0", example.driving)
    write_clip(tmp_path / "b" / "clip01.mkv", example.driving)
    for folder in ("a", "b"):
        rows = list(ResultVideos("theirs", tmp_path / folder)(example, range(3)))
        assert torch.equal(torch.stack([row["theirs"] for row in rows]), example.driving / 255)


def test_a_missing_result_leaves_its_place_empty(tmp_path: Path) -> None:
    assert list(ResultVideos("theirs", tmp_path)(self_example(2), range(2))) == [{}, {}]


@pytest.mark.parametrize(("count", "said"), [(2, "has 2 frames"), (4, "more than 3")])
def test_a_result_of_another_length_is_named(tmp_path: Path, count: int, said: str) -> None:
    write_clip(tmp_path / "clip0.mkv", self_example(count).driving)
    with pytest.raises(MediaError, match=f"{said}.*clip0 has 3"):
        list(ResultVideos("theirs", tmp_path)(self_example(3), range(3)))
