"""What every answer must keep, whatever was asked."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from tests.attack.attacked import Attacked
from tests.attack.case import MARKER, Ask, Case
from tests.attack.wire import Answer, Exchange

from authsvc.api.middleware import PROTECTION
from authsvc.problems import catalogue

DOOR = frozenset({400, 404, 405, 408, 413, 414, 415, 417, 421, 431, 501, 505})
"""What the door may answer before an operation is reached, or where there is none."""

PROXY = frozenset({400, 404, 405, 408, 413, 414, 421, 431, 501, 505})
"""What a proxy may answer by itself. Not 502: then it and the service disagreed about the request."""

_TELLING = ("server", "x-powered-by", "via", "set-cookie", "location", "refresh")
_DEVICE = "authsvc_device=dt1_"  # only a login and a change of the password succeed with it; it opens nothing
_INSIDES = re.compile(rb"Traceback|site-packages|File \"|sqlalchemy|asyncpg|pydantic|SELECT |INSERT |uvicorn")


def judge(case: Case, seen: Exchange, run: Attacked, *, proxied: bool) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with what came back."""
    if seen.trouble:
        yield seen.trouble
    yield from _ended(case, seen, proxied=proxied)
    for answer in seen.answers:
        yield from _kept_by_all(answer, run, case, proxied=proxied)
    if seen.answers:
        yield from _right(case, seen.answers, run, proxied=proxied)


def _ended(case: Case, seen: Exchange, *, proxied: bool) -> Iterator[str]:
    if not seen.answers and not seen.trouble and not case.may_hang_up:
        yield "closed without an answer"
    if proxied and case.mended and any("x-request-id" in dict(answer.headers) for answer in seen.answers):
        return  # the proxy has put it right and passed it on: what follows is a request of its own
    if len(seen.answers) > case.answers:
        statuses = [answer.status for answer in seen.answers]
        yield f"{len(statuses)} answers instead of {case.answers}: {statuses}"
    if case.closes and not seen.closed:
        yield "the connection was left open"


def _right(case: Case, answers: Sequence[Answer], run: Attacked, *, proxied: bool) -> Iterator[str]:
    last = answers[-1]
    by_service = "x-request-id" in dict(last.headers)
    right = case.statuses | (case.mended if proxied else frozenset())
    if proxied and not by_service:
        right |= PROXY
    if last.status not in right:
        yield f"{last.status} {_code(last)} instead of {sorted(case.statuses)}".replace("  ", " ")
    elif case.code and by_service and last.status >= 400 and _code(last) != case.code and not case.is_head:
        yield f"the problem {_code(last)!r} instead of {case.code!r}"
    if isinstance(case.send, Ask) and last.status not in _documented(case.send, run) | DOOR:
        yield f"{last.status} is not documented for {case.send.method} {case.send.target[:60]}"


def _documented(ask: Ask, run: Attacked) -> frozenset[int]:
    path = ask.target.partition("?")[0]
    for template, methods in run.documented.items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return methods.get(ask.method, frozenset())
    return frozenset()


def _kept_by_all(answer: Answer, run: Attacked, case: Case, *, proxied: bool) -> Iterator[str]:
    by_service = "x-request-id" in dict(answer.headers)
    if answer.status == 500:
        yield "500: a defect"
    if answer.status in {502, 504}:
        yield f"{answer.status}: the proxy got no answer that it understood"
    if not proxied and not by_service:
        yield "x-request-id is missing"
    if by_service or not proxied:
        yield from _protected(answer, proxied=proxied)
    if answer.status >= 400 and not case.is_head and (by_service or not proxied):
        yield from _told(answer)
    for secret in run.secrets:
        if secret.encode() in answer.raw and not _may_hold(case, answer):
            yield f"a secret is in the answer: {secret[:8]}…"
    if MARKER.encode() in answer.raw and not case.may_say:
        yield "what was sent is repeated in the answer"
    if found := _INSIDES.search(answer.body) if answer.status >= 400 else None:
        yield f"the answer tells of the insides: {found[0]!r}"


def _may_hold(case: Case, answer: Answer) -> bool:
    """Whether these are the caller's own new tokens."""
    return (
        answer.status == 200 and isinstance(case.send, Ask) and case.send.target in {"/login", "/refresh_jwt"}
    )


