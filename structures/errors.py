"""The one error that a person sees: what was wrong, where, how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InterlithError(Exception):
    """A request or a computation that cannot go on, told in one line.

    Parameters
    ----------
    what
        What was wrong, with the offending value.
    where
        The file, argument or job at fault.
    mend
        What the person can do about it.
    """

    exit_status = 1

    def __init__(self, what: str, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__(what, where, mend)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return " ".join(f"{self.what}{place}{'; ' + self.mend if self.mend else ''}".split())


class RequestError(InterlithError):
    """The request itself was wrong: nothing was computed (exit status 2)."""

    exit_status = 2


class ComputationError(InterlithError):
    """A sound request whose computation failed (exit status 1)."""


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> RequestError:
    """Return the error for a name that is not known, with the nearest names suggested.

    Parameters
    ----------
    kind
        What was named, in the singular ("system", "engine", "crystal").
    name
        The name as it was given.
    known
        Every valid name.
    where
        The argument or file that holds the name.
    """
    names = sorted(known)
    folded = {n.lower(): n for n in names}
    near = [folded[n] for n in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)]
    mend = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return RequestError(f"unknown {kind} {name!r}", where, mend)
