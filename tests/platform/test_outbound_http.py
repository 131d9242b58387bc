"""Calls to the outside: public addresses only, however they are spelt and whatever their names turn into."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import httpcore
import pytest

from helpdesk_api.integrations.http.addresses import Reachable
from helpdesk_api.integrations.http.client import HEAD_BYTES, GuardedCaller
from helpdesk_api.integrations.http.fetching import MAX_BYTES, GuardedFetcher
from helpdesk_api.integrations.http.guard import GuardedBackend
from helpdesk_api.integrations.http.protocol import AddressRefused, NotDelivered

LOOPBACK = Reachable([ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")])
REFUSED = (
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:5ef5:79fd:0:0:80ff:fffe",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
)


@pytest.mark.parametrize("text", REFUSED)
def test_no_private_address_is_reachable(text: str) -> None:
    assert not Reachable().allows(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_ones_are(text: str) -> None:
    assert Reachable().allows(ipaddress.ip_address(text))


def test_the_operator_names_further_networks_and_no_more_is_open() -> None:
    inside = Reachable([ipaddress.ip_network("10.1.0.0/16")])
    assert inside.allows(ipaddress.ip_address("10.1.2.3"))
    assert inside.allows(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert not inside.allows(ipaddress.ip_address("10.2.0.1"))
    inside.check_url("https://10.1.2.3/x")
    for url in ("http://10.1.2.3/x", "http://127.0.0.1/x", "https://127.0.0.1/x"):
        with pytest.raises(AddressRefused):
            inside.check_url(url)
    for url in ("http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x"):
        LOOPBACK.check_url(url)
    with pytest.raises(AddressRefused):
        LOOPBACK.check_url("http://hooks.example.com/x")


class Connected(httpcore.AsyncNetworkBackend):
    """Stands for the network: notes whom somebody connects to, and refuses."""

    def __init__(self) -> None:
        self.to: list[str] = []

    async def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        self.to.append(f"{host}:{port}")
        raise httpcore.ConnectError

    async def connect_unix_socket(self, path: str, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        self.to.append(path)
        raise httpcore.ConnectError

    async def sleep(self, seconds: float) -> None:
        del seconds


def resolver(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """Gives one answer after the other, whatever the name."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        return left.pop(0)

    return resolve


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1", "0", "localhost", "::1", "::ffff:7f00:1"]
)
async def test_no_spelling_of_this_machine_is_connected_to(host: str) -> None:
    network = Connected()
    with pytest.raises((AddressRefused, httpcore.ConnectError)):
        await GuardedBackend(Reachable(), inner=network).connect_tcp(host, 443)
    assert network.to == []


async def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    network = Connected()
    guarded = GuardedBackend(Reachable(), resolver=resolver(["1.1.1.1", "10.0.0.1"]), inner=network)
    with pytest.raises(AddressRefused):
        await guarded.connect_tcp("both.example.com", 443)
    assert network.to == []


async def test_what_is_connected_to_is_the_address_that_was_judged() -> None:
    """A name that turns into another address between two questions is asked only once."""
    network = Connected()
    guarded = GuardedBackend(Reachable(), resolver=resolver(["1.1.1.1", "9.9.9.9"], ["127.0.0.1"]), inner=network)
    with pytest.raises(httpcore.ConnectError):
        await guarded.connect_tcp("rebinding.example.com", 443)
    assert network.to == ["1.1.1.1:443", "9.9.9.9:443"]
    with pytest.raises(AddressRefused):
        await guarded.connect_tcp("rebinding.example.com", 443)
    assert len(network.to) == 2


async def test_sockets_of_this_machine_are_refused() -> None:
    with pytest.raises(AddressRefused):
        await GuardedBackend(Reachable(), inner=Connected()).connect_unix_socket("/run/docker.sock")


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers each request with these bytes and closes; None never answers."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook?key=1", asked
    finally:
        listening.close()


@pytest.fixture
async def caller() -> AsyncIterator[GuardedCaller]:
    made = GuardedCaller(LOOPBACK, timeout_seconds=1.0)
    yield made
    await made.close()


@pytest.mark.enable_socket
async def test_a_post_arrives_and_no_more_than_the_head_is_read(caller: GuardedCaller) -> None:
    body = b"x" * 1_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with server(head + body) as (url, asked):
        answer = await caller.post(url, b"{}", {"webhook-id": "whd_1"})
    assert (answer.status, len(answer.head)) == (200, HEAD_BYTES)
    assert asked[0].startswith(b"POST /hook?key=1 HTTP/1.1\r\n")
    assert b"webhook-id: whd_1" in asked[0]


@pytest.mark.enable_socket
async def test_a_redirect_is_an_answer_and_is_not_followed(caller: GuardedCaller) -> None:
    async with server(b"HTTP/1.1 204 No Content\r\n\r\n") as (elsewhere, asked):
        away = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % elsewhere.encode()
        async with server(away) as (url, _):
            answer = await caller.post(url, b"{}", {})
    assert (answer.status, answer.is_success) == (307, False)
    assert asked == []


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", b"what?\r\n\r\n", b""])
async def test_what_is_no_whole_answer_in_time_is_not_delivered(caller: GuardedCaller, answer: bytes | None) -> None:
    async with server(answer) as (url, _):
        with pytest.raises(NotDelivered):
            await caller.post(url, b"{}", {})


@pytest.mark.enable_socket
async def test_proxies_of_the_environment_are_not_used(caller: GuardedCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with server(b"HTTP/1.1 204 No Content\r\n\r\n") as (url, _):
        assert (await caller.post(url, b"{}", {})).status == 204


@pytest.mark.enable_socket
async def test_nobody_listening_is_not_delivered(caller: GuardedCaller) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NotDelivered):
        await caller.post(f"http://127.0.0.1:{port}/", b"{}", {})


@pytest.mark.enable_socket
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "https://2130706433:1/", "https://0/"])
async def test_without_a_named_network_nothing_is_sent_to_this_machine(url: str) -> None:
    strict = GuardedCaller(Reachable(), timeout_seconds=1.0)
    with pytest.raises(AddressRefused):
        await strict.post(url, b"{}", {})
    await strict.close()


async def test_a_file_is_read_whole_or_not_at_all() -> None:
    fetcher = GuardedFetcher(LOOPBACK)
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    async with server(head + b"certificate") as (url, asked):
        assert await fetcher.fetch(url) == b"certificate"
        assert asked[0].startswith(b"GET /hook?key=1 HTTP/1.1\r\n")
    for answer in (
        head + b"x" * (MAX_BYTES + 1),
        b"HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
    ):
        async with server(answer) as (url, _):
            with pytest.raises(NotDelivered):
                await fetcher.fetch(url)


async def test_a_file_is_read_from_public_addresses_only() -> None:
    fetcher = GuardedFetcher(resolver=resolver(["10.0.0.1"], ["1.1.1.1", "127.0.0.1"]))
    for _ in range(2):
        with pytest.raises(AddressRefused):
            await fetcher.fetch("https://sns.eu-central-1.amazonaws.com/certificate.pem")
    with pytest.raises(AddressRefused):
        await fetcher.fetch("http://sns.eu-central-1.amazonaws.com/certificate.pem")
