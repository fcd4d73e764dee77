"""What the threads that hash ask of the memory."""

import resource
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from argon2.low_level import Type, hash_secret_raw

from authsvc.passwords import hashing_memory
from authsvc.passwords.hashing_memory import keep_memory

T = TypeVar("T")
_FEW = 100  # page faults; memory of 46 MiB taken anew costs 11 776

glibc_only = pytest.mark.skipif(
    sys.platform != "linux" or hashing_memory._glibc() is None, reason="it asks glibc and Linux"
)


def on_a_thread(memory_kib: int, work: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1, initializer=keep_memory, initargs=(memory_kib,)) as thread:
        return thread.submit(work).result()


def faults_of_a_later_hash(memory_kib: int) -> int:
    def one() -> bytes:
        return hash_secret_raw(b"password", b"somesalt", 1, memory_kib, 1, 32, Type.ID)

    one()
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    one()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


@glibc_only
@pytest.mark.parametrize("mebibytes", [19, 46])
def test_the_memory_of_one_hash_serves_the_next(mebibytes: int) -> None:
    assert on_a_thread(mebibytes * 1024, lambda: faults_of_a_later_hash(mebibytes * 1024)) < _FEW


@glibc_only
def test_it_begins_where_a_huge_page_does() -> None:
    libc = hashing_memory._glibc()

    def where() -> int:
        memory = libc.malloc(19 * 1024 * 1024)
        libc.free(memory)
        return int(memory)

    assert [on_a_thread(19 * 1024, where) % hashing_memory._HUGE_PAGE for _ in range(3)] == [0, 0, 0]


@glibc_only
@pytest.mark.parametrize("memory_kib", [8, 64 * 1024, 2**32 - 1])
def test_what_cannot_be_kept_is_hashed_all_the_same(memory_kib: int) -> None:
    digest = on_a_thread(
        memory_kib, lambda: hash_secret_raw(b"password", b"somesalt", 2, 65536, 1, 32, Type.ID)
    )
    assert digest.hex() == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_without_glibc_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def missing(_: None) -> None:
        raise error

    monkeypatch.setattr("ctypes.CDLL", missing)
    keep_memory(19 * 1024)
