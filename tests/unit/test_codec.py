"""The wire as it was when it was first written: golden MessagePack bytes of every input, effect, record and mail.

`golden/msgpack_1.txt` is only ever added to. A new type's line is printed by the test that misses it; a line that
no longer matches means that stores, cells and the cloud of two releases would not understand each other.
"""

import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest

from protocols import cells, effects, inputs, mail, records
from protocols.codec import (
    DEPTH_MAX,
    PAYLOAD_BYTES_MAX,
    RECORD_BYTES_MAX,
    JsonDecoder,
    MsgpackDecoder,
    check_depth,
    digest,
    payload_hash,
    to_json,
    to_msgpack,
)
from protocols.decisions import Checked, Considered, Decision, Grant
from protocols.errors import Nonsense, TooLarge
from protocols.facts import Fact
from protocols.ids import AccountId, CampaignId, CreativeId, Key, OfferId, PoolId, Sku, SubjectId, ZoneId
from protocols.inputs import BasketLine, Caps, Cause, Given, Local, OfferMoved

GOLDEN = Path(__file__).parent / "golden" / "msgpack_1.txt"

LINE = BasketLine(Sku("milk"), 2000, 139, 10, "Milk 1 l", "dairy")
GRANT = Grant("offer", "Milk", "20 off", "milk", 20)
CHECKED = Checked("at least two", "visits", "at_least", 2, 1, False, 500_000)
DAIRY, CAMPAIGN, OFFER, ANA = (
    ZoneId("dairy"),
    CampaignId("milk-20"),
    OfferId("v1.milk-20.1"),
    AccountId("A-1001"),
)
SHOPPER = Key("shopper:ana")
CAUSE = Cause(1_790_000_000_000_000, scanner="till", subject="ana", more=2)
LOCAL = Local("2026-09-21", 754, 0)

