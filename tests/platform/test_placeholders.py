"""Placeholders: what is offered is filled in; what is not is refused with its place; nothing runs on or grows."""

import pytest

from helpdesk_api.web.placeholders import InvalidTemplate, TemplateLimitReached, Values, check_template, fill_template

OFFERED = {"ticket": frozenset({"subject", "tags"}), "requester": frozenset({"name"})}
VALUES: Values = {"ticket": {"subject": "VPN drops", "tags": ["vpn", "home"]}, "requester": {"name": None}}
LOOP = "{% for tag in ticket.tags %}"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hi {{ requester.name | default: 'there' }}: {{ ticket.subject | upcase }}", "Hi there: VPN DROPS"),
        (LOOP + "{{ tag }};{% endfor %}", "vpn;home;"),
        ("{{ ticket.tags | join: ', ' }} {{ ticket.tags.size }}", "vpn, home 2"),
        ("{% assign s = ticket.subject %}{% if s contains 'VPN' %}{{ s | truncate: 6 }}{% endif %}", "VPN..."),
        ("{% raw %}{{ nothing }}{% endraw %}{% comment %}x{% endcomment %}[{{ requester.name }}]", "{{ nothing }}[]"),
    ],
)
def test_what_is_offered_is_filled_in(source: str, text: str) -> None:
    assert fill_template(source, OFFERED, VALUES) == text


@pytest.mark.parametrize(
    ("source", "code", "place"),
    [
        ("Dear\nMr {{ ticket.password }}", "unknown_placeholder", (2, 7)),
        ("{{ ticket }}", "unknown_placeholder", (1, 4)),
        ("{{ now }}", "unknown_placeholder", (1, 4)),
        ("{{ ticket[requester.name] }}", "unknown_placeholder", (1, 4)),
        ("{{ ticket.subject.__class__ }}{{ secret.key }}", "unknown_placeholder", (1, 34)),
        ("{{ ticket.subject | replace: 'P', 'PP' }}", "unknown_filter", (1, 21)),
        ("{% include 'x' %}", "template_syntax", (1, 4)),
        ("{% tablerow tag in ticket.tags %}{% endtablerow %}", "template_syntax", (1, 4)),
        ("{{ ticket.subject", "template_syntax", (1, 1)),
        ("{% for i in (1..1000000000) %}{% endfor %}", "range_not_offered", None),
        ("{% if (1..1000000000) contains 'x' %}{% endif %}", "range_not_offered", None),
        ("{{ ticket.subject }}" * 301, "template_too_long", None),
        ("x" * 20_001, "template_too_long", None),
        ("{% if " + " and ".join(["1 == 1"] * 1_500) + " %}{% endif %}", "template_syntax", None),
        ("{% if true %}" * 40 + "{% endif %}" * 40, "template_syntax", (1, 147)),
    ],
)
def test_what_is_not_offered_is_refused_with_its_place(source: str, code: str, place: tuple[int, int] | None) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        check_template(source, OFFERED)
    wrong = refused.value.errors[0]
    assert (wrong.code, wrong.pointer) == (code, "#/body")
    assert wrong.params == ({"line": place[0], "column": place[1]} if place else {})


@pytest.mark.parametrize(
    "source",
    [
        LOOP * 8 + "x" + "{% endfor %}" * 8,
        (LOOP + "x{% endfor %}") * 120,
        "{% assign a = ticket.subject %}" + "{% assign a = a | append: a %}" * 30,
        "{% assign a = ticket.subject %}" + "{% assign a = a | append: a %}" * 10 + "{{ a }}" * 100,
        "{% assign b = 1 %}" + LOOP + "{% assign b = b | append: ticket.subject | append: b %}" * 40 + "{% endfor %}",
    ],
)
def test_what_loops_or_grows_ends(source: str) -> None:
    check_template(source, OFFERED)
    with pytest.raises(TemplateLimitReached):
        fill_template(source, OFFERED, VALUES)


def test_the_processors_time_is_bounded() -> None:
    with pytest.raises(TemplateLimitReached, match="too long"):
        fill_template(LOOP + "{{ tag }}{% endfor %}", OFFERED, VALUES, cpu_seconds=0)
