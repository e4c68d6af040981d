"""Things of one kind by name, as recipes, saved models and the command line write them."""

from __future__ import annotations

import difflib
import inspect
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from typing import Any, TypeVar, cast

from triptych.errors import InputError

M = TypeVar("M", bound=Callable[..., Any])


class Registry(ChainMap[str, M]):
    """Name → what makes a thing of its settings: a class, mostly.

    Parameters
    ----------
    kind
        What they all are, as a sentence says it: "encoder".
    *tables
        Names and makers; `register` writes into the first.
    given
        Parameters that no setting is, since whoever makes one passes them.
    """

    def __init__(
        self, kind: str, *tables: MutableMapping[str, M], given: Collection[str] = ()
    ) -> None:
        super().__init__(*tables)
        self.kind, self.given = kind, given

    def register(self, name: str, maker: M) -> None:
        """Add one under a name of its own; InputError if another has that name."""
        if self.get(name, maker) is not maker:
            raise InputError(
                f"there is a {self.kind} {name!r} already; give "
                f"{getattr(maker, '__name__', maker)} another name"
            )
        self[name] = maker

    def parameters(self, name: str) -> dict[str, inspect.Parameter]:
        """The settings of one by name; none of a name that is not there."""
        if name not in self:
            return {}
        found = inspect.signature(self[name]).parameters
        return {key: each for key, each in found.items() if key not in self.given}

    def find(self, name: object, settings: Iterable[str] = ()) -> M:
        """What makes the one of that name.

        Raises
        ------
        InputError
            If there is none, or it has none of these settings.
        """
        if not isinstance(name, str) or name not in self:
            raise InputError(
                f"there is no {self.kind} {name!r}; choose one of {_named(self, [name])}"
            )
        known = self.parameters(name)
        unknown = [each for each in settings if each not in known]
        anything = any(each.kind is each.VAR_KEYWORD for each in known.values())
        if unknown and not anything:
            raise InputError(
                f"{self.kind} {name!r} has no setting {', '.join(map(repr, unknown))}; it has "
                f"{_named(known, unknown)}"
            )
        return self[name]

    def make(
        self, name: object, settings: Mapping[str, Any], by: Callable[..., Any] | None = None
    ) -> Any:
        """Make the one of that name.

        Parameters
        ----------
        name, settings
            As they are written; lists (of YAML or JSON) stand for tuples.
        by
            What makes it, of the maker and the settings; left out, the maker itself.

        Raises
        ------
        InputError
            If there is none, it has no such setting or needs another, or cannot be made of these.
        """
        maker = self.find(name, settings)
        missing = [
            key
            for key, each in self.parameters(str(name)).items()
            if each.default is each.empty
            and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
            and key not in settings
        ]
        if missing:
            raise InputError(
                f"{self.kind} {name!r} needs a value for {', '.join(missing)}; got "
                f"{dict(settings) or 'no setting'}"
            )
        own = {key: _tuples(value) for key, value in settings.items()}
        try:
            return by(maker, **own) if by else maker(**own)
        except InputError:
            raise
        except Exception as error:  # what torch makes of impossible sizes has many types
            raise InputError(
                f"{self.kind} {name!r} cannot be made with {dict(settings)}: {error}"
            ) from error


def _named(known: Iterable[str], asked: Iterable[object]) -> str:
    """All that are known, and which one may have been meant."""
    names = list(known)
    near = [each for one in asked for each in difflib.get_close_matches(str(one), names, 1)]
    hint = f" (did you mean {' and '.join(map(repr, near))}?)" if near else ""
    return (", ".join(names) or "none") + hint


def _tuples(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_tuples(item) for item in cast("list[Any]", value))
    return value