INPUTS: list[inputs.Input] = [
    inputs.Identified(ANA, "w:a", "Ana", True, "gold", ("offers",), ("regular",)),
    inputs.ZoneEntered(DAIRY, 93),
    inputs.ZoneLeft(DAIRY),
    inputs.VisitEnded(),
    inputs.BasketChanged((LINE,)),
    inputs.OfferRefused(CAMPAIGN, OFFER, CHECKED),
    inputs.WeightSettled(24_720, 23_690),
    inputs.Restocked(24),
    inputs.GoodsTaken(-1),
    inputs.CreativeProposed(CreativeId("milk"), CAMPAIGN, SHOPPER, 1_790_000_030_000, 3),
    inputs.SignStarted(),
    inputs.GoodsChanged(Sku("milk"), "low"),
    inputs.OfferProposed(
        OFFER,
        CAMPAIGN,
        4,
        SubjectId("ana"),
        SHOPPER,
        DAIRY,
        (GRANT,),
        1_790_001_800_000,
        Caps(1, 2, 3, 4),
        "hi",
    ),
    inputs.SaleClosed("S-7", "till-1", (LINE,), 268, "EUR", 1_790_000_000_000),
    inputs.OfferSeen(OFFER),
    inputs.ConsentChanged(("offers", "profile")),
    inputs.MemberKnown("Ana", "gold", ("offers",), ("regular",)),
    inputs.BalanceKnown(1200, 1_790_000_000_000, 17),
    inputs.OffersMoved((OfferMoved(OFFER, CAMPAIGN, (GRANT,), DAIRY, 1, 2, "hi"),)),
    inputs.AccountClaimed(ANA),
    inputs.Woken(),
    inputs.ClockSet(-7000),
]
ENTRIES: list[effects.Entry] = [
    effects.PointsPosted(ANA, 18, 26, "S-7"),
    effects.OfferPosted(OFFER, ANA, CAMPAIGN, "issued", (GRANT,), DAIRY, 1, 2, "hi"),
    effects.SalePosted("S-7", "till-1", ANA, 268, "EUR", 26, (LINE,), 1_790_000_000_000),
    effects.CapCounted(ANA, CAMPAIGN, "2026-09-21"),
    effects.PoolSpent(PoolId("campaign:milk-20:2026-09-21"), 1, 100),
    effects.MemberPosted(ANA, "Ana", "gold", ("offers",), ()),
    effects.BalancePosted(ANA, 1200, 1_790_000_000_000, 17),
]
DECISION = Decision(
    "zone_entered",
    SHOPPER,
    "Ana",
    "dairy",
    (CAMPAIGN,),
    (OFFER,),
    "won",
    Considered(CAMPAIGN, "Milk", "missed"),
    3,
    9,
)
RECORDS: list[records.Record] = [
    records.SaleRecorded(
        "op-7",
        "S-7",
        "till-1",
        "A-1001",
        268,
        "EUR",
        26,
        18,
        5,
        "2026-09-21",
        (records.SaleLine("milk", 2000, 139),),
    ),
    records.StockMoved("op-8", "dairy-2", "milk", -1, 23, "picked", 96, 5),
    records.OfferIssued("v1.milk-20.1", "A-1001", "milk-20", "dairy", 5),
    records.VisitClosed(
        "v1", "A-1001", 1, 5, ("dairy", "till"), (records.Stay("dairy", 1, 3), records.Stay("till", 3, 5))
    ),
    records.Hello("014", "a1b2", 5),
]
EFFECTS: list[effects.Effect] = [
    effects.Post(ENTRIES[0]),
    effects.Emit("money", RECORDS[0]),
    effects.Know("occupancy", "dairy", field="shoppers", add=1),
    effects.Tell(SHOPPER, INPUTS[1]),
    effects.Decide(DECISION),
    effects.Notify(ANA),
    effects.Show("dairy-screen"),
    effects.Reply("done", b"{}"),
]
MAIL: list[mail.Mail] = [
    mail.BalanceMailed("A-1001", 1200, 5, "a1b2", 17),
    mail.MemberMailed("A-1001", "Ana", "gold", ("offers",), (), ("w:a",), ("C-1",)),
    mail.ReplayOrdered("a1b2", "money", 40),
    mail.Receipt("a1b2", "money", 41),
]
GIVEN = Given(
    SHOPPER, "till/shopper:ana@1/ZoneEntered", INPUTS[1], CAUSE, 1_790_000_000_000, LOCAL, "op", b"h" * 16, 3
)
TURN = cells.Turn(GIVEN, b'{"v":1}', [EFFECTS[2], EFFECTS[3]], 1_790_000_060_000, b"d" * 8, 12, {"p": 1})
BATCH = cells.Batch(
    7,
    1_790_000_000_000,
    LOCAL,
    12,
    [cells.Load(SHOPPER, 3, b'{"v":1}')],
    [Key("shopper:ben")],
    [Fact("product", "milk", 12, b"null")],
    {"p": 1},
    [GIVEN],
    [
        cells.Heard(SHOPPER, "till", -71.5, 5, 5000),
        cells.Heard(SHOPPER, "pozyx", 0.0, 6, 6000, (1.5, 2.25, 0.5)),
    ],
    [cells.Weighed(Key("shelf:dairy-2"), 23_690, 5, 5000)],
    [SHOPPER],
    True,
)
ANSWER = cells.Answer(
    7,
    [TURN],
    [cells.Untaken(GIVEN, "threw", "ValueError: x")],
    [SHOPPER],
    {"p": 2},
    [cells.Position(SHOPPER, 1.5, 2.25, "dairy", 0.75, 5, 88)],
    140,
    [cells.Crowd("dairy", 1.75, 0.25)],
    [cells.ScannerHealth("till", "deaf", 5000, -14.5)],
    25,
)
UNIONS: dict[str, tuple[Any, Sequence[Any]]] = {
    "input": (inputs.Input, INPUTS),
    "entry": (effects.Entry, ENTRIES),
    "effect": (effects.Effect, EFFECTS),
    "record": (records.Record, RECORDS),
    "mail": (mail.Mail, MAIL),
}
GROWN = {records.VisitClosed: "+stays"}
"""Types that gained a field since their line was kept: the new line's name, so that the old one stays and is read."""

