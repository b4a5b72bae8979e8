"""The generator of every kernel file: one source, copied because numba's cache does not see edits in another file."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests import reference

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = (
    *("_generator", "_rotate_left", "_next_word", "_uniform", "_two_uniforms", "_azimuth", "_isotropic"),
    *("_locate", "_compton_cosine", "_rayleigh_cosine", "_ionised_shell"),  # of X-rays
)
SEEDS = (0, 1, 1234567, 2**63 + 5, 2**64 - 1)
COUNT = 300  # words of a stream; the first depend on few bits of the state


def _modules() -> list[ModuleType]:
    """Every kernel file that draws random words."""
    files = [
        path for path in (REPOSITORY / "radiography").rglob("*.py") if "def _next_word(" in path.read_text("utf-8")
    ]
    return [importlib.import_module(".".join(p.relative_to(REPOSITORY).with_suffix("").parts)) for p in sorted(files)]


MODULES = _modules()
each_copy = pytest.mark.parametrize("module", MODULES, ids=[module.__name__ for module in MODULES])


def _source(module: ModuleType, name: str) -> str:
    """Decorator, signature and body of a kernel, without comments and layout."""
    return ast.unparse(ast.parse(inspect.getsource(getattr(module, name).py_func)))


def _words(seed: int) -> list[int]:
    seeds = reference.split_mix_words(seed)
    words = reference.xoshiro_words([next(seeds) for _ in range(4)])
    return [next(words) for _ in range(COUNT)]


def test_the_files_with_random_words_are_those_that_we_know() -> None:
    assert {module.__name__.removeprefix("radiography.") for module in MODULES} == {
        "noise",
        "interaction.electron_kernels",
        "interaction.photon_transport",
        "interaction.stack_kernels",
        "light.film_kernels",
        "truth.event_kernels",
    }


@pytest.mark.parametrize("name", COPIED)
def test_copies_of_a_function_are_one_source(name: str) -> None:
    sources = {module.__name__: _source(module, name) for module in MODULES if hasattr(module, name)}
    first, *others = sources.items()
    assert others
    for copy in others:
        assert copy[1] == first[1], f"{name} of {copy[0]} differs from that of {first[0]}"


@each_copy
@pytest.mark.parametrize("seed", SEEDS)
def test_random_words_are_those_of_integer_arithmetic(module: ModuleType, seed: int) -> None:
    state = module._generator(np.uint64(seed))
    assert [int(module._next_word(state)) for _ in range(COUNT)] == _words(seed)


@pytest.mark.parametrize(
    "module", [module for module in MODULES if hasattr(module, "_two_uniforms")], ids=lambda m: m.__name__
)
def test_two_uniforms_are_the_halves_of_a_word(module: ModuleType) -> None:
    state = module._generator(np.uint64(7))
    halves = [((word >> 32) + 0.5, (word % 2**32) + 0.5) for word in _words(7)]
    assert [module._two_uniforms(state) for _ in range(COUNT)] == [(a / 2**32, b / 2**32) for a, b in halves]


@pytest.mark.parametrize(
    "module", [module for module in MODULES if hasattr(module, "_uniform")], ids=lambda m: m.__name__
)
def test_a_uniform_is_the_upper_53_bits_of_a_word(module: ModuleType) -> None:
    state = module._generator(np.uint64(7))
    # half a step is added in float64: above 1/2 it rounds to even
    assert [module._uniform(state) for _ in range(COUNT)] == [((word >> 11) + 0.5) / 2**53 for word in _words(7)]
