"""Statements that are asked all the time: put together once, and handed to asyncpg without a detour."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as dialects
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Select
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.type_api import TypeEngine

_DIALECT = dialects.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types


class Prepared:
    """A statement whose parameters have names (`bindparam`), or are ``columns`` of a row to insert.

    To run one with SQLAlchemy takes three times as much of the processor as asyncpg does. Rows hold what
    asyncpg makes of them: `UUID` and aware `datetime`, which is what the types of our tables make too.
    """

    def __init__(self, statement: Select[Any] | UpdateBase, columns: Collection[str] = ()) -> None:
        compiled = statement.compile(dialect=_DIALECT, column_keys=list(columns) or None)
        self.reads_only = isinstance(statement, Select)
        self._statement = statement
        self._text = str(compiled)
        self._fixed = compiled.params
        self._order = [(name, _processor(compiled.binds[name].type)) for name in compiled.positiontup or ()]

    async def run(self, connection: AsyncConnection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Run it as a transaction of its own and return its rows. Raises what SQLAlchemy would."""
        if connection.dialect.name == "sqlite":
            result = await connection.execute(self._statement, values)
            return result.all() if result.returns_rows else ()
        driver = driver_of(connection)
        args = [self._value(name, process, values) for name, process in self._order]
        try:
            return await driver.fetch(self._text, *args)  # type: ignore[no-any-return]  # asyncpg has no types
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(self._text, None, error) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if isinstance(error, ValueError):
                raise  # of the wrong type: nothing was sent
            if not isinstance(error, asyncpg.PostgresError):
                driver.terminate()  # asyncpg has lost track, as when the server said farewell a moment ago
            raise DBAPIError(
                self._text, None, error, hide_parameters=True, connection_invalidated=driver.is_closed()
            ) from error

    def _value(self, name: str, process: Any, values: Mapping[str, Any]) -> Any:
        value = values[name] if name in values else self._fixed[name]
        return value if process is None else process(value)


def driver_of(connection: AsyncConnection) -> Any:
    """Return asyncpg's connection below one that was taken from the pool."""
    inner = connection.sync_connection
    assert inner is not None  # noqa: S101  (it was started)
    return inner.connection.driver_connection


def _processor(type_: TypeEngine[Any]) -> Any:
    return type_.dialect_impl(_DIALECT).bind_processor(_DIALECT)