READ_TODAY: dict[str, Any] = {
    "record.VisitClosed": records.VisitClosed("v1", "A-1001", 1, 5, ("dairy", "till"))
}
"""What a line of an older release means to this one."""

SAMPLES: dict[str, tuple[Any, Any]] = {
    f"{family}.{type(value).__name__}{GROWN.get(type(value), '')}": (value, kind)
    for family, (kind, values) in UNIONS.items()
    for value in values
}
SAMPLES |= {
    "given": (GIVEN, Given),
    "batch": (BATCH, cells.Batch),
    "turn": (TURN, cells.Turn),
    "answer": (ANSWER, cells.Answer),
    "header": (records.Header("014", "a1b2", "money", 41, b"c" * 8, 1, "op-7", "k1"), records.Header),
    "envelope": (mail.Envelope(9, MAIL[0], (mail.Receipt("a1b2", "money", 41),)), mail.Envelope),
}


def golden() -> dict[str, bytes]:
    """The kept bytes by name."""
    lines = GOLDEN.read_text(encoding="ascii").splitlines()
    return {name: bytes.fromhex(kept) for name, kept in (line.split() for line in lines)}


@pytest.mark.parametrize("family", UNIONS)
def test_every_type_of_the_language_has_a_sample(family: str) -> None:
    kind, values = UNIONS[family]
    assert set(typing.get_args(kind)) == {type(value) for value in values}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_value_is_written_as_it_always_was(name: str) -> None:
    value, kind = SAMPLES[name]
    written = to_msgpack(value)
    kept = golden().get(name)
    assert kept is not None, f"add this line to {GOLDEN.name}: {name} {written.hex()}"
    assert written == kept
    assert msgspec.msgpack.decode(kept, type=kind) == value


def test_a_line_of_an_older_release_is_read_with_its_new_fields_empty() -> None:
    assert set(golden()) == set(SAMPLES) | set(READ_TODAY)
    for name, value in READ_TODAY.items():
        assert msgspec.msgpack.decode(golden()[name], type=UNIONS[name.partition(".")[0]][0]) == value


@pytest.mark.parametrize("name", SAMPLES)
def test_msgpack_reads_and_writes_the_same_bytes(name: str) -> None:
    kept = golden()[name]
    assert msgpack.packb(msgpack.unpackb(kept, strict_map_key=False)) == kept


@pytest.mark.parametrize(
    "effect",
    [
        effects.Know("stock", "dairy-2", b'{"sku":"milk"}'),
        effects.Reply("done", b'{"points":26}'),
    ],
)
def test_json_inside_an_effect_survives_the_wire(effect: effects.Effect) -> None:
    assert msgspec.msgpack.decode(to_msgpack(effect), type=effects.Effect) == effect


@pytest.mark.parametrize("name", ["given", "batch", "answer", "turn", "header", "envelope"])
def test_old_bytes_without_appended_fields_still_decode(name: str) -> None:
    value, kind = SAMPLES[name]
    fields = msgspec.structs.fields(kind)
    required = sum(field.required for field in fields)
    short = msgpack.packb(msgpack.unpackb(golden()[name])[:required])
    old = msgspec.msgpack.decode(short, type=kind)
    for place, field in enumerate(fields):
        assert getattr(old, field.name) == (
            getattr(value, field.name) if place < required else defaulted(field)
        )


def defaulted(field: msgspec.structs.FieldInfo) -> Any:
    """What a field is when nobody wrote it."""
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def test_an_old_record_without_appended_fields_still_decodes() -> None:
    short = msgpack.packb(msgpack.unpackb(golden()["record.SaleRecorded"])[:-1])
    old = records.decode_record(short)
    assert isinstance(old, records.SaleRecorded)
    assert (old.business_day, old.lines) == ("2026-09-21", ())


