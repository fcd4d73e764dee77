"""The judge is judged: histories that went wrong, made by hand, each must be found out."""

from dataclasses import replace

from tests.races.checker import is_linearisable, judge
from tests.races.history import NEVER, Act, Deed, History, Kind, Operation, Outcome

S = "a session"


def start(at: int = 0) -> Operation:
    return Operation(Kind.START, S, at, at + 1, Outcome.DONE, owner="ada")


def refresh(begin: int, end: int, generation: int, answer: str = "") -> Operation:
    """``answer``: the successor; empty if it is the right one, ``-`` if it was refused."""
    if answer == "-":
        return Operation(Kind.REFRESH, S, begin, end, Outcome.REFUSED, generation)
    answer = answer or f"token {generation + 1}"
    return Operation(Kind.REFRESH, S, begin, end, Outcome.DONE, generation, answer, generation + 1)


def look(begin: int, end: int, *, alive: bool, owner: str = "ada") -> Operation:
    outcome = Outcome.DONE if alive else Outcome.REFUSED
    return Operation(Kind.LOOK, S, begin, end, outcome, owner=owner if alive else "")


def end(begin: int, end: int) -> Operation:
    return Operation(Kind.END, S, begin, end, Outcome.DONE)


def stored(begin: int, generation: int) -> Operation:
    return Operation(Kind.STORED, S, begin, begin + 1, Outcome.DONE, generation)


def broken(
    *operations: Operation, acts: tuple[Act, ...] = (), rows: dict[str, int] | None = None
) -> set[str]:
    history = History(acts=list(acts), rows=rows or {})
    for operation in operations:
        history.note(operation)
    return {verdict.name for verdict in judge(history, limit=10) if verdict.violations}


def test_an_honest_history_is_not_accused():
    tabs = [refresh(10, 20, 1), refresh(11, 19, 1), refresh(12, 30, 1)]
    racing = [refresh(40, 60, 2), look(41, 59, alive=True), end(42, 58), look(43, 57, alive=False)]
    after = [look(70, 71, alive=False), refresh(72, 73, 3, "-"), stored(74, 0)]
    assert broken(start(), *tabs, stored(32, 2), *racing, *after) == set()


def test_a_refresh_after_an_acknowledged_end_is_found():
    assert broken(start(), end(10, 20), refresh(21, 30, 1)) == {"S1", "LIN"}


def test_a_look_after_an_acknowledged_end_is_found():
    assert broken(start(), end(10, 20), look(21, 30, alive=True)) == {"S1", "LIN"}


def test_a_session_that_is_stored_again_after_its_end_is_found():
    assert broken(start(), end(10, 20), stored(21, 1)) == {"S1", "LIN"}


def test_what_runs_beside_an_end_may_go_either_way():
    assert broken(start(), end(10, 20), refresh(15, 30, 1)) == set()
    assert broken(start(), end(10, 20), refresh(15, 30, 1, "-")) == set()


def test_a_refusal_without_any_end_is_found():
    assert broken(start(), look(10, 20, alive=False)) == {"LIN"}
    assert broken(start(), refresh(10, 20, 1, "-")) == {"LIN"}


def test_a_session_that_comes_back_while_it_is_being_ended_is_found():
    beside = end(10, 90)
    assert broken(start(), beside, look(20, 30, alive=False), look(40, 50, alive=True)) == {"LIN"}


def test_two_successors_of_one_generation_are_found():
    assert broken(start(), refresh(10, 20, 1), refresh(11, 21, 1, "another")) == {"S3"}


def test_a_generation_that_advanced_twice_is_found():
    assert broken(start(), refresh(10, 20, 1), refresh(11, 21, 1), stored(30, 3)) == {"S2", "LIN"}
    skipping = replace(refresh(10, 20, 1), successor_generation=3)
    assert "S2" in broken(start(), skipping)


def test_a_generation_that_fell_back_is_found():
    assert broken(start(), refresh(10, 20, 1), refresh(30, 40, 2), stored(50, 2)) == {"S4", "LIN"}


