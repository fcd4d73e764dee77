import pytest
from tests.support.service import PASSWORD

from authsvc.flows.client import Caller, Client
from authsvc.flows.issue_tokens import TokenPair
from authsvc.sessions.store import SessionStore
from authsvc.users.store import UserStore
from authsvc.users.user import User
from authsvc.wiring import Flows

CLIENT = Client("203.0.113.7", "curl/8")


@pytest.fixture
def users(flows: Flows) -> UserStore:
    return flows.refresh.users


@pytest.fixture
def sessions(flows: Flows) -> SessionStore:
    return flows.refresh.sessions


@pytest.fixture
async def ada(flows: Flows) -> User:
    return await flows.register("ada", PASSWORD, None, None, CLIENT)


@pytest.fixture
async def login(flows: Flows, ada: User) -> TokenPair:
    return await flows.log_in("ada", PASSWORD, CLIENT)


@pytest.fixture
def caller(ada: User, login: TokenPair) -> Caller:
    return Caller(ada.id, login.session_id)
