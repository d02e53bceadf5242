"""Render child: the process in which strangers' templates are compiled and filled in.

A sandbox inside Python has been escaped before, so what escapes must find nothing: no environment, no secrets, no file
descriptor but one, no network, no second process, little memory, and a parent that expects the worst of what it answers.
`gateways/render_process.py` is that parent.

Frames: four bytes of length, big-endian, then JSON. The parent asks `{"open", "sources"}`, `{"fill", "context"}`, `"plainly"`
with it if premailer shall write the HTML, or `{"audit", "context", "html"}`, all with `seconds`; there is one answer to each.

Standards:
    RFC 8259 (JSON). PEP 578 (Python runtime audit hooks). Linux: unshare(2), prctl(2), capset(2), setrlimit(2).
"""

import codecs
import ctypes
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections import OrderedDict
from contextlib import suppress
from types import ModuleType
from typing import Any, Final, NoReturn

import orjson


MEMORY: Final = 512 * 2**20
TEMPLATES: Final = 32  # compiled ones that are kept

_CHANNEL: Final = 0
_NOBODY: Final = 65534
_CLONE_NEWNET, _CLONE_NEWIPC, _CLONE_NEWUSER = 0x40000000, 0x08000000, 0x10000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CODECS: Final = ("ascii", "idna", "latin-1", "punycode", "unicode-escape", "utf-8", "utf-16")
# What a rendering never does, by the families in which Python reports what it is about to do.
_DENIED: Final = frozenset(
    {"ctypes", "fcntl", "ftplib", "http", "mmap", "open", "os", "pathlib", "pty", "shutil", "signal", "smtplib", "socket",
     "sqlite3", "subprocess", "syslog", "urllib"}
)  # fmt: skip


def main() -> None:
    """Load, shut every door, say which are shut, and answer until the parent is gone."""
    parent = int(sys.argv[1])
    kitchen = Kitchen()
    kitchen.warm_up()
    _write({"walls": wall_in(parent)})
    while (request := _read()) is not None:
        _write(kitchen.answer(request))


