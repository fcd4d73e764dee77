"""Fixtures open the clients: to build the pages reads files, which no test may do on the event loop."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient
from tests.pages.visiting import gone, hostile, outdated, read_only, visitor, well


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with visitor({"database": well, "redis": well}) as visiting:
        yield visiting


@pytest.fixture
async def client_without_docs() -> AsyncIterator[AsyncClient]:
    async with visitor({"database": well}, docs_enabled=False) as visiting:
        yield visiting


@pytest.fixture
async def client_in_trouble() -> AsyncIterator[AsyncClient]:
    async with visitor({"database": outdated, "redis": gone, "signing_keys": well}) as visiting:
        yield visiting


@pytest.fixture
async def client_without_writes() -> AsyncIterator[AsyncClient]:
    async with visitor({"database": read_only, "redis": well}) as visiting:
        yield visiting


@pytest.fixture
async def client_of_a_hostile_probe() -> AsyncIterator[AsyncClient]:
    async with visitor({"database": hostile}) as visiting:
        yield visiting
