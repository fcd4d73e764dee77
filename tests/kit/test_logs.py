"""A100, A101, A102: what a line of the log looks like."""

import json
import logging
import sys
from collections.abc import Iterator
from contextvars import copy_context
from datetime import datetime, timedelta

import pytest
import structlog

from authsvc.kit.logs import configure_logs, request_id


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    kept = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers, root.level = kept[0], kept[1]
    structlog.configure(**kept[2])


@pytest.fixture(params=["structlog", "standard library"])
def log(request, capsys):
    """Log one event with values, by either way, and return the lines that were written."""

    def write(event: str, form="json", **values) -> list[str]:
        configure_logs("info", form)
        if request.param == "structlog":
            structlog.get_logger("authsvc.test").info(event, **values)
        else:
            logging.getLogger("library").info("%s %s", event, values or "")
        lines: list[str] = capsys.readouterr().out.splitlines()
        return lines

    return write


def test_an_event_is_one_json_object_on_one_line(log):
    [line] = log("something_happened")
    entry = json.loads(line)
    assert entry["event"].strip() == "something_happened"
    assert entry["level"] == "info"
    assert datetime.fromisoformat(entry["timestamp"]).utcoffset() == timedelta(0)


# A102
@pytest.mark.parametrize(
    "text",
    ["a\r\nb", "a\nb", "a\x1b[31mb", "a\u2028b", "a\u202eb", '","level":"error', "a\x00b", "\ud800", "\x85"],
)
def test_no_text_breaks_the_line_or_reaches_the_terminal(log, text):
    [line] = log(text, field=text)
    assert json.loads(line)["event"].startswith(text)
    assert json.loads(line)["level"] == "info"
    assert line.isascii()
    assert line.isprintable()


def test_a_traceback_shows_no_values_of_variables(capsys):  # A101
    configure_logs("info", "json")
    password = "zq9canary7xk"
    try:
        [][len(password)]
    except IndexError:
        structlog.get_logger("authsvc.test").exception("failed")
        logging.getLogger("library").exception("failed")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "IndexError" in json.loads(line)["exception"]
    written = "".join(lines).replace('password = "zq9canary7xk"', "")
    assert "zq9canary7xk" not in written


def test_lines_for_eyes_show_no_values_of_variables_either(capsys):  # A101
    configure_logs("info", "console")
    secret = "zq9{}".format("canary")
    try:
        [][len(secret)]
    except IndexError:
        structlog.get_logger("authsvc.test").exception("failed")
    written = capsys.readouterr().out
    assert "IndexError" in written
    assert "zq9canary" not in written


def test_what_is_below_the_level_is_not_written(capsys):
    configure_logs("warning", "json")
    structlog.get_logger("authsvc.test").info("quiet")
    structlog.get_logger("authsvc.test").warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["loud"]


def test_the_id_of_the_request_is_on_every_line_of_it(log):  # A100
    def serve():
        request_id.set("the-id")
        return log("something_happened")

    [line] = copy_context().run(serve)
    assert json.loads(line)["request_id"] == "the-id"


async def test_statements_and_what_they_carry_are_never_logged(service, capsys):  # A101
    configure_logs("debug", "json")
    assert (await service.register(email="zq9canary@example.com")).status_code == 201
    written = capsys.readouterr().out
    assert "zq9canary" not in written
    assert "argon2id" not in written
    assert "INSERT" not in written


def test_the_server_does_not_log_requests_a_second_time():  # A085
    configure_logs("debug", "json")
    assert logging.getLogger("uvicorn.access").disabled


def test_the_log_goes_to_standard_output():
    configure_logs("info", "json")
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stdout


def test_a_path_is_cut_before_a_token_in_it_is_whole(capsys):  # A101
    configure_logs("info", "json")
    structlog.get_logger().info("refused", path="/sessions/rt1_" + "zq9canary" * 12)
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["path"].startswith("/sessions/rt1_")
    assert len(json.loads(line)["path"]) < 60
