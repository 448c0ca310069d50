"""What the web asks of the store. The runtime stands behind it.

The web knows HTTP, bodies and refusals; the store knows entities, facts and time. Nothing blocks the loop.
"""

from __future__ import annotations

from typing import Protocol

from edge.ports import Enrolled
from edge.web.channels import Subscription
from edge.web.floor_views import ExpectedView, FloorChange, FloorDraft, FloorProblem, FloorSaved, PictureView
from edge.web.survey_views import (
    NearbyView,
    ScannersView,
    SurveyBegin,
    SurveyListen,
    SurveyStart,
    SurveyStep,
    SurveyView,
)
from edge.web.views import ConsoleSnapshot, Explained, FloorView, Health, SaleView, StoreNow
from protocols.api import DecisionView, EnrolRequest, ScreenCommand, Wallet
from protocols.errors import EndcapError, Nonsense, Verdict
from protocols.ids import AccountId, Key
from protocols.inputs import Input

CONSOLE = "console"
"""Channel of the console: `ConsoleSnapshot` as JSON, at most a few a second."""

STORE = "store"
"""Channel of everybody: `StoreNow` as JSON, when the link changes its state."""


def phone_channel(account: str) -> str:
    """Channel of one account's phones: `Wallet` as JSON, after each turn that notified them."""
    return f"phone:{account}"


def screen_channel(sign: str) -> str:
    """Channel of one screen: `ScreenCommand` as JSON, after each turn that showed something."""
    return f"screen:{sign}"


class FloorWrong(Nonsense):
    """The floor holds errors; nothing was written. `problems` has each with its place."""

    code = "floor_wrong"
    status = 422

    def __init__(self, reason: str, problems: tuple[FloorProblem, ...]) -> None:
        super().__init__(reason)
        self.problems = problems


class FloorMoved(EndcapError):
    """Somebody else changed the file since this draft was read; nothing was written."""

    code = "floor_changed"
    status = 409


class FloorDesk(Protocol):
    """The floor's file as the console edits it."""

    async def draft(self) -> FloorDraft:
        """The file as it is now. Raises FloorWrong if it cannot be read without loss."""

    async def save(self, change: FloorChange, *, dry_run: bool) -> FloorSaved:
        """Judges a floor and, unless it is a dry run, makes it the file. Raises FloorMoved, FloorWrong, NotNow."""

    async def keep_picture(self, body: bytes) -> PictureView:
        """Stores a picture for the plan. Raises TooLarge, WrongPicture, NotNow."""

    async def picture(self, name: str) -> tuple[bytes, str] | None:
        """A picture's bytes and media type; None if there is none of this name."""


class SurveyDesk(Protocol):
    """The survey of the floor. Everything may raise OutOfStep, Nonsense or NotNow; then nothing was changed."""

    async def start(self, asked: SurveyStart) -> SurveyView:
        """Opens a session; there is one at a time."""

    async def view(self, since: int) -> SurveyView:
        """The session as it is now; its stops only if they are newer than the version `since`."""

    async def begin(self, asked: SurveyBegin) -> SurveyView:
        """Somebody stands at the next point, or at a place."""

    async def finish(self, asked: SurveyStep) -> SurveyView:
        """The point is done: in the file on return, and on to the next."""

    async def skip(self, asked: SurveyStep) -> SurveyView:
        """Past the next point."""

    async def undo(self, asked: SurveyStep) -> SurveyView:
        """Off the point where somebody stands; else the last one is taken out of the file again."""

    async def end(self) -> SurveyView:
        """Closes the session. Its points stay."""

    def around(self) -> tuple[NearbyView, ...]:
        """Devices heard now, the likeliest to be held to a scanner first."""

    async def listen(self, asked: SurveyListen) -> ScannersView:
        """Lets scanners listen to each other for a time, anew; 0 s stops."""

    def scanners(self) -> ScannersView:
        """What they heard of each other."""


class Door(Protocol):
    """The store as its web sees it."""

    @property
    def survey_desk(self) -> SurveyDesk:
        """The survey of the floor. Asked only when the settings allow changes."""

    @property
    def floor_desk(self) -> FloorDesk:
        """The floor's file. Asked to change only when the settings allow it."""

    async def expected(self) -> ExpectedView | None:
        """How well the radio tells places apart on this floor; None until it was surveyed."""

    async def ask(self, key: Key, given: Input, operation: str, payload: object) -> Verdict:
        """Hands one input to one entity and returns when its turn is committed.

        `payload` is what the sender sent, whole: its canonical hash tells a repeat (the stored verdict comes
        back, `replayed`) from another request under the same id (raises Mismatch). A repeat in flight waits
        for the first. An empty `operation` is for what nobody can send again. A step that replies nothing
        gives `done` with the body null. The cause names the operation and the arrival, by the door's clock.
        Raises Nonsense, NotNow or Parked; after any of them nothing was changed.
        """

    def now_ms(self) -> int:
        """The store's clock."""

    def resolve(self, card: str) -> Enrolled | None:
        """Who carries a card or a device, or owns an account of this id; None if the roster does not know."""

    def unknown_account(self, card: str) -> AccountId:
        """The account under which a card earns that the roster does not know: `card-` and its token."""

    async def enrol(self, device: str, request: EnrolRequest) -> Enrolled:
        """Makes a device known, or moves it to another subject. Committed on return."""

    def health(self) -> Health:
        """Whether a till is served."""

    def store(self) -> StoreNow:
        """Who we are, and how the line to head office is."""

    def floor(self) -> FloorView:
        """The floor and the books that the pages draw from. The same object until `version` changes."""

    def console(self) -> ConsoleSnapshot:
        """The store as it is now."""

    def wallet(self, account: AccountId) -> Wallet | None:
        """What this account's phone shows now; None if the store does not know the account."""

    def consent(self, account: AccountId) -> tuple[str, ...]:
        """The purposes that the account allows now."""

    def receipts(self, account: AccountId, limit: int) -> tuple[SaleView, ...]:
        """The account's sales in this store, newest first."""

    def screen(self, sign: str) -> ScreenCommand | None:
        """What this screen shows now; None if there is no such sign, or nothing was shown yet."""

    def screen_heard(self, sign: str, version: int) -> None:
        """A heartbeat: the screen lives and shows `version`."""

    def decisions(self, *, limit: int, before_seq: int | None, offer: str) -> tuple[DecisionView, ...]:
        """Decisions, newest first, below `before_seq` if given; only the one that made `offer`, if given."""

    async def explain(self, seq: int) -> Explained | None:
        """Replays the turn that decided; None if no decision has this number or its turn is pruned."""

    def subscribe(self, *channels: str) -> Subscription:
        """Listens to channels, all of those named above. Raises NotNow when too many pages are open."""

    # The demo's own doors. Only called when the settings say that this is a demo.

    async def set_wan(self, up: bool) -> None:
        """Cuts or mends the line to head office."""

    async def kill_ray(self) -> None:
        """Kills Ray's processes, as a fault would."""

    async def walk(self, subject: str, x: float, y: float) -> None:
        """Leads a shopper to a point of the floor: the sightings come through the store's public door."""

    async def take_from_shelf(self, shelf: str, pieces: int) -> None:
        """Takes goods from a shelf (negative: puts back), through the store's public door."""
