import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("limit", "wanted", "allowed"),
    [("-S -n 256", 300, 300), ("-n 256", 300, 256), ("-S -n 256", 200, 200)],
    ids=["more may be had", "no more may be had", "there are enough"],
)
def test_as_many_descriptors_are_taken_as_there_may_be(limit, wanted, allowed):
    program = f"from authsvc.server.descriptors import allow_descriptors; print(allow_descriptors({wanted}))"
    command = ["sh", "-c", f'ulimit {limit} && exec "$0" -c "$1"', sys.executable, program]
    told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  (ours)
    assert int(told.stdout) == allowed
