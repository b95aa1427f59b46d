from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reenact_core.engine.spool import from_samples, open_spool, require_space, to_samples
from reenact_core.errors import OutputError


def test_records_come_back_in_any_order(tmp_path: Path) -> None:
    records = np.random.default_rng(0).integers(0, 65536, (5, 4, 3), np.uint16)
    with open_spool(tmp_path / "a" / "crops", (4, 3), np.uint16) as spool:
        for number in (3, 0, 4, 1, 2):
            spool.write(number, records[number])
        for number in (2, 4, 0, 3, 1):
            assert (spool.read(number) == records[number]).all()


def test_a_spool_is_gone_after_use_even_when_its_user_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), open_spool(tmp_path / "crops", (2,), np.uint8) as spool:
        spool.write(0, np.zeros(2, np.uint8))
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_another_shape_is_refused(tmp_path: Path) -> None:
    with (
        open_spool(tmp_path / "crops", (2,), np.uint8) as spool,
        pytest.raises(ValueError, match="a record must be"),
    ):
        spool.write(0, np.zeros(3, np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_samples_survive_the_way_to_values_and_back(dtype: Any) -> None:
    samples = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    assert (to_samples(from_samples(samples), dtype) == samples).all()


def test_a_missing_disk_says_how_much_is_needed_and_free(tmp_path: Path) -> None:
    require_space(tmp_path, 1, "sh010")
    with pytest.raises(OutputError, match=r"sh010 needs about 1000000000\.0 GB .* is free"):
        require_space(tmp_path, 10**18, "sh010")
