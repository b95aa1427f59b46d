from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cases(repository: Path) -> Path:
    """Inputs made after public reports, which lie beside the repository and never inside it."""
    folder = repository.parent / "shared" / "cases"
    if not (folder / "README.md").is_file():
        pytest.skip("needs the cases of public reports beside the repository, which are not here")
    return folder
