"""Find the application that `--app` names, and say clearly why it can't be found."""

from __future__ import annotations

import re
import sys
import traceback
from importlib import import_module
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import AppNotFound, HoldfastError

if TYPE_CHECKING:
    from holdfast.app import Holdfast

_SPEC = re.compile(r"(?P<module>[\w.]+)(:(?P<attribute>[\w.]+)(?P<call>\(\))?)?")


def find_app(spec: str) -> Holdfast:
    """The Holdfast object that `module`, `module:attribute` or `module:factory()` names.

    Raises:
        AppNotFound: the module or the attribute doesn't exist, or the import failed; the message shows the cause.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise AppNotFound(f"{spec!r} names no application; {_advice(spec)}")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    module = _import(match["module"], here)
    if match["attribute"] is None:
        return _only_app(module, spec)
    return _attribute(module, match["attribute"], called=bool(match["call"]))


def _advice(spec: str) -> str:
    """How the application is named, for someone who wrote a file's name."""
    name, _, attribute = spec.partition(":")
    if "/" in name or name.endswith(".py"):
        dotted = name.removesuffix(".py").removeprefix("./").strip("/").replace("/", ".")
        return f"write the module as Python imports it: --app {dotted}:{attribute or 'app'}"
    return "write --app module:attribute, such as --app app:app"


def _import(name: str, here: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")) and not _frames(error):
            raise AppNotFound(_not_found(name, str(error), here)) from error
        raise AppNotFound(_import_failed(name, error)) from error
    except (Exception, SystemExit) as error:
        raise AppNotFound(_import_failed(name, error)) from error


def _not_found(name: str, missing: str, here: str) -> str:
    """Args: the module, Python's own words for what it misses, the current folder."""
    lines = [missing[0].lower() + missing[1:]]
    if name.endswith(".py"):
        lines.append(_advice(name))
    found = sorted(path.stem for path in Path(here).glob("*.py") if path.stem != "setup")[:5]
    lines += [f"looked in: {here}"]
    lines += [f"           {place}" for place in sys.path if place not in ("", here)]
    if found:
        lines.append(f"modules in the current folder: {', '.join(found)}")
    lines.append("go to the folder that holds it, or install the package into this environment")
    return "\n".join(lines)


def _import_failed(name: str, error: BaseException) -> str:
    what = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, HoldfastError):
        what = str(error)
    if isinstance(error, SystemExit):
        what = (
            f"it ended the program (SystemExit: {error}); guard what runs it with: if __name__ == '__main__'"
        )
    lines = [f"{name!r} was found, but importing it failed: {what}"]
    for frame in _frames(error)[-4:]:
        lines.append(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}')
        if frame.line:
            lines.append(f"    {frame.line}")
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f'  File "{error.filename}", line {error.lineno}')
        if error.text:
            lines.append(f"    {error.text.strip()}")
    lines.append("(--debug shows the whole traceback)")
    return "\n".join(lines)


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of the application's own code: none of ours, none of the import machinery."""
    own = (str(Path(__file__).parents[1]), import_module.__code__.co_filename, "<frozen importlib")
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not frame.filename.startswith(own)]


def _apps_in(module: ModuleType) -> dict[str, Holdfast]:
    from holdfast.app import Holdfast

    return {name: value for name, value in vars(module).items() if isinstance(value, Holdfast)}


def _only_app(module: ModuleType, spec: str) -> Holdfast:
    apps = _apps_in(module)
    if len({id(app) for app in apps.values()}) == 1:
        return next(iter(apps.values()))
    if apps:
        choices = " or ".join(f"--app {spec}:{name}" for name in apps)
        raise AppNotFound(f"{spec!r} holds several Holdfast objects; say which: {choices}")
    raise AppNotFound(
        f"{spec!r} holds no Holdfast object; make one there, such as: app = Holdfast('sqlite:///jobs.db')"
    )


def _attribute(module: ModuleType, path: str, *, called: bool) -> Holdfast:
    from holdfast.app import Holdfast

    name = module.__name__
    value: Any = module
    for part in path.split("."):
        if not hasattr(value, part):
            apps = ", ".join(f"{name}:{found}" for found in _apps_in(module))
            raise AppNotFound(
                f"{name!r} has no attribute {path!r}; "
                + (f"Holdfast objects in it: {apps}" if apps else "there is no Holdfast object in it at all")
            )
        value = getattr(value, part)
    if called:
        value = _call(name, path, value)
    if isinstance(value, Holdfast):
        return value
    if isfunction(value) and not called:
        raise AppNotFound(
            f"{name}:{path} is a function, not a Holdfast object; if it makes one, write --app '{name}:{path}()'"
        )
    apps = ", ".join(f"{name}:{found}" for found in _apps_in(module))
    raise AppNotFound(
        f"{name}:{path} is a {type(value).__name__}, not a Holdfast object"
        + (f"; Holdfast objects in that module: {apps}" if apps else "")
    )


def _call(name: str, path: str, factory: Any) -> Any:
    if not callable(factory):
        raise AppNotFound(f"{name}:{path} can't be called; leave the parentheses out")
    try:
        return factory()
    except Exception as error:
        raise AppNotFound(_import_failed(f"{name}:{path}()", error)) from error
