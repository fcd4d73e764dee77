"""``authsvc dev`` as somebody uses it: with its own servers, in a folder of one's own."""

import os
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest
from tests.cli.running import authsvc, environment, free_port, is_running, running

# Whole programs are started here, which takes its time where much else is running.
pytestmark = pytest.mark.timeout(180)

ADA = {"username": "ada", "password": "nine purple kettles sing"}


@pytest.fixture
def env() -> dict[str, str]:
    return environment(port=str(free_port()))


def server_pids(folder: Path) -> list[int]:
    return [int((folder / ".authsvc" / name).read_text()) for name in ("postgres.lock", "valkey.lock")]


def log_in(url: str) -> dict[str, str]:
    answer = httpx.post(f"{url}/login", json=ADA)
    assert answer.status_code == 200
    return dict(answer.json())


def refresh(url: str, tokens: dict[str, str]) -> httpx.Response:
    return httpx.post(f"{url}/refresh_jwt", json={"refresh_token": tokens["refresh_token"]})


def is_known(url: str, tokens: dict[str, str]) -> bool:
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    return httpx.get(f"{url}/user", headers=bearer).status_code == 200


def test_a_signal_stops_everything_in_order_and_nothing_is_forgotten(env, tmp_path):
    with running("dev", tmp_path, env) as dev:
        assert httpx.post(f"{dev.url}/register", json=ADA).status_code == 201
        tokens = log_in(dev.url)
        pids = server_pids(tmp_path)
        assert all(map(is_running, pids))
        assert dev.stop(signal.SIGTERM) == 0
        assert not any(map(is_running, pids))
    with running("dev", tmp_path, env) as dev:
        assert is_known(dev.url, tokens)
        assert log_in(dev.url)
        pids = server_pids(tmp_path)
        assert dev.stop(signal.SIGINT) == 0
        assert not any(map(is_running, pids))
        assert "Traceback" not in dev.said


# A051, A062
def test_what_was_acknowledged_outlives_a_kill_of_everything(env, tmp_path):
    with running("dev", tmp_path, env) as dev:
        assert httpx.post(f"{dev.url}/register", json=ADA).status_code == 201
        kept, ended, used = log_in(dev.url), log_in(dev.url), log_in(dev.url)
        successor = refresh(dev.url, used).json()
        assert refresh(dev.url, successor).status_code == 200
        bearer = {"Authorization": f"Bearer {ended['access_token']}"}
        assert httpx.post(f"{dev.url}/logout", headers=bearer).status_code == 204
        for pid in [*server_pids(tmp_path), dev.process.pid]:
            os.kill(pid, signal.SIGKILL)
        dev.process.wait()
    with running("dev", tmp_path, env) as dev:
        assert is_known(dev.url, kept)
        assert not is_known(dev.url, ended)
        assert refresh(dev.url, kept).status_code == 200
        assert is_known(dev.url, used)
        assert refresh(dev.url, used).status_code == 401, "it was used, and is no better after a restart"
        assert not is_known(dev.url, used)


def test_it_says_where_everything_is_and_a_second_one_is_refused(env, tmp_path):
    with running("dev", tmp_path, env) as dev:
        url = f"http://localhost:{env['AUTHSVC_PORT']}"
        for told in (
            rf"running +{url}$",
            rf"docs +{url}/docs$",
            rf"data +{tmp_path}/.authsvc$",
            r"stop +Ctrl-C$",
        ):
            assert re.search(told, dev.said, re.MULTILINE), told
        assert "alembic" not in dev.said
        assert httpx.get(f"{dev.url}/docs").status_code == 200
        assert (tmp_path / ".authsvc" / "secret_key").stat().st_mode & 0o777 == 0o600
        for port in (env["AUTHSVC_PORT"], "0"):
            second = authsvc("dev", where=tmp_path, env=env | {"AUTHSVC_PORT": port})
            assert second.returncode == 1
            assert re.fullmatch(
                rf"authsvc: The servers in {tmp_path}/.authsvc are already running, started by process "
                rf"{dev.process.pid}; .*\n",
                second.stderr,
            )
        assert httpx.get(f"{dev.url}/readyz").status_code == 200


def test_a_port_in_use_is_told_before_anything_is_started(env, tmp_path):
    with socket.create_server(("127.0.0.1", int(env["AUTHSVC_PORT"]))):
        refused = authsvc("dev", where=tmp_path, env=env)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"authsvc: Port {env['AUTHSVC_PORT']} on 127.0.0.1 is in use.")
    assert refused.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_dies_ends_it_with_a_sentence_that_names_its_log(env, tmp_path):
    with running("dev", tmp_path, env) as dev:
        postgres, valkey = server_pids(tmp_path)
        os.kill(valkey, signal.SIGKILL)
        assert dev.process.wait(30) == 1
        assert not is_running(postgres)
        assert "authsvc: Valkey stopped by itself (signal SIGKILL)." in dev.said
        assert f"{tmp_path}/.authsvc/valkey.log" in dev.said
        assert "Traceback" not in dev.said


def test_a_database_that_was_chosen_in_the_env_file_is_used_instead(env, tmp_path):
    (tmp_path / ".env").write_text("AUTHSVC_DATABASE_URL=sqlite+aiosqlite:///./mine.db\n")
    with running("dev", tmp_path, env) as dev:
        assert httpx.post(f"{dev.url}/register", json=ADA).status_code == 201
        assert log_in(dev.url)
        assert "in the database of AUTHSVC_DATABASE_URL" in dev.said
    assert (tmp_path / "mine.db").exists()
    assert not (tmp_path / ".authsvc" / "pg18").exists()
    assert (tmp_path / ".authsvc" / "valkey").exists()
