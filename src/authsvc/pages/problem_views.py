"""One problem of the catalogue, as it is explained to people and programs."""

from http import HTTPStatus

from pydantic import BaseModel, Field

from authsvc.errors import AuthsvcError
from authsvc.pages.advice import ADVICE
from authsvc.problems import status_of


class ProblemView(BaseModel):
    """One problem of the catalogue."""

    type: str = Field(description="The path that explains it", examples=["/problems/invalid_token"])
    code: str = Field(examples=["invalid_token"])
    status: int = Field(examples=[401])
    title: str = Field(examples=["The access token is not valid"])
    meaning: str = Field(description="Why it is told")
    remedy: str = Field(description="What a client should do")

    @property
    def phrase(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


class ProblemsView(BaseModel):
    """The catalogue, in the order of the error tree."""

    problems: list[ProblemView]


def problem_view(kind: type[AuthsvcError]) -> ProblemView:
    """Explain a class of errors that has a code."""
    advice = ADVICE[kind.code]
    return ProblemView(
        type=f"/problems/{kind.code}",
        code=kind.code,
        status=status_of(kind),
        title=kind.title,
        meaning=advice.meaning,
        remedy=advice.remedy,
    )
