"""The fixture that is offered to others, and its switches."""

import json
import urllib.error
import urllib.request

import pytest

from tests.server.live import ROOT
from wabucketref.testing.server import LiveServer, live_server, user_name

__all__ = ["live_server"]


@pytest.fixture(autouse=True)
def code_of_this_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def status(url: str, timeout: float = 10) -> int | str:
    """What becomes of a request for who asks; the status, or why there is none."""
    body = json.dumps({"operationName": "Who", "query": "query Who { viewer { username } }"}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {user_name()}"}
    request = urllib.request.Request(f"{url}/graphql", data=body, headers=headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except TimeoutError:
        return "late"
    except OSError as error:
        return "late" if "timed out" in str(error) else "gone"


def test_switches_of_the_server(live_server: LiveServer) -> None:
    url = live_server.url
    assert status(url) == 200
    live_server.freeze()
    assert status(url, 0.3) == "late"
    live_server.thaw()
    assert status(url) == 200
    assert live_server.down() == 143
    assert status(url) == "gone"
    live_server.up()
    assert (live_server.url, status(url)) == (url, 200)
    live_server.kill()
    assert status(url) == "gone"
    live_server.up()
    assert status(url) == 200
    assert live_server.wabucket("-p", "none", "runs") == {"items": []}


def test_faults_of_the_proxy(live_server: LiveServer) -> None:
    with live_server.faults() as faults:
        faults.add("Who", status=418, times=2, after=1)
        faults.add("/graphql", drop=True, after=3)
        faults.add("Other", status=500)
        late = faults.add("Who", delay=0.5, after=4)
        assert [status(faults.url) for _ in range(4)] == [200, 418, 418, "gone"]
        assert status(faults.url, 0.2) == "late"
        assert (faults.struck("Who"), faults.struck("/graphql"), faults.struck("Other"), late.struck) == (3, 1, 0, 1)
        assert faults.requests == ["Who"] * 5
        faults.clear()
        faults.add("Who", lose_answer=True)
        assert [status(faults.url) for _ in range(2)] == ["gone", 200]
