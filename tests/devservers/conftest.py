import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.devservers.asking import OWNER, Owner, StartOwner, environment

from authsvc.devservers import Programs


@pytest.fixture(scope="session")
def installed() -> Path:
    """The folder of the installed PostgreSQL."""
    return Programs().find_postgres().parent


@pytest.fixture(scope="session")
def cluster(installed: Path) -> str:
    """The directory of the data, which has the name of the installed major version: ``pg18``."""
    words = [str(installed / "bin" / "postgres"), "--version"]
    printed = subprocess.run(words, capture_output=True, check=True, text=True).stdout  # noqa: S603 - our own words
    found = re.search(r"\d+", printed)
    assert found
    return f"pg{found[0]}"


@pytest.fixture
async def start_owner() -> AsyncIterator[StartOwner]:
    owners = []

    async def start(folder: Path) -> Owner:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(OWNER), str(folder)),
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        owners.append(process)
        assert process.stdout
        return Owner(process, **json.loads(await process.stdout.readline()))

    yield start
    for process in owners:
        if process.returncode is None:
            process.kill()
        await process.wait()