class Kitchen:
    """Answers the parent. Compiled templates are kept by tenant and digest, the last used ones."""

    def __init__(self) -> None:
        # premailer imports `requests` for sheets that it fetches. Ours fetches none, and this process has no use for it.
        sys.modules.setdefault("requests", ModuleType("requests"))
        from core import errors, localisation, rendering  # noqa: PLC0415  # the line above has to come first

        self._errors, self._rendering, self._localisation = errors, rendering, localisation
        self._templates: OrderedDict[str, Any] = OrderedDict()

    def warm_up(self) -> None:
        """Use once what imports its own parts late: after the walls are up no file can be opened."""
        css = "@import url(x); @font-face {font-family: f} p > .a, a:hover {color: red; background: url(x)}"
        page = f"<html><head><style>{css} @media (max-width: 9px) {{p {{margin: 0}}}}</style></head><body>"
        whole = {
            "subject": "{{ a }}",
            "text": "{{ a|urlencode }}{{ 'ä'|title }}",
            "shared": {},
            "name": "warm",
        }
        for body in ("<p class='a'>{{ a }}</p>", "<p class='{{ a }}'>{{ a|striptags|trim }}</p>", "{% if %}"):
            sources = whole | {"html": f"{page}{body}</body></html>"}
            self.answer({"open": body, "sources": sources, "seconds": 60})
            self.answer({"fill": body, "context": {"a": "<é>"}, "seconds": 60})
            self.answer({"fill": body, "context": {}, "seconds": 60})
            self.answer({"audit": body, "context": {"a": "<é>"}, "html": page, "seconds": 60})
        self._templates.clear()
        self._localisation.load()
        for codec in _CODECS:
            codecs.lookup(codec)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request; an error of the template is one too."""
        _limit_cpu(request["seconds"])
        try:
            if "open" in request:
                return self._opened(request)
            return self._audited(request) if "audit" in request else self._filled(request)
        except self._errors.PosthouseError as error:
            return {"error": [type(error).__name__, error.code, error.message, error.hint]}
        except MemoryError:
            return {
                "error": ["TemplateLimitError", "template_limit", "the template needs too much memory", ""]
            }
        except Exception as error:  # noqa: BLE001  # whatever a template brings about is that template's error
            problem = f"the template cannot be rendered: {type(error).__name__}"
            return {"error": ["TemplateError", "template", problem, ""]}

    def _opened(self, request: dict[str, Any]) -> dict[str, Any]:
        compiled = self._templates.get(request["open"])
        if compiled is None:
            sources = self._rendering.TemplateSources.from_json(request["sources"])
            compiled = self._templates[request["open"]] = self._rendering.compile_template(sources)
        if len(self._templates) > TEMPLATES:
            self._templates.popitem(last=False)
        return {
            "fields": sorted(compiled.fields),
            **_told(compiled),
            "variants": {tag: _told(variant) for tag, variant in compiled.variants.items()},
        }

    def _filled(self, request: dict[str, Any]) -> dict[str, Any]:
        compiled = self._known(request["fill"])
        if compiled is None:
            return {"unknown": True}
        fill = compiled.fill_plainly if "plainly" in request else compiled.fill
        holes = fill(request["context"])
        return {"subject": holes.subject, "html": holes.html, "text": holes.text}

    def _audited(self, request: dict[str, Any]) -> dict[str, Any]:
        compiled = self._known(request["audit"])
        if compiled is None:
            return {"unknown": True}
        return {"difference": compiled.audit(request["context"], request["html"])}

    def _known(self, key: str) -> Any:
        if key in self._templates:
            self._templates.move_to_end(key)
        return self._templates.get(key)


def _told(compiled: Any) -> dict[str, Any]:
    return {
        "inlining": compiled.inlining,
        "why": compiled.why,
        "html": compiled.html_frame.pieces,
        "text": compiled.text_frame.pieces,
    }


def wall_in(parent: int) -> dict[str, bool]:
    """Give up whatever a rendering does not need. The answer says of each wall whether it stands.

    Args:
        parent: Whose death is ours.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    network = _leave_network()
    folder = _leave_files()
    privileges = _leave_privileges()
    if sys.platform == "linux":
        # Not before: a change of user forgets it.
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
    for limit, value in _LIMITS.items():
        with suppress(OSError, ValueError):  # macOS does not know every limit
            resource.setrlimit(limit, (value, value))
    os.environ.clear()
    walls = {
        "environment": not os.environ,
        "memory": _fails(lambda: bytearray(2 * MEMORY)),
        "files": _fails(lambda: os.close(os.open("/", os.O_RDONLY))),
        "processes": _fails(_fork),
        "network": network,
        "folder": folder,
        "privileges": privileges,
    }
    socket.socket = socket.create_connection = socket.socketpair = _refuse  # type: ignore[assignment, misc]  # nobody may
    sys.addaudithook(_audit)
    return walls


_LIMITS: Final = {
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_NOFILE: 0,  # open descriptors stay open, and there can be no further one: no file, no socket, no pipe
}


def _leave_network() -> bool:
    """Move into namespaces without a network. Root needs no user namespace for that, and everybody else does."""
    if sys.platform != "linux":
        return False
    flags = _CLONE_NEWNET | _CLONE_NEWIPC
    return bool(_libc().unshare(flags if os.geteuid() == 0 else flags | _CLONE_NEWUSER) == 0)


def _leave_files() -> bool:
    """Make the working directory, which is empty and will be removed, all that there is."""
    try:
        os.chroot(".")
    except OSError:
        return False
    return True


def _leave_privileges() -> bool:
    """Become nobody, if we are root, and drop every capability, so that no limit can be raised again."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    if sys.platform != "linux":
        return False
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    dropped = _libc().capset(header, bytes(24)) == 0
    return bool(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and dropped)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _fails(attempt: Any) -> bool:
    try:
        attempt()
    except (OSError, MemoryError):
        return True
    return False


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise PermissionError("there is no network here")


def _audit(event: str, _args: object) -> None:
    if event.partition(".")[0] in _DENIED:
        raise PermissionError(f"{event} is not for templates")


def _limit_cpu(seconds: float) -> None:
    """Let the kernel end this process when it works for much longer than this, even if the parent is stopped."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _read() -> dict[str, Any] | None:
    head = _exactly(4)
    if head is None:
        return None
    body = _exactly(int.from_bytes(head, "big"))
    return None if body is None else json.loads(body)


def _exactly(size: int) -> bytearray | None:
    body = bytearray()
    while len(body) < size:
        part = os.read(_CHANNEL, size - len(body))
        if not part:
            return None
        body += part
    return body


def _write(answer: dict[str, Any]) -> None:
    body = orjson.dumps(answer)
    rest = memoryview(len(body).to_bytes(4, "big") + body)
    while rest:
        rest = rest[os.write(_CHANNEL, rest) :]
