"""The OpenAPI document, from the same types that decode the bodies."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec.response import OpenAPIResponse
from litestar.types import OperationIDCreator

from edge.web import floor_views, survey_views, views
from edge.web.refusals import PROBLEM_JSON
from protocols import api

_BODIES: tuple[Any, ...] = (
    api.SaleRequest,
    api.SaleReceipt,
    api.Receipt,
    api.BasketRequest,
    api.EnrolRequest,
    api.ConsentRequest,
    api.RestockRequest,
    api.Problem,
    api.Wallet,
    api.ScreenCommand,
    api.DecisionView,
    views.FloorView,
    views.ConsoleSnapshot,
    views.Explained,
    views.StoreNow,
    views.SaleView,
    views.CardView,
    views.ConsentView,
    views.PlaylistView,
    views.Health,
    floor_views.FloorDraft,
    floor_views.FloorChange,
    floor_views.FloorSaved,
    floor_views.FloorRefused,
    floor_views.PictureView,
    floor_views.ExpectedView,
    survey_views.SurveyStart,
    survey_views.SurveyBegin,
    survey_views.SurveyStep,
    survey_views.SurveyListen,
    survey_views.SurveyView,
    survey_views.NearbyView,
    survey_views.ScannersView,
)
"""Every body of the API. A new one is added here, and a test compares this with the routes."""


def described(
    summary: str,
    *,
    takes: Any = None,
    gives: Any = None,
    many: bool = False,
    problems: tuple[int, ...] = (),
    takes_raw: tuple[str, ...] = (),
    gives_raw: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Keywords of a route handler that put it in the document: summary, body, answer, problems.

    `takes_raw` and `gives_raw` are media types of bodies that are bytes.
    """

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.summary = summary
            if takes is not None:
                self.request_body = RequestBody(content={"application/json": _media(takes)}, required=True)
            if takes_raw:
                self.request_body = RequestBody(content=_raw(takes_raw), required=True)
            content = (
                {"application/json": _media(gives, many)} if gives is not None else _raw(gives_raw) or None
            )
            self.responses = {"200": OpenAPIResponse(description="As asked.", content=content)}
            for status in problems:
                self.responses[str(status)] = OpenAPIResponse(
                    description=HTTPStatus(status).phrase, content={PROBLEM_JSON: _media(api.Problem)}
                )

    return {"operation_class": Described}


def openapi(version: str) -> OpenAPIConfig:
    """The document, served as JSON at /schema: no viewer, which would load from elsewhere."""
    _, components = msgspec.json.schema_components(_BODIES, ref_template="#/components/schemas/{name}")
    return OpenAPIConfig(
        title="Endcap store",
        version=version,
        summary="The till, shelf and page API of one store.",
        path="/schema",
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        components=_Written(components),
        operation_id_creator=_operation_id,
        use_handler_docstrings=False,
    )


class _Written(Components):
    """The schemas that msgspec wrote, handed on as they are: the framework would put its own in their place."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        super().__init__()
        self._written = schemas

    def to_schema(self) -> dict[str, Any]:
        return {"schemas": self._written}


def _media(kind: Any, many: bool = False) -> OpenAPIMediaType:
    one = Reference(ref=f"#/components/schemas/{kind.__name__}")
    return OpenAPIMediaType(schema=Schema(type="array", items=one) if many else one)  # type: ignore[arg-type]


def _raw(types: tuple[str, ...]) -> dict[str, OpenAPIMediaType]:
    return {one: OpenAPIMediaType() for one in types}


def _name(handler: Any, method: Any, parts: list[Any]) -> str:
    words = [part if isinstance(part, str) else part.name for part in parts]
    return "_".join([method.value.lower(), *words])


_operation_id: OperationIDCreator = _name
