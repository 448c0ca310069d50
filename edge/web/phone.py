"""The phone: its page and socket, the wallet as it is now, what the member allows, receipts."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, WebSocket, get, post, put, websocket
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from edge.web.bodies import answer, ident, read
from edge.web.described import described
from edge.web.files import Files
from edge.web.ports import STORE, Door, phone_channel
from edge.web.refusals import Counts, Unknown
from edge.web.sockets import Beat, attend
from edge.web.till import receipt
from edge.web.views import ConsentView, SaleView, StoreNow
from protocols.api import ConsentRequest, Receipt, Wallet
from protocols.codec import JsonDecoder, to_json
from protocols.errors import Nonsense
from protocols.ids import AccountId, OfferId, key
from protocols.inputs import ConsentChanged, OfferSeen

RECEIPTS_MAX = 30
"""Receipts on a phone. Older ones are head office's."""

PURPOSES = ("offers", "location", "profile")
"""Purposes that a member may allow, as campaigns may ask for them."""

_consent: JsonDecoder[ConsentRequest] = JsonDecoder(ConsentRequest)


def phone_routes(door: Door, counts: Counts, files: Files) -> list[BaseRouteHandler]:
    """Everything under /phone, /ws/phone and /api/v1/accounts."""

    def known(account: str) -> Wallet:
        wallet = door.wallet(AccountId(ident(account, "account")))
        if wallet is None:
            raise Unknown(f"We do not know the account '{account}'. Ask at the till, or enrol it first.")
        return wallet

    @get("/phone/{account:str}", include_in_schema=False)
    async def page(request: Request[Any, Any, Any], account: FromPath[str]) -> Response[bytes]:
        ident(account, "account")
        return files.page("phone.html", request)

    @get(
        "/api/v1/accounts/{account:str}/wallet",
        **described("What a phone shows now", gives=Wallet, problems=(400, 404)),
    )
    async def wallet(account: FromPath[str]) -> Response[bytes]:
        return answer(known(account))

    @get(
        "/api/v1/accounts/{account:str}/receipts",
        **described("Sales of an account, newest first", gives=SaleView, many=True, problems=(400, 404)),
    )
    async def receipts(account: FromPath[str]) -> Response[bytes]:
        known(account)
        return answer(door.receipts(AccountId(account), RECEIPTS_MAX))

    @get(
        "/api/v1/accounts/{account:str}/consent",
        **described("What an account allows", gives=ConsentView, problems=(400, 404)),
    )
    async def allowed(account: FromPath[str]) -> Response[bytes]:
        known(account)
        return answer(ConsentView(allowed=door.consent(AccountId(account)), purposes=PURPOSES))

    @put(
        "/api/v1/accounts/{account:str}/consent",
        **described(
            "Replace what an account allows",
            takes=ConsentRequest,
            gives=Receipt,
            problems=(400, 404, 408, 409, 413, 415, 503),
        ),
    )
    async def allow(request: Request[Any, Any, Any], account: FromPath[str]) -> Response[bytes]:
        known(account)
        asked = await read(request, _consent)
        for purpose in asked.consent:
            if purpose not in PURPOSES:
                raise Nonsense(f"No purpose '{purpose[:64]}'. There are {', '.join(PURPOSES)}.")
        changed = ConsentChanged(consent=tuple(sorted(set(asked.consent))))
        return receipt(await door.ask(key("account", account), changed, asked.operation, asked))

    @post(
        "/api/v1/accounts/{account:str}/offers/{offer:str}/seen",
        status_code=200,
        **described("A phone showed an offer", gives=Receipt, problems=(400, 404, 503)),
    )
    async def seen(account: FromPath[str], offer: FromPath[str]) -> Response[bytes]:
        held = {one.offer for one in known(account).offers}
        if ident(offer, "offer") not in held:
            raise Unknown(f"The account '{account}' holds no offer '{offer}'.")
        shown = OfferSeen(offer=OfferId(offer))
        return receipt(await door.ask(key("account", account), shown, f"seen:{offer}", shown))

    @websocket("/ws/phone/{account:str}")
    async def feed(socket: WebSocket[Any, Any, Any], account: FromPath[str]) -> None:
        def behind(beat: Beat) -> list[bytes]:
            newest = door.wallet(AccountId(account))
            if newest is None or newest.version <= beat.version:
                return [to_json(door.store())]
            return [to_json(door.store()), to_json(newest)]

        await attend(socket, "phone", counts, lambda: door.subscribe(phone_channel(account), STORE), behind)

    @get("/api/v1/store", **described("Who this store is, and its line to head office", gives=StoreNow))
    async def store() -> Response[bytes]:
        return answer(door.store())

    return [page, wallet, receipts, allowed, allow, seen, feed, store]
