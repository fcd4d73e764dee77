import signal
import socket

import httpx
import pytest
from tests.cli.running import SECRET, authsvc, environment, free_port, running

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)

WHOLE = {"secret_key": SECRET, "database_url": "sqlite+aiosqlite:///none.db", "redis_url": "redis://nobody"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"secret_key": "changeme"}, "AUTHSVC_SECRET_KEY is too weak"),
        ({"wokers": "2"}, "There is no setting AUTHSVC_WOKERS. Did you mean AUTHSVC_WORKERS?"),
    ],
    ids=["weak", "misspelt"],
)
def test_settings_that_cannot_be_used_are_refused_in_a_sentence(settings, sentence, tmp_path):
    refused = authsvc("serve", where=tmp_path, env=environment(**(WHOLE | settings)))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"authsvc: {sentence}")
    assert "Traceback" not in refused.stderr


def test_all_that_is_missing_is_told_at_once(tmp_path):
    refused = authsvc("serve", where=tmp_path, env=environment())
    assert refused.returncode == 1
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL"):
        assert f"AUTHSVC_{name} is not set." in refused.stderr


def test_a_port_in_use_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = authsvc("serve", where=tmp_path, env=environment(**WHOLE, port=str(port)))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"authsvc: Port {port} on 127.0.0.1 is in use.")
    assert refused.stderr.count("\n") == 1


def test_one_process_stops_in_order(env, tmp_path):
    with running("serve", tmp_path, env | {"AUTHSVC_PORT": str(free_port())}) as service:
        assert httpx.get(f"{service.url}/docs").status_code == 404  # off, unless asked for
        assert service.stop(signal.SIGTERM) == 0
    assert "Traceback" not in service.said
