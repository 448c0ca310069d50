"""Pozyx: places in metres, of tags that were positioned; nothing else of its stream is a reading."""

import json
from typing import Any

import pytest

from protocols import devices
from protocols.devices import Located, pozyx
from protocols.devices.pozyx import ERROR_M, TAGS_BYTES_MAX, TAGS_MAX
from protocols.errors import Nonsense, TooLarge
from protocols.ids import DeviceId, ScannerId

AT = 1_631_049_569_500

# As a gateway sends it for a developer tag.
STREAM = b"""[{"version":"2.0","tagId":"200001449","timestamp":1631049569.3129342,"data":{"metrics":{"latency":49,
"rates":{"success":0.97,"update":0.99,"packetLoss":0}},"tagData":{"blinkIndex":4563,"accelerometer":[[15,62,886],
[-3,35,957]]},"anchorData":[{"tagId":"200001449","anchorId":"11143","rss":-80.36},{"tagId":"200001449",
"anchorId":"57123","rss":-80.69}],"coordinates":{"x":870,"y":1092,"z":1000},"score":0.23405579678991342,"type":1,
"zones":[]},"tagType":"2.0","success":true}]"""


def tag(number: int = 1, **more: Any) -> dict[str, Any]:
    place = {"coordinates": {"x": 1000, "y": -2500.5, "z": 1}}
    return {"version": "2.0", "tagId": str(number), "success": True, "data": place, **more}


def read(*tags: object, topic: str = "tags") -> tuple[devices.Reading, ...]:
    return devices.read(topic, json.dumps(list(tags)).encode(), AT)


def test_a_tag_that_was_positioned_is_a_place_in_metres() -> None:
    assert pozyx.read("tags", STREAM, AT) == (
        Located(ScannerId("pozyx"), DeviceId("pozyx:200001449"), 0.87, 1.092, AT, ERROR_M, 188),
    )


def test_a_batch_is_a_place_for_each_tag() -> None:
    found = read(tag(1), tag(2, success=False), tag(3))
    assert [(one.device, one.x, one.y) for one in found if isinstance(one, Located)] == [
        ("pozyx:1", 1.0, -2.5005),
        ("pozyx:3", 1.0, -2.5005),
    ]


@pytest.mark.parametrize(
    ("topic", "source"),
    [
        ("tags", "pozyx"),
        ("tags/1", "pozyx"),
        ("pozyx/tags", "pozyx"),
        ("pozyx/tags/1", "pozyx"),
        ("pozyx/5aa3ab594e136e0005b1cdd6/tags", "pozyx:5aa3ab594e136e0005b1cdd6"),
    ],
)
def test_the_topic_names_the_source(topic: str, source: str) -> None:
    [found] = read(tag(), topic=topic)
    assert isinstance(found, Located)
    assert found.source == source
    assert devices.format_of(topic) == "pozyx"


@pytest.mark.parametrize(
    "said",
    [
        tag(success=False),
        {"version": "2.0", "tagId": "1", "timestamp": 1.0, "success": False, "errorCode": "2.1"},
        tag(data={"tagData": {"blinkIndex": 1}, "anchorData": []}),
        tag(data=None),
    ],
)
def test_a_tag_that_was_not_positioned_is_no_reading(said: dict[str, Any]) -> None:
    assert read(said) == ()


@pytest.mark.parametrize("stamp", [0, 12.5, AT, 1e300, -5, AT / 1000 - 600])
def test_a_gateways_clock_that_is_off_makes_no_age(stamp: float) -> None:
    [found] = read(tag(timestamp=stamp))
    assert isinstance(found, Located)
    assert (found.at_ms, found.age_ms) == (AT, 0)


@pytest.mark.parametrize(
    "said",
    [
        tag(data={"coordinates": {"x": 1e9, "y": 0}}),
        tag(data={"coordinates": {"x": "1", "y": 0}}),
        tag(data={"coordinates": {"x": 1}}),
        tag(data={"coordinates": [1, 2, 3]}),
        tag(tagId=""),
        tag(tagId="a/b"),
        tag(tagId="x" * 65),
        tag(tagId=None),
        tag(success="yes"),
        "tag",
    ],
)
def test_another_shape_is_nonsense(said: object) -> None:
    with pytest.raises(Nonsense):
        read(said)


@pytest.mark.parametrize("topic", ["pozyx", "pozyx/a b/tags", "tags/1/2", "pozyx/x/y/tags"])
def test_another_topic_is_nonsense(topic: str) -> None:
    with pytest.raises(Nonsense):
        read(tag(), topic=topic)


def test_a_batch_has_a_limit_in_tags_and_in_bytes() -> None:
    assert len(read(*(tag(number) for number in range(TAGS_MAX)))) == TAGS_MAX
    with pytest.raises(Nonsense):
        read(*(tag(number) for number in range(TAGS_MAX + 1)))
    with pytest.raises(TooLarge):
        pozyx.read("tags", b" " * (TAGS_BYTES_MAX + 1), AT)
