"""The tables of the paper, in its layout, in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reenact_core.wording import amount

ARROWS = {
    "csim": "CSIM ↑",
    "ssim": "SSIM ↑",
    "psnr": "PSNR ↑",
    "prmse": "PRMSE ↓",
    "aucon": "AUCON ↑",
}
LABELS = {
    "source": "the source unchanged",
    "flow": "direct flow",
    "global": "integrator G only, `global`",
    "local": "integrator L only, `local`",
    "subtle": "ours, `subtle`",
    "truth": "the truth itself",
}
SELF = ("csim", "ssim", "psnr", "prmse", "aucon", "prmse_read")
CROSS = ("csim", "prmse", "aucon", "prmse_read")
DECIMALS = {
    "psnr": 2,
    "psnr_centre": 2,
    "psnr_head": 2,
    "psnr_head_driver": 2,
    "prmse": 2,
    "prmse_read": 2,
}
DISTANCES = (
    ("by_pose_distance", "head turned from the source's by", ("psnr", "ssim", "prmse")),
    ("by_yaw_distance", "yaw away from the source's by", ("psnr_centre", "prmse_read")),
)
GROUPS = ("baselines", "integrators", "results", "schemes")

Table = Mapping[str, Any]


def tables(metrics: Table) -> str:
    """All tables that a run's metrics fill."""
    is_self = metrics["task"] == "self"
    parts = [_heading(metrics)]
    parts += [_table_one(metrics)] if is_self else [_table_two(metrics), _cross_table(metrics)]
    parts += [_table_three(metrics), _table_four(metrics)]
    for key, title, figures in DISTANCES:
        parts.append(_distance_table(metrics, key, title, figures))
    parts += [_following_table(metrics), _estimators(metrics), _remarks(metrics)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(metrics: Table) -> str:
    task = "Self-reenactment" if metrics["task"] == "self" else "Cross-identity reenactment"
    name = str(metrics["dataset"]).rstrip("/").rpartition("/")[2]
    lines = [f"# {task} on `{name}`", ""]
    clips, frames = amount(metrics["clips"], "clip"), amount(metrics["frames"], "measured frame")
    lines += [f"{clips}, {frames}. Means over clips; "]
    lines[-1] += "in brackets what 95 of 100 draws of clips (bootstrap) lie between."
    return "\n".join(lines)


def _table_one(metrics: Table) -> str:
    return _section("Table I. Self-reenactment", metrics, _rows(metrics), SELF, intervals=True)


def _table_two(metrics: Table) -> str:
    title = "Table II. Cross-identity reenactment"
    return _section(title, metrics, _rows(metrics), CROSS, intervals=True)


def _cross_table(metrics: Table) -> str:
    """What only drawn heads allow: the result against the truth."""
    if metrics["estimators"]["psnr"]["estimator"] is None:
        return ""
    figures = ("psnr", "ssim", "psnr_centre", "psnr_head", "psnr_head_driver")
    return _section("Against the truth", metrics, _rows(metrics), figures, intervals=True)


def _table_three(metrics: Table) -> str:
    figures = SELF if metrics["task"] == "self" else CROSS
    rows = [("schemes", name) for name in ("global", "local", "subtle")]
    return _section("Table III. Ablation", metrics, rows, figures)


def _table_four(metrics: Table) -> str:
    """Other integrators beside ours; nothing where none was given."""
    if not metrics["integrators"]:
        return ""
    rows = [("integrators", name) for name in metrics["integrators"]]
    rows += [("schemes", "global"), ("schemes", "subtle")]
    return _section("Table IV. Other integrators", metrics, rows, CROSS)


def _rows(metrics: Table) -> list[tuple[str, str]]:
    rows = [(group, name) for group in GROUPS for name in metrics[group] if name != "truth"]
    return rows + [("baselines", "truth")] * ("truth" in metrics["baselines"])


def _section(
    title: str,
    metrics: Table,
    rows: Sequence[tuple[str, str]],
    figures: Sequence[str],
    *,
    intervals: bool = False,
) -> str:
    head = ["model", *(_column(figure) for figure in figures)]
    body = []
    for group, name in rows:
        values = metrics[group][name]
        if any(value is not None for value in values.values()):
            sure = metrics["intervals"].get(name, {}) if intervals else {}
            cells = [_cell(values.get(figure), figure, sure.get(figure)) for figure in figures]
            body.append([LABELS.get(name, name), *cells])
    return f"## {title}\n\n{_markdown(head, body)}"


def _column(figure: str) -> str:
    names = {
        "psnr_centre": "PSNR, central window ↑",
        "prmse_read": "PRMSE, read against read ↓",
        "psnr_head": "PSNR on the head ↑",
        "psnr_head_driver": "the same, against the driver",
        "following": "Following the driver",
    }
    return ARROWS.get(figure) or names.get(figure, figure)


def _cell(value: float | None, figure: str, interval: Sequence[float] | None = None) -> str:
    if value is None:
        return "–"
    if value >= 100 and figure.startswith("psnr"):
        return "∞"
    places = DECIMALS.get(figure, 3)
    if not interval:
        return f"{value:.{places}f}"
    return f"{value:.{places}f} ({interval[0]:.{places}f} … {interval[1]:.{places}f})"


def _distance_table(metrics: Table, key: str, title: str, figures: Sequence[str]) -> str:
    bins = metrics[key]
    figures = [one for one in figures if metrics["estimators"][one]["estimator"] is not None]
    head = [
        title,
        *(f"{one['from']}–{one['to']}°, {amount(one['frames'], 'frame')}" for one in bins),
    ]
    body = []
    for group, name in _rows(metrics):
        for figure in figures:
            values = [one[group].get(name, {}).get(figure) for one in bins]
            if name != "truth" and any(value is not None for value in values):
                label = f"{LABELS.get(name, name)}: {_column(figure)}"
                body.append([label, *(_cell(value, figure) for value in values)])
    return f"## {title.capitalize()}\n\n{_markdown(head, body)}"


def _following_table(metrics: Table) -> str:
    """How the results follow the driver: correlations."""
    head = ["model", "yaw", "mouth opening"]
    body = []
    for name, row in metrics["following"].items():
        cells = []
        for key in ("yaw", "mouth"):
            value = row[key]
            cells.append("–" if value is None else f"{value:.3f} ({row[f'{key}_clips']} clips)")
        body.append([LABELS.get(name, name), *cells])
    title = "## Following the driver (correlation, where the driver moves)"
    return f"{title}\n\n{_markdown(head, body)}"


def _estimators(metrics: Table) -> str:
    lines = ["## Estimators", ""]
    for figure, row in metrics["estimators"].items():
        label = _column(figure).rstrip(" ↑↓")
        if row["estimator"] is None:
            lines.append(f"* {label}: none; {row['why']}")
        else:
            against = f", against {row['against']}" if "against" in row else ""
            lines.append(f"* {label}: {row['estimator']}{against}")
    return "\n".join(lines)


def _remarks(metrics: Table) -> str:
    lines = list(metrics["notes"])
    lines += [f"left out: {one['clip']} ({one['why']})" for one in metrics["skipped"]]
    if not lines:
        return ""
    return "\n".join(["## Notes", "", *(f"* {line}" for line in lines)])


def _markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
