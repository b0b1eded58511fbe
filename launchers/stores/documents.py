"""Documents as JSON text: dates, object ids and bytes as MongoDB's extended JSON writes them."""

from __future__ import annotations

import json
import math
from typing import Any

from bson import json_util

from interlith.structures.errors import RequestError

# naive dates, as pymongo and maggma's own stores return them
OPTIONS = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=False)


def encode(document: Any) -> str:
    """Return the JSON text of a sanitised document.

    The text is strict JSON (a NaN becomes ``{"$numberDouble": "NaN"}``), so that any other program
    reads it.

    Parameters
    ----------
    document
        Dictionaries, lists, strings, numbers, and the types that BSON has beyond JSON's.

    Raises
    ------
    RequestError
        If a string is no valid Unicode.
    """
    try:
        text = json.dumps(document, default=_extended, allow_nan=False, ensure_ascii=False)
    except ValueError:
        text = json.dumps(_finite(document), default=_extended, allow_nan=False, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        where = error.object[max(0, error.start - 20) : error.end + 20]
        raise RequestError(
            f"text that is no valid Unicode: {where!r}", "document", "decode it before storing"
        ) from error
    return text


def decode(text: str | bytes) -> Any:
    """Return the document of a text made by :func:`encode`."""
    return json.loads(text, object_hook=_plain)


def _extended(value: Any) -> Any:
    return json_util.default(value, OPTIONS)


def _plain(found: dict) -> Any:
    # a cheap look first: nearly no dictionary is one of extended JSON's
    return json_util.object_hook(found, OPTIONS) if next(iter(found), "").startswith("$") else found


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$numberDouble": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    return value
