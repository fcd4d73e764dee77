"""How the table of security requirements finds its tests. Whether it is up to date, `make check` tells."""

import pytest
from scripts.write_requirements import (
    REQUIREMENTS,
    Place,
    Requirement,
    find_tests,
    holes,
    read_requirements,
    render,
)

SOURCE = '''
"""A901: the whole file."""
CASES = (  # A902
    1,
)

# A903, A904

@pytest.mark.parametrize("x", [1])  # A905
def test_one(x):  # A906
    def inner():  # A907
        """A908"""
    # A909: the same test still
    assert "A999"

# A910
# and more about it
class TestTwo:
    # A911
    @mark
    async def test_three(self):
        pass  # A912

    def helper(self):  # A913
        pass

@fixture
def four():  # A914
    pass
'''


def test_an_id_stands_for_the_test_at_which_it_is_written():
    found = {id_: test.name for id_, test in find_tests(SOURCE, "tests/test_x.py")}
    assert found == {
        "A901": "",
        "A902": "",
        "A903": "test_one",
        "A904": "test_one",
        "A905": "test_one",
        "A906": "test_one",
        "A907": "test_one",
        "A908": "test_one",
        "A909": "test_one",
        "A910": "TestTwo",
        "A911": "TestTwo::test_three",
        "A912": "TestTwo::test_three",
        "A913": "TestTwo",
        "A914": "",
    }


def requirement(**more: str) -> Requirement:
    return Requirement("A901", "XX", "It holds.", ("V1.1",), **more)


def test_what_binds_today_has_a_test_or_a_reason():
    shown = [Place("tests/test_x.py", "test_one")]
    assert holes([requirement()], {"A901": shown}) == []
    assert holes([requirement(unshown="Nobody can.")], {"A901": []}) == []
    assert holes([requirement(binds="with e-mail")], {"A901": []}) == []
    assert len(holes([requirement()], {"A901": []})) == 1
    assert len(holes([requirement(unshown="Nobody can.")], {"A901": shown})) == 1


def test_a_row_says_who_shows_it_or_why_nobody_does():
    shown = {"A901": [Place("tests/a/test_x.py", "test_one"), Place("tests/a/cases.py")]}
    assert render({"XX": "Things"}, [requirement(note="But not on Sundays.")], shown).endswith(
        "## Things\n\n| | requirement | source | shown by |\n|---|---|---|---|\n"
        "| A901 | It holds. *But not on Sundays.* | V1.1 | "
        "[test_one](../tests/a/test_x.py)<br>[a/cases.py](../tests/a/cases.py) |\n"
    )
    assert "No test: Nobody can." in render(
        {"XX": "Things"}, [requirement(unshown="Nobody can.")], {"A901": []}
    )


@pytest.mark.parametrize(
    "wrong",
    [
        '[A901]\narea = "XX"\nsays = "x"\nsources = []',
        '[A901]\narea = "YY"\nsays = "x"\nsources = ["x"]',
        '[A901]\narea = "XX"\nsources = ["x"]',
        '[A901]\narea = "XX"\nsays = "x"\nsources = ["x"]\nbind = "x"',
        '[x]\narea = "XX"\nsays = "x"\nsources = ["x"]',
    ],
)
def test_a_requirement_that_is_not_well_formed_is_refused(wrong):
    with pytest.raises(ValueError, match=r"A901|x is"):
        read_requirements(f'[areas]\nXX = "Things"\n{wrong}')


def test_the_requirements_are_numbered_without_gaps():
    _, requirements = read_requirements(REQUIREMENTS.read_text(encoding="utf-8"))
    assert [each.id for each in requirements] == [
        f"A{number:03}" for number in range(1, len(requirements) + 1)
    ]
