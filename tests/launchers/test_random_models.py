"""Whatever is asked for: a model that passes the checks, or one line why not."""

from __future__ import annotations

import pytest
from random_models import build_pair, build_unit, random_pair, random_unit


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(10))
def test_a_random_pair_is_built_or_refused_in_one_line(seed):
    told = build_pair(seed)
    assert told, random_pair(seed)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(5))
def test_an_oligomer_of_a_random_unit_is_built_or_refused_in_one_line(seed):
    told = build_unit(seed)
    assert told, random_unit(seed)