def _protected(answer: Answer, *, proxied: bool) -> Iterator[str]:
    """Check the headers: A087, A088, A089, A090, A094."""
    names = dict(answer.headers)
    missing = [name for name in PROTECTION if name.lower() not in names]
    if missing:
        yield f"headers are missing: {', '.join(missing)}"
    for name in _TELLING:
        if (
            name in names
            and (name, answer.status) != ("location", 201)
            and not (name == "set-cookie" and answer.status in {200, 204} and _DEVICE in names[name])
            and not (proxied and names[name] == "nginx")
        ):
            yield f"a header that should not be there: {name}: {names[name][:80]}"
    if answer.status in {401, 403, 409, 422, 429} and answer.one("cache-control") != "no-store":
        yield "an answer about somebody may be kept on the way"
    if answer.status == 401 and not answer.one("www-authenticate").startswith("Bearer"):
        yield "401 without a challenge"  # A084
    if answer.status == 405 and not answer.one("allow"):
        yield "405 without Allow"
    if answer.status in {429, 503} and not answer.one("retry-after").isdigit():
        yield f"{answer.status} without Retry-After"


def _told(answer: Answer) -> Iterator[str]:
    """Check the form of a problem (RFC 9457): A086."""
    if answer.media_type != "application/problem+json":
        yield f"a refusal as {answer.media_type}: {answer.body[:60]!r}"
        return
    try:
        problem: dict[str, Any] = json.loads(answer.body)
    except ValueError:
        yield f"a problem that is no JSON: {answer.body[:60]!r}"
        return
    if problem.get("status") != answer.status:
        yield f"the problem says status {problem.get('status')!r}"
    if problem.get("code") not in catalogue():
        yield f"a code that is not in the catalogue: {problem.get('code')!r}"
    if problem.get("type") != f"/problems/{problem.get('code')}":
        yield f"a type that leads elsewhere: {problem.get('type')!r}"
    if problem.get("instance") != f"urn:uuid:{answer.one('x-request-id')}":
        yield "an instance that is not the request's id"


def _code(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["code"])
    except (ValueError, KeyError, TypeError):
        return ""


Further = Callable[[Attacked, Sequence[Answer]], Awaitable[Iterable[str]]]


async def _from_this_machine(run: Attacked, answers: Sequence[Answer]) -> Iterable[str]:
    """A025: whoever asks cannot choose its address."""
    bearer = json.loads(answers[-1].body)["access_token"]
    listed = await run.ask(Ask("GET", "/sessions", bearer=bearer))
    [session] = [one for one in json.loads(listed.body)["sessions"] if one["current"]]
    return [] if session["ip_address"] == "127.0.0.1" else [f"it is from {session['ip_address']}"]


async def _is_there(run: Attacked, _: Sequence[Answer]) -> Iterable[str]:
    answer = await run.ask(Ask("GET", "/user", bearer="<<victim.access>>"))
    return [] if answer.status == 200 else [f"the victim is answered {answer.status}"]


async def _is_the_attacker(run: Attacked, answers: Sequence[Answer]) -> Iterable[str]:
    return [] if run.values["attacker.user"].encode() in answers[-1].body else ["it is somebody else"]


async def _no_session_of_the_victim(run: Attacked, answers: Sequence[Answer]) -> Iterable[str]:
    return (
        ["the victim's session is listed"]
        if run.values["victim.session"].encode() in answers[-1].body
        else []
    )


async def _no_other_site(_: Attacked, answers: Sequence[Answer]) -> Iterable[str]:
    told = [name for answer in answers for name, _ in answer.headers if name.startswith("access-control-")]
    return [f"{name} is there" for name in told]


async def _says_when(_: Attacked, answers: Sequence[Answer]) -> Iterable[str]:
    return [] if answers and answers[-1].one("retry-after").isdigit() else ["no Retry-After"]


async def _nothing_follows(_: Attacked, answers: Sequence[Answer]) -> Iterable[str]:
    late = [answer.status for answer in answers[1:] if answer.status not in {400, 404, 405}]
    return [f"what follows was served: {late}"] if late else []


async def _its_own_request(_: Attacked, answers: Sequence[Answer]) -> Iterable[str]:
    statuses = [answer.status for answer in answers]
    return [] if statuses in ([400], [400, 200]) else [f"answered {statuses}"]


FURTHER: dict[str, Further] = {
    "the login is from this machine": _from_this_machine,
    "the victim is there": _is_there,
    "it is the attacker": _is_the_attacker,
    "no session of the victim": _no_session_of_the_victim,
    "no other site may read it": _no_other_site,
    "it says when": _says_when,
    "what follows is no request": _nothing_follows,
    "what follows is a request of its own": _its_own_request,
}
