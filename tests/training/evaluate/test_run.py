"""Whole evaluations: what is written, what is told, what is left when it is stopped."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from reenact_core.errors import MediaError, SettingsError
from reenact_core.models.load import Models
from reenact_training.evaluate.footage import Limits
from reenact_training.evaluate.methods import ResultVideos
from reenact_training.evaluate.request import Evaluated, Request, Step
from reenact_training.evaluate.run import evaluate
from reenact_training.synth_folder import write_synth
from tests.training.evaluate.evaluations import (
    SIZE,
    panel,
    pictures,
    run_whole,
    small_models,
    write_clip,
    write_frames,
)

SCHEMES = {"global", "local", "subtle"}
PAPERS = {"psnr", "ssim", "prmse", "csim", "aucon"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return small_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    write_synth(folder, seed=1_000_000, clips=2, frames=6, size=SIZE)
    return folder


@pytest.fixture(scope="module")
def done(heads: Path, models: Models, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    out = tmp_path_factory.mktemp("out")
    return run_whole(Request(heads, out, every=2, save_videos=True), models)


def test_the_metrics_have_the_agreed_layout(done: Evaluated) -> None:
    metrics = json.loads(done.files[-1].read_text("utf-8"))
    assert done.files[-1].name == "metrics.json"
    assert (metrics["clips"], metrics["frames"]) == (2, 4)
    assert set(metrics["schemes"]) == SCHEMES
    for figures in metrics["schemes"].values():
        assert set(figures) >= PAPERS
        assert figures["csim"] is None and figures["psnr"] > 5
    assert metrics["estimators"]["csim"]["estimator"] is None
    assert "recognition_arcface" in metrics["estimators"]["csim"]["why"]
    assert metrics["estimators"]["prmse"]["against"] == "the known pose"
    bins = metrics["by_pose_distance"]
    assert sum(one["frames"] for one in bins) == metrics["frames"]
    for one in [*bins, *metrics["over_time"]]:
        assert one["from"] < one["to"] and set(one["schemes"]) == SCHEMES
    assert metrics["baselines"]["truth"]["psnr"] == 100


def test_tables_plots_and_strips_are_written(done: Evaluated) -> None:
    names = {path.name for path in done.files}
    assert names == {
        "tables.md", "frames.csv", "strip.png", "pose_distance.png", "over_time.png",
        "metrics.json",
    }  # fmt: skip
    for path in done.files:
        if path.suffix == ".png":
            picture = cv2.imread(str(path))
            assert picture is not None and picture.std() > 5
    text = next(path for path in done.files if path.suffix == ".md").read_text("utf-8")
    assert "Table I." in text and "Table III." in text
    assert "ours, `subtle`" in text and "direct flow" in text


def test_the_table_of_frames_holds_every_frame_and_method(done: Evaluated) -> None:
    path = next(path for path in done.files if path.suffix == ".csv")
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert {row["method"] for row in rows} == {*SCHEMES, "source", "flow", "truth"}
    assert {row["frame"] for row in rows} == {"2", "4"}
    assert all(row["csim"] == "" for row in rows)


def test_saved_videos_score_as_the_scheme_that_made_them(
    done: Evaluated, heads: Path, models: Models, tmp_path: Path
) -> None:
    videos = done.files[0].parent / "videos"
    results = (ResultVideos("again", videos / "subtle"),)
    asked = Request(heads, tmp_path, schemes=(), every=2, results=results)
    metrics = run_whole(asked, models).metrics
    assert metrics["results"]["again"] == done.metrics["schemes"]["subtle"]
    assert metrics["schemes"]["subtle"]["psnr"] is None


def test_videos_named_after_nothing_are_refused(
    heads: Path, models: Models, tmp_path: Path
) -> None:
    asked = Request(heads, tmp_path / "out", results=(ResultVideos("x", tmp_path),))
    with pytest.raises(MediaError, match=r"no video named after a clip; .* 0000\.mp4"):
        run_whole(asked, models)


def test_pairs_of_drawn_people_are_scored_against_their_truth(
    heads: Path, models: Models, tmp_path: Path
) -> None:
    limits = Limits(frames=2)
    asked = Request(heads, tmp_path, task="cross", limits=limits, pairs=1, save_videos=True)
    metrics = run_whole(asked, models).metrics
    assert metrics["task"] == "cross" and metrics["clips"] == 1
    assert metrics["schemes"]["subtle"]["psnr_head"] > 5
    assert metrics["closer_to_truth_than_to_driver"]["truth"] == {"clips": 1, "closer": 1}
    assert (tmp_path / "pairs").is_dir()
    assert (tmp_path / "videos" / "truth" / "pair-1000000.mkv").is_file()


def test_pairs_of_real_people_need_no_truth(models: Models, tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "act.mkv", pictures(4, seed=3))
    stills = write_frames(tmp_path / "stills", pictures(2, seed=4))
    asked = Request(
        tmp_path / "clips", tmp_path / "out", task="cross", sources=(stills,), save_videos=True
    )
    done = run_whole(asked, models)
    figures = done.metrics["schemes"]["subtle"]
    assert figures["psnr"] is None and figures["aucon"] is not None
    assert done.metrics["estimators"]["psnr"]["why"]
    assert not (tmp_path / "out" / "pose_distance.png").exists()
    assert (tmp_path / "out" / "videos" / "subtle" / "0--act.mkv").is_file()
    assert {path.name for path in done.files} >= {"strip.png", "pairs.png", "tables.md"}


def test_real_people_without_stills_are_refused(models: Models, tmp_path: Path) -> None:
    write_clip(tmp_path / "act.mkv", pictures(3))
    with pytest.raises(SettingsError, match="--sources"):
        run_whole(Request(tmp_path, tmp_path / "out", task="cross"), models)


def test_a_clip_that_breaks_while_it_is_read_is_left_out(models: Models, tmp_path: Path) -> None:
    for number in range(2):
        write_frames(tmp_path / "set" / str(number), pictures(4, seed=number))
    (tmp_path / "set" / "1" / "2.png").write_bytes(b"nothing")
    limits = Limits(skip_share=0.5)
    metrics = run_whole(Request(tmp_path / "set", tmp_path / "out", limits=limits), models).metrics
    assert metrics["clips"] == 1
    assert [one["clip"] for one in metrics["skipped"]] == ["1"]
    with pytest.raises(MediaError, match="1 of 2 clips cannot be used"):
        run_whole(Request(tmp_path / "set", tmp_path / "out"), models)


def test_heads_that_may_have_been_trained_on_are_mentioned(models: Models, tmp_path: Path) -> None:
    write_synth(tmp_path / "heads", seed=3, clips=1, frames=2, size=SIZE)
    metrics = run_whole(Request(tmp_path / "heads", tmp_path / "out"), models).metrics
    assert any("seed 3" in note for note in metrics["notes"])


def steps(events: Iterator[Step | Evaluated]) -> list[Step]:
    return [event for event in events if isinstance(event, Step)]


def test_progress_counts_every_frame(heads: Path, models: Models, tmp_path: Path) -> None:
    told = steps(evaluate(Request(heads, tmp_path), models, panel(), lambda picture: []))
    assert [(one.done, one.total) for one in told] == [(n, 12) for n in range(1, 13)]


def test_a_run_that_is_closed_leaves_nothing(heads: Path, models: Models, tmp_path: Path) -> None:
    asked = Request(heads, tmp_path / "out", save_videos=True)
    events = evaluate(asked, models, panel(), lambda picture: [])
    next(events)
    next(events)
    events.close()
    left = list((tmp_path / "out").rglob("*.mkv"))
    assert left == []
    assert not (tmp_path / "out" / "metrics.json").exists()
