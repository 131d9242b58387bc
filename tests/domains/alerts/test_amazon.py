"""Amazon SNS: what is believed, what is called, and what is not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from helpdesk_api.domains.alerts.amazon import Certificates
from helpdesk_api.domains.alerts.senders.aws_sns import confirms, is_amazons, signed_text
from helpdesk_api.integrations.http.fake import FakeFetcher
from tests.domains.alerts.sending import an_integration, outcomes

Json = dict[str, Any]
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
CONFIRM = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc"


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65_537, 2_048)


def a_certificate(key: RSAPrivateKey, *, days: int = 30) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    began = datetime.now(UTC) - timedelta(days=100)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(began)
        .not_valid_after(datetime.now(UTC) + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def web(app: FastAPI, key: RSAPrivateKey) -> FakeFetcher:
    fetcher = FakeFetcher({CERTIFICATE: a_certificate(key), CONFIRM: b"<ok/>"})
    app.state.sns_certificates = Certificates(fetcher)
    return fetcher


def signed(key: RSAPrivateKey, version: str = "1", **fields: Any) -> Json:
    body: Json = {
        "Type": "Notification",
        "MessageId": "8a14e4f3-f3ab-4be0-a12f-681ee8fe214f",
        "TopicArn": TOPIC,
        "Message": "words",
        "Timestamp": "2026-11-23T08:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE,
        **fields,
    }
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    return {**body, "Signature": base64.b64encode(key.sign(signed_text(body), PKCS1v15(), digest)).decode()}


def an_alarm(state: str, changed: str = "2026-11-23T08:00:00.000+0000") -> str:
    return json.dumps(
        {
            "AlarmName": "cpu-high",
            "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu-high",
            "NewStateValue": state,
            "NewStateReason": "Threshold Crossed",
            "StateChangeTime": changed,
            "Region": "EU (Ireland)",
            "Trigger": {"MetricName": "CPU", "Dimensions": [{"name": "InstanceId", "value": "i-1"}]},
        }
    )


async def post(client: httpx.AsyncClient, routing_key: str, body: Json) -> httpx.Response:
    # As SNS sends it: JSON that says it is text.
    headers = {"Content-Type": "text/plain; charset=UTF-8"}
    return await client.post(f"/v1/alert-intake/{routing_key}", content=json.dumps(body), headers=headers)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_signed_alarm_opens_and_its_ok_ends(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, key: RSAPrivateKey, web: FakeFetcher, version: str
) -> None:
    made = await an_integration(admin_client, kind="aws_sns", on_resolve="resolve")
    words = [("ALARM", "2026-11-23T08:00:00.000+0000"), ("ALARM", "2026-11-23T08:01:00.000+0000")]
    words.append(("OK", "2026-11-23T08:30:00.000+0000"))
    told = []
    for state, changed in words:
        body = signed(key, version, Message=an_alarm(state, changed), Subject="ALARM")
        reply = await post(client, made["routing_key"], body)
        assert reply.status_code == 202, reply.text
        told += outcomes(reply.json()["alerts"])
    assert told == ["opened", "repeated", "resolved"]
    assert web.asked == [CERTIFICATE]


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "other"},
        {"Signature": "bm8="},
        {"Signature": "***"},
        {"SignatureVersion": "3"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem"},
        {"SigningCertURL": "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem"},
        {"SigningCertURL": "https://evil.s3.eu-west-1.amazonaws.com/a.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/a.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com:8443/a.pem"},
        {"SigningCertURL": "http://169.254.169.254/a.pem"},
        {"SigningCertURL": ["https://sns.eu-west-1.amazonaws.com/a.pem"]},
    ],
)
async def test_what_amazon_did_not_sign_is_refused_and_calls_nobody(
    admin_client: httpx.AsyncClient,
    client: httpx.AsyncClient,
    key: RSAPrivateKey,
    web: FakeFetcher,
    change: Json,
) -> None:
    made = await an_integration(admin_client, kind="aws_sns", confirms_subscriptions=True)
    reply = await post(client, made["routing_key"], {**signed(key), **change})
    assert (reply.status_code, reply.json()["code"]) == (401, "invalid_alert_signature")
    assert set(web.asked) <= {CERTIFICATE}
    assert "SigningCertURL" not in change or web.asked == []
    assert (await admin_client.get("/v1/alerts")).json()["data"] == []


async def test_an_expired_certificate_signs_nothing(
    app: FastAPI, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, key: RSAPrivateKey
) -> None:
    app.state.sns_certificates = Certificates(FakeFetcher({CERTIFICATE: a_certificate(key, days=-1)}))
    made = await an_integration(admin_client, kind="aws_sns")
    assert (await post(client, made["routing_key"], signed(key))).status_code == 401


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_subscription_is_confirmed_only_where_that_is_allowed(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, key: RSAPrivateKey, web: FakeFetcher, allowed: bool
) -> None:
    made = await an_integration(admin_client, kind="aws_sns", confirms_subscriptions=allowed)
    body = signed(key, Type="SubscriptionConfirmation", Token="abc", SubscribeURL=CONFIRM)
    reply = await post(client, made["routing_key"], body)
    assert (reply.status_code, reply.json()["alerts"]) == (202, [])
    assert web.asked == [CERTIFICATE, *([CONFIRM] if allowed else [])]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription&TopicArn=" + TOPIC,
        "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&TopicArn=" + TOPIC,
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:1:other",
        None,
    ],
)
async def test_even_a_signed_message_makes_us_call_nothing_else(
    admin_client: httpx.AsyncClient, client: httpx.AsyncClient, key: RSAPrivateKey, web: FakeFetcher, url: str | None
) -> None:
    made = await an_integration(admin_client, kind="aws_sns", confirms_subscriptions=True)
    body = signed(key, Type="SubscriptionConfirmation", Token="abc", SubscribeURL=url)
    assert (await post(client, made["routing_key"], body)).status_code == 401
    assert web.asked == [CERTIFICATE]


def test_hosts() -> None:
    assert is_amazons("https://sns.us-gov-west-1.amazonaws.com/a.pem", path_ends=".pem")
    assert is_amazons("https://sns.cn-north-1.amazonaws.com.cn/a.pem", path_ends=".pem")
    assert not is_amazons("https://sns.eu-west-1.amazonaws.com/a.txt", path_ends=".pem")
    assert not is_amazons("https://[::1/a.pem")
    assert confirms(CONFIRM, TOPIC)
