"""Compound Poisson energies and normal deviates against their closed forms, and against integer arithmetic."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy import stats

from radiography import noise
from radiography.noise import NORMAL_ABOVE_QUANTA, draw_portions, standard_normal
from tests import reference

SHAPE = (600, 501)
COUNT = SHAPE[0] * SHAPE[1]
MEAN_KEV, VARIANCE_KEV2 = 30.0, 200.0  # of one quantum: a Swank factor of 0.82
SQUARE_KEV2 = MEAN_KEV**2 + VARIANCE_KEV2
MEANS = [0.3, 3.0, 30.0, 63.0, 65.0, 300.0]


def _uniform_exposure(mean_quanta, shape=SHAPE, square_keV2=SQUARE_KEV2):
    each = [mean_quanta, mean_quanta * MEAN_KEV, mean_quanta * square_keV2]
    return [np.full(shape, value, dtype=np.float32) for value in each]


def _gamma_moment(order, mean=MEAN_KEV, variance=VARIANCE_KEV2):
    """Raw moment of a gamma variable: scale^n Gamma(k + n) / Gamma(k)."""
    shape, scale = mean**2 / variance, variance / mean
    return scale**order * np.prod(shape + np.arange(order))


def _deposited(mean_quanta, seed=1):
    return draw_portions(*_uniform_exposure(mean_quanta), np.random.default_rng(seed)).astype(np.float64)


@pytest.fixture(scope="module", params=MEANS)
def drawn(request):
    return request.param, _deposited(request.param)


def test_deposited_energy_has_the_mean_of_a_compound_poisson_sum(drawn):
    mean_quanta, deposited = drawn
    standard_error = np.sqrt(mean_quanta * SQUARE_KEV2 / COUNT)
    assert abs(deposited.mean() - mean_quanta * MEAN_KEV) < 4 * standard_error


def test_deposited_energy_has_the_variance_of_a_compound_poisson_sum(drawn):
    mean_quanta, deposited = drawn
    variance = mean_quanta * SQUARE_KEV2
    # Excess kurtosis of a compound Poisson sum is E[e^4] / (N E[e^2]^2); the normal branch has none, so this is wide.
    excess = _gamma_moment(4) / (mean_quanta * SQUARE_KEV2**2)
    standard_error = variance * np.sqrt((2.0 + excess) / COUNT)
    assert abs(deposited.var() - variance) < 4 * standard_error


def test_skewness_follows_theory_below_the_threshold_and_steps_by_less_than_its_docstring_says():
    below, above = NORMAL_ABOVE_QUANTA - 1.0, NORMAL_ABOVE_QUANTA + 1.0
    # E[e^3] / (E[e^2]^1.5 sqrt(N)) with the gamma variable of the total, whose third moment differs from that of a sum
    # over gamma quanta by nothing: a sum of n gammas of one scale is a gamma.
    theory = _gamma_moment(3) / (SQUARE_KEV2**1.5 * np.sqrt(below))
    standard_error = np.sqrt(6.0 / COUNT)  # of the skewness of a nearly normal sample
    assert abs(stats.skew(_deposited(below), axis=None) - theory) < 4 * standard_error
    assert abs(stats.skew(_deposited(above), axis=None)) < 4 * standard_error
    assert theory < 0.2


@pytest.mark.parametrize("variance_keV2", [VARIANCE_KEV2, 4 * MEAN_KEV**2])  # the second: a gamma shape below one
@pytest.mark.parametrize("mean_quanta", [0.3, 3.0, 30.0])
def test_deposited_energy_is_distributed_as_a_sum_over_single_quanta(mean_quanta, variance_keV2):
    slow = reference.sum_of_gammas(COUNT // 10, mean_quanta, MEAN_KEV, variance_keV2, np.random.default_rng(7))
    maps = _uniform_exposure(mean_quanta, square_keV2=MEAN_KEV**2 + variance_keV2)
    fast = draw_portions(*maps, np.random.default_rng(1))
    # Zeros are a fraction of their own: compare it first, then the shape of the rest.
    zero_fraction = np.exp(-mean_quanta)
    assert abs(np.mean(fast == 0) - zero_fraction) < 4 * np.sqrt(zero_fraction * (1 - zero_fraction) / COUNT) + 1e-12
    # Kolmogorov-Smirnov: a true equality gives p below 1e-4 once in ten thousand seeds.
    assert stats.ks_2samp(fast[fast > 0], slow[slow > 0]).pvalue > 1e-4


@pytest.mark.parametrize("mean_quanta", [0.3, 5.0, 9.7, 63.0, 64.0])
def test_quanta_of_one_energy_leave_whole_numbers_of_it_with_poisson_frequency(mean_quanta):
    maps = _uniform_exposure(mean_quanta, square_keV2=MEAN_KEV**2)
    counts = draw_portions(*maps, np.random.default_rng(3)).astype(np.float64).ravel() / MEAN_KEV
    whole = np.rint(counts)
    np.testing.assert_allclose(counts, whole, atol=1e-4)  # float32 of the mean energy: 1e-7 of 100 quanta and its ratio
    low, high = stats.poisson.ppf([1e-3, 1 - 1e-3], mean_quanta)
    edges = np.arange(low, high + 1)
    found = np.array([(whole < low).sum(), *((whole == edge).sum() for edge in edges), (whole > high).sum()])
    chances = [stats.poisson.cdf(low - 1, mean_quanta), *stats.poisson.pmf(edges, mean_quanta)]
    expected = np.array([*chances, stats.poisson.sf(high, mean_quanta)]) * COUNT
    kept = expected > 0
    chi_square = np.sum((found[kept] - expected[kept]) ** 2 / expected[kept])
    # A chi-square variable of n classes has variance 2 (n - 1).
    assert chi_square < kept.sum() - 1 + 5 * np.sqrt(2.0 * (kept.sum() - 1))


def test_tabulated_means_have_the_poisson_distribution() -> None:
    at_most, begin = noise._poisson_tables()
    means, number = np.arange(len(at_most)) / noise.MEANS_PER_QUANTUM, np.arange(at_most.shape[1])
    assert means[-1] == noise.NORMAL_ABOVE_QUANTA
    np.testing.assert_allclose(at_most, stats.poisson.cdf(number, means[:, None]), rtol=0, atol=2e-14)
    assert (at_most[:, -1] == 1.0).all()
    for line, first in zip(at_most, begin, strict=True):  # the search goes up, so it must not begin too high
        np.testing.assert_array_equal(first, np.searchsorted(line, np.arange(256) / 256))


@pytest.mark.parametrize("thickness", [0.0, 3.0])
@pytest.mark.parametrize("open_quanta", [40.0, 4000.0])
def test_noise_behind_a_hardening_filter_is_the_sum_of_squared_energies(open_quanta, thickness):
    line_keV = np.array([25.0, 60.0])
    line_quanta = open_quanta * np.array([0.7, 0.3]) * np.exp(-thickness * np.array([1.0, 0.25]))  # hardens the beam
    expected = np.sum(line_quanta * line_keV**2)
    planes = [line_quanta.sum(), np.sum(line_quanta * line_keV), expected]
    maps = [np.full(SHAPE, plane, dtype=np.float32) for plane in planes]
    deposited = draw_portions(*maps, np.random.default_rng(11)).astype(np.float64)
    # Standard error of the ratio: sqrt((2 + excess) / 300,600) is 0.003 to 0.005; the requirement is 0.02.
    assert abs(deposited.var() / expected - 1.0) < 0.02
    averaged = np.sum(line_quanta) * (np.sum(line_quanta * line_keV) / np.sum(line_quanta)) ** 2
    assert expected > 1.03 * averaged  # noise of the mean energy would be outside the limit


def test_twice_the_energy_per_quantum_is_twice_the_deposited_energy():
    quanta, energy, square = _uniform_exposure(3.0, (48, 64))
    once = draw_portions(quanta, energy, square, np.random.default_rng(5))
    twice = draw_portions(quanta, 2 * energy, 4 * square, np.random.default_rng(5))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)  # float32


@pytest.mark.parametrize("value", [0.0, -0.0])
def test_no_quanta_leave_no_energy(value):
    nothing = np.full((48, 64), value, dtype=np.float32)
    assert not draw_portions(nothing, nothing, nothing, np.random.default_rng(0)).any()


def test_energy_is_never_negative_below_the_threshold():
    assert _deposited(NORMAL_ABOVE_QUANTA - 0.5).min() >= 0.0
    assert _deposited(0.02).min() >= 0.0


def test_more_exposed_pixels_hold_more_energy():
    quanta, energy, square = _uniform_exposure(20.0, (48, 64))
    ramp = np.linspace(0.1, 10.0, 64, dtype=np.float32)
    columns = draw_portions(quanta * ramp, energy * ramp, square * ramp, np.random.default_rng(2)).mean(axis=0)
    slope = np.polyfit(ramp, columns, 1)[0]
    # Weighted noise of a column mean is below sqrt(200 x 1100 / 48) = 68 keV; the ramp spans 9.9 over 64 columns.
    assert abs(slope - 20.0 * MEAN_KEV) < 4 * 68.0 / (ramp.std() * 8.0)


def test_input_maps_stay_as_they_are():
    maps = [np.full((48, 64), value, dtype=np.float32) for value in (3.0, 90.0, 3300.0)]
    before = [plane.copy() for plane in maps]
    draw_portions(*maps, np.random.default_rng(0))
    assert all(np.array_equal(plane, copy) for plane, copy in zip(maps, before, strict=True))


def test_maps_of_different_shapes_are_refused():
    quanta, energy, square = _uniform_exposure(3.0, (48, 64))
    with pytest.raises(ValueError, match=r"quanta are \(64, 48\), their total \(48, 64\).*one shape"):
        draw_portions(quanta.T, energy, square, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, -1.0, "quanta must be zero or positive everywhere, got -1"),
        (1, -3.0, "total must be zero or positive everywhere, got -3"),
        (2, np.nan, "square_sum must be zero or positive everywhere, got nan"),
    ],
)
def test_negative_and_missing_values_are_refused(place, value, message):
    maps = [np.array(plane) for plane in _uniform_exposure(3.0, (48, 64))]
    maps[place][7, 9] = value
    with pytest.raises(ValueError, match=message):
        draw_portions(*maps, np.random.default_rng(0))


def _mixed_exposure():
    """48 x 64 samples on both sides of the threshold, zeros and single energies among them."""
    quanta = np.geomspace(0.01, 1000.0, 48 * 64).reshape(48, 64)
    quanta[5] = 0.0
    square = quanta * SQUARE_KEV2
    square[9] = quanta[9] * MEAN_KEV**2
    return [plane.astype(np.float32) for plane in (quanta, quanta * MEAN_KEV, square)]


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: draw_portions(*_mixed_exposure(), rng),
        lambda rng: standard_normal(48, 65, rng),
    ],
    ids=["draw_portions", "standard_normal"],
)
class TestReproducibility:
    def test_same_seed_gives_the_same_bytes_on_one_thread_and_two(self, draw):
        one = reference.on_threads(1, lambda: draw(np.random.default_rng(42)))
        two = reference.on_threads(2, lambda: draw(np.random.default_rng(42)))
        assert one.tobytes() == two.tobytes()

    def test_another_seed_gives_another_picture(self, draw):
        assert draw(np.random.default_rng(1)).tobytes() != draw(np.random.default_rng(2)).tobytes()

    def test_a_second_frame_of_one_generator_is_another_picture(self, draw):
        rng = np.random.default_rng(1)
        assert draw(rng).tobytes() != draw(rng).tobytes()


def _correlation(first, second):
    return np.corrcoef(first.ravel(), second.ravel())[0, 1]


@pytest.mark.parametrize("mean_quanta", [3.0, 300.0])
def test_energies_of_neighbouring_rows_and_columns_are_uncorrelated(mean_quanta):
    deposited = _deposited(mean_quanta)
    limit = 4 / np.sqrt(COUNT)  # four standard errors of a correlation
    assert abs(_correlation(deposited[:-1], deposited[1:])) < limit
    assert abs(_correlation(deposited[:, :-1], deposited[:, 1:])) < limit


@pytest.fixture(scope="module")
def deviates():
    return standard_normal(*SHAPE, np.random.default_rng(17)).astype(np.float64)


@pytest.mark.parametrize(
    ("statistic", "standard_error", "expected"),
    [
        (np.mean, 1 / np.sqrt(COUNT), 0.0),
        (np.var, np.sqrt(2 / COUNT), 1.0),
        (lambda x: stats.skew(x, axis=None), np.sqrt(6 / COUNT), 0.0),
        (lambda x: stats.kurtosis(x, axis=None), np.sqrt(24 / COUNT), 0.0),
    ],
    ids=["mean", "variance", "skewness", "kurtosis"],
)
def test_normal_deviates_have_the_moments_of_the_normal_distribution(deviates, statistic, standard_error, expected):
    assert abs(statistic(deviates) - expected) < 4 * standard_error


def test_normal_deviates_follow_the_normal_distribution(deviates):
    assert stats.kstest(deviates.ravel(), "norm").pvalue > 1e-4  # a true normal fails once in ten thousand seeds
    assert 4.0 < np.abs(deviates).max() < 6.5  # of 300,600: beyond 4 in 19, beyond 6.5 in 2e-5 of all pictures


@pytest.mark.parametrize("beyond", [0.0, 1.0, 2.5, 3.5, 3.7, 4.0])  # 3.65 is where the tail begins
def test_normal_deviates_are_as_rare_as_they_should_be_in_both_tails(beyond):
    wanted = 16 * COUNT * stats.norm.sf(beyond)
    found = standard_normal(16 * SHAPE[0], SHAPE[1], np.random.default_rng(23))
    for count in ((found > beyond).sum(), (found < -beyond).sum()):
        assert abs(count - wanted) < 4 * np.sqrt(wanted)


@pytest.mark.parametrize("power", [1, 2])  # neither signs nor sizes go together
def test_normal_deviates_of_neighbours_are_uncorrelated(deviates, power):
    values = deviates**power
    limit = 4 / np.sqrt(COUNT)
    assert abs(_correlation(values[:-1], values[1:])) < limit
    assert abs(_correlation(values[:, :-1], values[:, 1:])) < limit
    assert abs(_correlation(values[:, 0::2][:, :250], values[:, 1::2])) < 4 / np.sqrt(COUNT / 2)


def test_random_words_are_those_of_the_published_generators():
    # First words of splitmix64 from seed 1234567 (Vigna's C code) and of xoshiro256++ from the state 1, 2, 3, 4.
    words = reference.split_mix_words(1234567)
    assert [next(words) for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    words = reference.xoshiro_words([1, 2, 3, 4])
    assert [next(words) for _ in range(3)] == [41943041, 58720359, 3588806011781223]


@pytest.mark.parametrize("cols", [64, 65])
def test_normal_deviates_are_those_of_integer_arithmetic(cols):
    seeds = np.random.default_rng(8).integers(0, 2**64, size=48, dtype=np.uint64)  # one seed per row, as documented
    slow = np.array([reference.normal_row(int(seed), cols) for seed in seeds])
    fast = standard_normal(48, cols, np.random.default_rng(8))
    np.testing.assert_allclose(fast, slow, rtol=2e-7)  # one rounding to float32


def test_compiled_and_uncompiled_energies_agree(monkeypatch):
    maps = _mixed_exposure()
    compiled = draw_portions(*maps, np.random.default_rng(4))
    for name, member in inspect.getmembers(noise):
        if hasattr(member, "py_func"):
            monkeypatch.setattr(noise, name, member.py_func)
    with np.errstate(over="ignore"):  # 64-bit words wrap round by design
        plain = draw_portions(*maps, np.random.default_rng(4))
    np.testing.assert_allclose(compiled, plain, rtol=3e-7)  # float32, and the last digit of log and sqrt


@pytest.mark.slow  # numba compiles a kernel of its own for arrays that cannot be written to
def test_read_only_maps_give_the_same_energies():
    maps = _mixed_exposure()
    locked = [reference.read_only(plane) for plane in maps]
    writable = draw_portions(*maps, np.random.default_rng(4))
    assert draw_portions(*locked, np.random.default_rng(4)).tobytes() == writable.tobytes()