def test_an_old_token_that_is_honoured_is_found():
    history = [start(), refresh(10, 20, 1), refresh(30, 40, 2), refresh(50, 60, 1)]
    assert broken(*history) == {"S4", "LIN"}


def test_an_old_token_that_ends_nothing_is_found():
    reuse = [start(), refresh(10, 20, 1), refresh(30, 40, 2), refresh(50, 60, 1, "-")]
    assert broken(*reuse, look(70, 80, alive=False)) == set()
    assert broken(*reuse, look(70, 80, alive=True)) == {"LIN"}


def test_a_forged_token_that_is_honoured_is_found():
    assert broken(start(), Operation(Kind.FORGED, S, 10, 20, Outcome.DONE)) == {"S5", "LIN"}


def test_a_session_that_shows_somebody_else_is_found():
    assert broken(start(), look(10, 20, alive=True, owner="grace")) == {"S7"}


def test_a_lost_reply_that_is_refused_afterwards_is_found():
    lost = Operation(Kind.REFRESH, S, 10, NEVER, Outcome.UNKNOWN, 1)
    again = replace(refresh(20, 30, 1), retry=True)
    assert broken(start(), lost, again, stored(40, 2)) == set()
    assert broken(start(), lost, replace(refresh(20, 30, 1, "-"), retry=True)) == {"L1", "LIN"}


def test_a_lost_request_may_arrive_late_or_never():
    lost = Operation(Kind.REFRESH, S, 10, NEVER, Outcome.UNKNOWN, 1)
    assert is_linearisable([start(), lost, stored(20, 1), stored(30, 2)])
    assert is_linearisable([start(), lost, stored(20, 1), stored(30, 1)])
    assert not is_linearisable([start(), lost, stored(20, 2), stored(30, 1)])
    assert not is_linearisable([start(), lost, stored(20, 3)])


def test_a_login_beside_an_end_of_all_may_come_before_or_after_but_not_both():
    login = Operation(Kind.START, S, 10, 30, Outcome.DONE, owner="ada")
    beside = end(15, 25)
    assert is_linearisable([login, beside, look(40, 50, alive=True)])
    assert is_linearisable([login, beside, look(40, 50, alive=False)])
    assert not is_linearisable([login, beside, look(40, 50, alive=False), look(60, 70, alive=True)])
    assert broken(login, beside, look(40, 50, alive=True)) == set()


def test_one_guess_too_many_is_found():
    def guesses(tried: int, refused: int = 190) -> tuple[Act, ...]:
        statuses = [401] * tried + [429] * refused
        return tuple(Act(Deed.GUESS, "ada", 0, 1, status) for status in statuses)

    assert broken(acts=guesses(10)) == set()
    assert broken(acts=guesses(11)) == {"S8"}
    assert broken(acts=(*guesses(10), Act(Deed.GUESS, "ada", 0, 1, 200))) == {"S8"}


def test_a_second_row_of_one_name_is_found():
    made = Act(Deed.REGISTER, "ada", 0, 1, 201)
    refused = replace(made, status=409)
    assert broken(acts=(made, refused), rows={"ada": 1}) == set()
    assert broken(acts=(made, made), rows={"ada": 1}) == {"S9"}
    assert broken(acts=(made, refused), rows={"ada": 2}) == {"S9"}


def test_a_replaced_password_that_still_opens_is_found():
    first = Act(Deed.SET_PASSWORD, "ada", 0, 0, 204, "first")
    second = Act(Deed.SET_PASSWORD, "ada", 10, 20, 204, "second")
    old = Act(Deed.LOG_IN, "ada", 21, 30, 200, "first")
    assert broken(acts=(first, second, old)) == {"PWD"}
    assert broken(acts=(first, second, replace(old, invoked=15))) == set()
    assert broken(acts=(first, second, replace(old, status=401))) == set()
    assert broken(acts=(first, second, replace(old, status=401, password="second"))) == {"PWD"}


def test_a_promise_that_was_never_put_to_the_test_does_not_count_as_kept():
    assert not any(verdict.holds for verdict in judge(History(), limit=10))
