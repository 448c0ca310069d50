"""The surveyor's doors: the phone page at /survey, the session it walks through, devices around, scanners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import Request, Response, delete, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from edge.web.bodies import answer, read
from edge.web.described import described
from edge.web.files import Files
from edge.web.floor_edit import NoEditing
from edge.web.ports import Door
from edge.web.survey_views import (
    NearbyView,
    ScannersView,
    SurveyBegin,
    SurveyListen,
    SurveyStart,
    SurveyStep,
    SurveyView,
)
from protocols.codec import JsonDecoder

_start: JsonDecoder[SurveyStart] = JsonDecoder(SurveyStart)
_begin: JsonDecoder[SurveyBegin] = JsonDecoder(SurveyBegin)
_step: JsonDecoder[SurveyStep] = JsonDecoder(SurveyStep)
_listen: JsonDecoder[SurveyListen] = JsonDecoder(SurveyListen)

PROBLEMS = (400, 403, 408, 409, 413, 415, 503)

Since = Annotated[int, QueryParameter(ge=0, le=2**53)]


def survey_routes(door: Door, files: Files, may_edit: bool) -> list[BaseRouteHandler]:
    """/survey and everything under /api/v1/survey."""

    def allowed() -> None:
        if not may_edit:
            raise NoEditing(
                "The floor cannot be surveyed from here. Set edit = true in [http] and start again."
            )

    @get("/survey", include_in_schema=False)
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return files.page("survey.html", request)

    @get("/api/v1/survey", **described("The survey as it is now", gives=SurveyView, problems=(400, 403)))
    async def view(since: Since = 0) -> Response[bytes]:
        allowed()
        return answer(await door.survey_desk.view(since))

    @post(
        "/api/v1/survey",
        status_code=200,
        **described("Start a survey", takes=SurveyStart, gives=SurveyView, problems=PROBLEMS),
    )
    async def start(request: Request[Any, Any, Any]) -> Response[bytes]:
        allowed()
        return answer(await door.survey_desk.start(await read(request, _start)))

    @delete(
        "/api/v1/survey",
        status_code=200,
        **described("End the survey; its points stay", gives=SurveyView, problems=(403, 409, 503)),
    )
    async def end() -> Response[bytes]:
        allowed()
        return answer(await door.survey_desk.end())

    @post(
        "/api/v1/survey/points",
        status_code=200,
        **described("Stand at a point", takes=SurveyBegin, gives=SurveyView, problems=PROBLEMS),
    )
    async def begin(request: Request[Any, Any, Any]) -> Response[bytes]:
        allowed()
        return answer(await door.survey_desk.begin(await read(request, _begin)))

    def step(name: str, summary: str, act: Callable[[SurveyStep], Awaitable[SurveyView]]) -> BaseRouteHandler:
        @post(
            f"/api/v1/survey/points/{name}",
            status_code=200,
            **described(summary, takes=SurveyStep, gives=SurveyView, problems=PROBLEMS),
        )
        async def stepped(request: Request[Any, Any, Any]) -> Response[bytes]:
            allowed()
            return answer(await act(await read(request, _step)))

        return stepped

    desk = door.survey_desk
    return [
        page,
        view,
        start,
        end,
        begin,
        step("finish", "Write the point down and go on to the next", desk.finish),
        step("skip", "Go past the point", desk.skip),
        step("undo", "Step off the point, or take the last one back", desk.undo),
        *_listening(door, allowed),
    ]


def _listening(door: Door, allowed: Callable[[], None]) -> list[BaseRouteHandler]:
    @get(
        "/api/v1/survey/around",
        **described(
            "Devices heard now, the one held to a scanner first", gives=NearbyView, many=True, problems=(403,)
        ),
    )
    async def around() -> Response[bytes]:
        allowed()
        return answer(door.survey_desk.around())

    @get(
        "/api/v1/survey/scanners",
        **described("What scanners heard of each other", gives=ScannersView, problems=(403,)),
    )
    async def scanners() -> Response[bytes]:
        allowed()
        return answer(door.survey_desk.scanners())

    @post(
        "/api/v1/survey/scanners",
        status_code=200,
        **described(
            "Let scanners listen to each other for a time",
            takes=SurveyListen,
            gives=ScannersView,
            problems=PROBLEMS,
        ),
    )
    async def listen(request: Request[Any, Any, Any]) -> Response[bytes]:
        allowed()
        return answer(await door.survey_desk.listen(await read(request, _listen)))

    return [around, scanners, listen]