@pytest.mark.parametrize("name", ["given", "batch", "answer", "header", "envelope", "record.SaleRecorded"])
def test_bytes_of_a_newer_release_with_more_fields_decode(name: str) -> None:
    value, kind = SAMPLES[name]
    longer = msgpack.packb([*msgpack.unpackb(golden()[name]), "new", {"newer": 1}])
    assert msgspec.msgpack.decode(longer, type=kind) == value


@pytest.mark.parametrize("value", INPUTS, ids=lambda value: type(value).__name__)
def test_an_input_survives_the_journals_json_and_a_newer_field_in_it(value: inputs.Input) -> None:
    stored = to_json(value)
    assert msgspec.json.decode(stored, type=inputs.Input) == value
    newer = msgspec.json.decode(stored) | {"added_later": [1]}
    assert msgspec.json.decode(to_json(newer), type=inputs.Input) == value


def test_json_from_outside_is_bounded_before_it_is_decoded() -> None:
    decode = JsonDecoder[Any](Any)
    assert decode(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    with pytest.raises(Nonsense, match="deeper"):
        decode(b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1))
    with pytest.raises(TooLarge):
        decode(b'"' + b"x" * PAYLOAD_BYTES_MAX + b'"')
    check_depth(b"[]" * 1000)


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"{", b'{"a":NaN}', b"1e999", b"9" * 5000, b'"\\ud800"', b"nul", b"[1,]"]
)
def test_json_that_is_none_is_nonsense(payload: bytes) -> None:
    with pytest.raises(Nonsense):
        JsonDecoder[int](int)(payload)


@pytest.mark.parametrize(
    "payload", [b"", b"\xc1", b"\x93\x01", b"\x91" * 5000, b"\xa5ab", b"\xdb\xff\xff\xff\xff"]
)
def test_msgpack_that_is_none_is_nonsense(payload: bytes) -> None:
    with pytest.raises(Nonsense):
        MsgpackDecoder[Any](Any)(payload)


def test_a_record_is_bounded_where_it_is_written_and_where_it_is_read() -> None:
    wide = records.VisitClosed("v", "A", 1, 2, ("z" * 1000,) * 300)
    with pytest.raises(TooLarge):
        records.encode_record(wide)
    with pytest.raises(TooLarge):
        MsgpackDecoder[Any](Any)(b"\x00" * (RECORD_BYTES_MAX + 1))
    assert records.decode_record(records.encode_record(RECORDS[0])) == RECORDS[0]


def test_the_canonical_hash_knows_no_order_of_keys_and_never_changes() -> None:
    assert payload_hash({"a": 1, "b": [2, "x"]}) == payload_hash({"b": [2, "x"], "a": 1})
    assert payload_hash({"a": 1}) != payload_hash({"a": 2})
    assert payload_hash({"a": 1, "b": [2, "x"]}).hex() == "0ddbcf7095b673e26e2638bfe20487c2"
    assert payload_hash(INPUTS[13]).hex() == "c4937ff8f56cd74a27b4a1a496412faf"


def test_a_digest_keeps_its_parts_apart() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
    assert digest(b"ab", b"c").hex() == "88f5e1cfb74ccc43"


def test_the_chain_links_a_record_to_all_before_it() -> None:
    value = records.encode_record(RECORDS[0])
    link = records.chain(b"key", b"\x00" * 8, 1, value)
    assert link.hex() == "e892658e2285beea"
    others = {
        records.chain(b"yek", b"\x00" * 8, 1, value),
        records.chain(b"key", b"\x01" * 8, 1, value),
        records.chain(b"key", b"\x00" * 8, 2, value),
        records.chain(b"key", b"\x00" * 8, 1, value + b"x"),
    }
    assert link not in others
    assert len(others) == 4
