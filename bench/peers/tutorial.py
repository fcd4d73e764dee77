"""A peer: the service that a reader of the popular FastAPI tutorials ends up with.

What those recommend, at its best, and nothing else: `OAuth2PasswordBearer`, a chain of `Depends` with a
database session for each request, SQLAlchemy's ORM, redis-py's pool, PyJWT with HS256, argon2-cffi's
`PasswordHasher`, response models. A session is a key in Redis that holds the id of its latest refresh token.
Habits of tutorials are kept, with what they cost: passwords are hashed in an `async def`, the settings are
a sync dependency, and a refresh reads, compares and writes in separate steps.
Settings are read from ``BENCH_*``.

    uvicorn --app-dir bench/peers tutorial:app
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any
from uuid import uuid4

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel, ConfigDict, EmailStr, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.asyncio import ConnectionPool, Redis
from sqlalchemy import String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ALGORITHM = "HS256"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BENCH_")

    database_url: str
    redis_url: str
    argon2_memory_kib: int = 19456
    argon2_time_cost: int = 2
    argon2_parallelism: int = 1
    secret_key: str = Field(default_factory=lambda: secrets.token_hex(32))
    access_token_lifetime: timedelta = timedelta(minutes=15)
    refresh_token_lifetime: timedelta = timedelta(days=14)


@lru_cache
def get_settings() -> Settings:
    return Settings()


settings = get_settings()
engine = create_async_engine(settings.database_url)
session_factory = async_sessionmaker(engine, expire_on_commit=False)
# redis-py's own limit of 100 would turn readers away that come in greater numbers at once.
redis_pool = ConnectionPool.from_url(settings.redis_url, decode_responses=True, max_connections=1000)
redis_client = Redis(connection_pool=redis_pool)
password_hasher = PasswordHasher(
    time_cost=settings.argon2_time_cost,
    memory_cost=settings.argon2_memory_kib,
    parallelism=settings.argon2_parallelism,
)
DUMMY_HASH = password_hasher.hash("nobody has this password")


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "bench_tutorial_users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    email: Mapped[str | None] = mapped_column(String(320))
    full_name: Mapped[str | None] = mapped_column(String(200))
    hashed_password: Mapped[str] = mapped_column(String(256))
    disabled: Mapped[bool] = mapped_column(default=False)


class UserCreate(BaseModel):
    username: str = Field(min_length=3, max_length=64)
    password: str = Field(min_length=8, max_length=128)
    email: EmailStr | None = None
    full_name: str | None = None


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    username: str
    email: str | None
    full_name: str | None


class RefreshRequest(BaseModel):
    refresh_token: str


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105  (a kind, not a secret)


class TokenData(BaseModel):
    user_id: int
    session_id: str
    token_id: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await redis_client.aclose()
    await redis_pool.disconnect()
    await engine.dispose()


app = FastAPI(title="Tutorial", lifespan=lifespan)
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="login")


async def get_session() -> AsyncIterator[AsyncSession]:
    async with session_factory() as session:
        yield session


async def get_redis() -> Redis:
    return redis_client


SettingsDep = Annotated[Settings, Depends(get_settings)]
SessionDep = Annotated[AsyncSession, Depends(get_session)]
RedisDep = Annotated[Redis, Depends(get_redis)]


def credentials_exception(detail: str = "Could not validate credentials") -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


def create_token(data: dict[str, Any], lifetime: timedelta, settings: Settings) -> str:
    claims = data | {"exp": datetime.now(UTC) + lifetime}
    return jwt.encode(claims, settings.secret_key, algorithm=ALGORITHM)


def decode_token(token: str, kind: str, settings: Settings) -> TokenData:
    try:
        claims = jwt.decode(token, settings.secret_key, algorithms=[ALGORITHM])
        if claims.get("type") != kind:
            raise credentials_exception()
        return TokenData(user_id=int(claims["sub"]), session_id=claims["sid"], token_id=claims["jti"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise credentials_exception() from error


async def issue_tokens(user: User, session_id: str, redis: Redis, settings: Settings) -> Tokens:
    """Sign a pair, and remember the refresh token as the session's latest."""
    token_id = uuid4().hex
    data = {"sub": str(user.id), "sid": session_id, "jti": token_id}
    lifetime = settings.refresh_token_lifetime
    tokens = Tokens(
        access_token=create_token(data | {"type": "access"}, settings.access_token_lifetime, settings),
        refresh_token=create_token(data | {"type": "refresh"}, lifetime, settings),
    )
    await redis.set(f"tutorial:session:{session_id}", token_id, ex=lifetime)
    return tokens


def verify_password(plain_password: str, hashed_password: str) -> bool:
    try:
        return password_hasher.verify(hashed_password, plain_password)
    except VerifyMismatchError:
        return False


async def authenticate_user(session: AsyncSession, username: str, password: str) -> User | None:
    user = await session.scalar(select(User).where(User.username == username))
    if user is None:
        verify_password(password, DUMMY_HASH)
        return None
    return user if verify_password(password, user.hashed_password) else None


async def get_token_data(token: Annotated[str, Depends(oauth2_scheme)], settings: SettingsDep) -> TokenData:
    return decode_token(token, "access", settings)


async def get_current_user(
    data: Annotated[TokenData, Depends(get_token_data)], session: SessionDep, redis: RedisDep
) -> User:
    if not await redis.exists(f"tutorial:session:{data.session_id}"):
        raise credentials_exception("The session has ended")
    user = await session.get(User, data.user_id)
    if user is None:
        raise credentials_exception()
    return user


async def get_current_active_user(current_user: Annotated[User, Depends(get_current_user)]) -> User:
    if current_user.disabled:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "Inactive user")
    return current_user


@app.post("/register", response_model=UserRead, status_code=status.HTTP_201_CREATED)
async def register(new: UserCreate, session: SessionDep) -> User:
    user = User(
        username=new.username,
        email=new.email,
        full_name=new.full_name,
        hashed_password=password_hasher.hash(new.password),
    )
    session.add(user)
    try:
        await session.commit()
    except IntegrityError as error:
        await session.rollback()
        raise HTTPException(status.HTTP_409_CONFLICT, "Username already registered") from error
    return user


@app.post("/login")
async def login(
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    session: SessionDep,
    redis: RedisDep,
    settings: SettingsDep,
) -> Tokens:
    user = await authenticate_user(session, form.username, form.password)
    if user is None:
        raise credentials_exception("Incorrect username or password")
    return await issue_tokens(user, uuid4().hex, redis, settings)


@app.post("/refresh_jwt")
async def refresh_jwt(
    request: RefreshRequest, session: SessionDep, redis: RedisDep, settings: SettingsDep
) -> Tokens:
    data = decode_token(request.refresh_token, "refresh", settings)
    if await redis.get(f"tutorial:session:{data.session_id}") != data.token_id:
        raise credentials_exception("The refresh token is no longer valid")
    user = await session.get(User, data.user_id)
    if user is None or user.disabled:
        raise credentials_exception()
    return await issue_tokens(user, data.session_id, redis, settings)


@app.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(data: Annotated[TokenData, Depends(get_token_data)], redis: RedisDep) -> None:
    await redis.delete(f"tutorial:session:{data.session_id}")


@app.get("/user", response_model=UserRead)
async def read_current_user(current_user: Annotated[User, Depends(get_current_active_user)]) -> User:
    return current_user
