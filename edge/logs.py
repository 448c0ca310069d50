"""Structured lines on standard error: readable for people, JSON for collectors."""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog


def set_up_logs(level: str, *, json: bool) -> None:
    """Sets the process's logging up, once, at its start. Lines of libraries look like our own."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    before: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if json else _as_it_is,
    ]
    render = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=28,
            exception_formatter=structlog.dev.plain_traceback,  # the others print values, such as addresses
        )
    )
    structlog.configure(
        processors=[*before, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    finish: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        render,
    ]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=finish, foreign_pre_chain=before))
    handler.addFilter(_is_news)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _is_news(record: logging.LogRecord) -> bool:
    """False for the end of a request that was under way when the store stopped: it was told to."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _as_it_is(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event
