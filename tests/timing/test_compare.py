"""The judge of the times is judged: what it must tell apart, and what it must not."""

from random import Random

import pytest
from tests.timing.compare import compare, likelihood


def normal(seed: int, mean: float, spread: float = 0.002, number: int = 400) -> list[float]:
    random = Random(seed)  # noqa: S311  (samples, not secrets)
    return [random.gauss(mean, spread) for _ in range(number)]


def test_one_kind_of_times_is_alike():
    verdicts = [compare("x", normal(2 * n, 0.05), normal(2 * n + 1, 0.05)).holds for n in range(50)]
    assert verdicts.count(False) <= 2


@pytest.mark.parametrize(("mean", "spread"), [(0.053, 0.002), (0.0506, 0.002), (0.05, 0.004)])
def test_other_times_are_told_apart(mean, spread):
    assert not compare("x", normal(1, mean, spread), normal(2, 0.05)).holds


def test_a_likelihood_is_the_one_in_the_tables():
    """1.358 is the critical value of the asymptotic distribution at five per cent."""
    number = 10_000
    shift = round(1.358 / (number / 2) ** 0.5 * number)
    p = likelihood(range(number), range(shift, number + shift))
    assert p == pytest.approx(0.05, abs=0.002)
    assert likelihood(range(9), range(9)) == 1.0
    assert likelihood(range(9), range(100, 109)) < 0.001
