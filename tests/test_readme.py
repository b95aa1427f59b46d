"""The README's commands do what the README says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import Demo, reenact

ELSEWHERE = {"serve", "farm", "train", "evaluate", "synth"}
"""Commands with tests of their own that run without end, or for many minutes."""
BLOCK = re.compile(r"^```\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    """The lines of all plain code blocks."""
    text = page.read_text("utf-8")
    return [line for block in BLOCK.findall(text) for line in block.splitlines() if line]


def test_the_two_commands_of_the_contract_are_there(repository: Path) -> None:
    lines = commands(repository / "README.md")
    assert "pip install . && reenact demo" in lines
    assert "pip install -e '.[dev]' && pytest" in lines


def test_links_lead_to_files_that_are_there(repository: Path) -> None:
    pages = [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def section_of(line: str, reference: str) -> str:
    """What the reference says of a line's command, which is of one word or two."""
    words = line.split()[1:]
    for name in (" ".join(words[:2]), words[0]):
        _, found, after = reference.partition(f"## reenact {name}\n")
        if found:
            return after.partition("\n## ")[0]
    raise AssertionError(f"no such command: {line}")


def test_every_option_on_a_page_exists(repository: Path) -> None:
    known = (repository / "docs" / "reference" / "cli.md").read_text("utf-8")
    pages = ["README.md", "docs/tutorials", "docs/how-to"]
    files = [f for page in pages for f in [repository / page] if f.is_file()]
    files += [f for page in pages for f in sorted((repository / page).glob("*.md"))]
    for page in files:
        for line in commands(page):
            if not line.startswith("reenact "):
                continue
            section = section_of(line, known)
            for option in re.findall(r" (--?[a-z][a-z-]*)", line):
                assert f"`{option}" in section, f"{page.name}: {line}"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # minutes on idle cores, many more on busy ones
def test_the_commands_run_in_their_order(repository: Path, demo: Demo) -> None:
    for line in commands(repository / "README.md"):
        if not line.startswith("reenact ") or line.split()[1] in ELSEWHERE:
            continue
        done = reenact(*line.split()[1:], cwd=demo.folder, seconds=900)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert (demo.folder / "reenact-demo" / "sheet.png").is_file()
    assert (demo.folder / "face.mp4").is_file()


def test_the_package_imports_without_its_heavy_parts() -> None:
    code = "import sys, reenact_core; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
