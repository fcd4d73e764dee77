"""A peer: fastapi-users set up as its documentation says, with its Redis strategy and SQLAlchemy adapter.

Settings are read from ``BENCH_*``. What differs from the documentation is the cost of a hash (its own page on
password hashing shows how), the table's name, and that a database URL and a Redis URL are given.

    uvicorn --app-dir bench/peers fastapi_users_redis:app
"""

import os
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import redis.asyncio
from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, RedisStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users.password import PasswordHelper
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

SECRET = secrets.token_hex(32)  # for the tokens that reset a password; nothing here makes them

engine = create_async_engine(os.environ["BENCH_DATABASE_URL"])
async_session_maker = async_sessionmaker(engine, expire_on_commit=False)
redis_client = redis.asyncio.from_url(os.environ["BENCH_REDIS_URL"], decode_responses=True)
password_helper = PasswordHelper(
    PasswordHash(
        (
            Argon2Hasher(
                time_cost=int(os.environ["BENCH_ARGON2_TIME_COST"]),
                memory_cost=int(os.environ["BENCH_ARGON2_MEMORY_KIB"]),
                parallelism=int(os.environ["BENCH_ARGON2_PARALLELISM"]),
            ),
        )
    )
)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    __tablename__ = "bench_fastapi_users"


class UserRead(schemas.BaseUser[uuid.UUID]):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def get_async_session() -> AsyncIterator[AsyncSession]:
    async with async_session_maker() as session:
        yield session


async def get_user_db(
    session: Annotated[AsyncSession, Depends(get_async_session)],
) -> AsyncIterator[SQLAlchemyUserDatabase[User, uuid.UUID]]:
    yield SQLAlchemyUserDatabase(session, User)


async def get_user_manager(
    user_db: Annotated[SQLAlchemyUserDatabase[User, uuid.UUID], Depends(get_user_db)],
) -> AsyncIterator[UserManager]:
    yield UserManager(user_db, password_helper)


def get_redis_strategy() -> RedisStrategy[User, uuid.UUID]:
    return RedisStrategy(redis_client, lifetime_seconds=3600)


auth_backend = AuthenticationBackend(
    name="redis", transport=BearerTransport(tokenUrl="login"), get_strategy=get_redis_strategy
)
fastapi_users = FastAPIUsers[User, uuid.UUID](get_user_manager, [auth_backend])
current_active_user = fastapi_users.current_user(active=True)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await redis_client.aclose()
    await engine.dispose()


app = FastAPI(title="fastapi-users", lifespan=lifespan)
app.include_router(fastapi_users.get_auth_router(auth_backend))
app.include_router(fastapi_users.get_register_router(UserRead, UserCreate))


@app.get("/user", response_model=UserRead)
async def read_user(user: Annotated[User, Depends(current_active_user)]) -> User:
    return user
