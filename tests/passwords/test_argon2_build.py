import os
from pathlib import Path

import pytest
from argon2.exceptions import HashingError

from authsvc.passwords.argon2_build import (
    Build,
    Instructions,
    can_run_avx2,
    find_build,
    instructions_in,
    measure,
)
from authsvc.passwords.hasher import HashingProfile

# The multiplication as assemblers encode it, with low and with high registers.
PMULUDQ = ["660ff4c1", "66450ff4ca"]
VPMULUDQ_XMM = ["c5f9f4c1", "c44139f4c9"]
VPMULUDQ_YMM = ["c5fdf4c1", "c5b5f4d2", "c4413df4c9", "c4c17df4c1"]
VPMULUDQ_ZMM = ["62f1fd48f4c1", "62d1bd48f4c9", "6221fd40f4c1"]

FLAGS = "flags\t\t: fpu sse2 avx f16c fma abm movbe xsave bmi1 avx2 bmi2"


def code_with(instructions: list[str]) -> bytes:
    return b"\x90\x48\x89\xe5".join(bytes.fromhex(each) for each in instructions * 16)


@pytest.mark.parametrize(
    ("instructions", "found"),
    [
        (PMULUDQ, Instructions.SSE2),
        (VPMULUDQ_XMM, Instructions.SSE2),
        *(([each], Instructions.AVX2) for each in VPMULUDQ_YMM),
        *(([each], Instructions.AVX512) for each in VPMULUDQ_ZMM),
    ],
)
def test_the_width_of_the_multiplication_tells_what_code_was_compiled_for(
    instructions: list[str], found: Instructions
) -> None:
    assert instructions_in(code_with(instructions)) is found


def test_bytes_that_look_like_a_few_such_instructions_prove_nothing() -> None:
    assert instructions_in(code_with(PMULUDQ) + bytes.fromhex(VPMULUDQ_YMM[0]) * 3) is Instructions.SSE2


def test_the_build_in_use_says_where_it_came_from_and_what_it_is_made_for() -> None:
    found = find_build()
    assert str(found).endswith(("as published", "built from source"))
    if found.published and os.uname().machine == "x86_64":
        assert found == Build(Instructions.SSE2, published=True)
        assert str(found) == "SSE2 code, as published"


@pytest.mark.parametrize("missing", ["avx2", "bmi2", "fma", "movbe"])
def test_avx2_alone_is_not_enough_of_a_processor(missing: str) -> None:
    assert can_run_avx2(f"processor\t: 0\n{FLAGS}\nbugs\t\t: none\n")
    assert not can_run_avx2(FLAGS.replace(f" {missing}", ""))


def test_a_processor_that_nobody_describes_is_not_relied_on() -> None:
    assert not can_run_avx2("")
    assert not can_run_avx2("Features\t: fp asimd evtstrm aes\n")


def test_measuring_gives_the_time_of_one_hash() -> None:
    speed = measure(HashingProfile())
    assert 0 < speed.processor < 60
    assert 0 < speed.elapsed < 60


def test_measuring_without_enough_memory_fails_as_hashing_does() -> None:
    available = Path("/proc/self/status")
    if not available.exists():
        pytest.skip("address space is limited on Linux only")
    import resource  # noqa: PLC0415 - not everywhere

    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**32, before[1]))
    try:
        with pytest.raises(HashingError):
            measure(HashingProfile(memory_kib=4 * 2**20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
