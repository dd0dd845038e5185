"""A browser without a screen: talks to an ASGI application, keeps cookies, fills forms in as they stand on the page.

Each page that it is given is looked through for anything that could run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

URLS = ("href", "src", "action", "formaction", "data", "poster", "data-live")
CELLS = {"button", "dd", "div", "dt", "li", "p", "td", "th"}
VOID = {"input", "meta", "link", "img", "br", "hr"}


class Form(NamedTuple):
    """A form as it stands on a page."""

    method: str
    action: str
    fields: dict[str, str]
    buttons: list[str]


class Page(HTMLParser):
    """What is on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.text = ""
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self._open: list[str] = []
        self._link: str | None = None
        self._said = ""
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        assert len(found) == len(attrs), f"an attribute twice: {attrs}"
        self.tags.append((tag, found))
        if tag in CELLS:
            self.text += " "
        if tag not in VOID:
            self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(found.get("method", "get"), found.get("action", ""), {}, []))
        elif tag in ("input", "button") and self.forms and "form" in self._open:
            form = self.forms[-1]
            if tag == "button":
                form.buttons.append(found.get("value", ""))
            elif "name" in found:
                form.fields[found["name"]] = found.get("value", "")
        elif tag == "a":
            self._link, self._said = found.get("href"), ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes nothing"
        if tag == "a" and self._link is not None:
            self.links[" ".join(self._said.split())] = self._link
            self._link = None

    def handle_data(self, data: str) -> None:
        self.text += data
        self._said += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def form(self, action: str) -> Form:
        """The form that goes to an address."""
        found = [form for form in self.forms if form.action == action]
        assert found, f"no form goes to {action}; there are {[form.action for form in self.forms]}"
        return found[0]

    def check_inert(self, root: str) -> None:
        """Nothing on it runs but our own script, and nothing leads elsewhere."""
        scripts = [attrs for tag, attrs in self.tags if tag == "script"]
        assert [one["src"].partition("?")[0] for one in scripts] == [f"{root}/static/app.js"]
        for tag, attrs in self.tags:
            assert tag not in ("style", "iframe", "object", "embed", "svg", "base", "math"), tag
            for name, value in attrs.items():
                assert not name.startswith("on"), (tag, name)
                assert name not in ("style", "srcdoc"), (tag, name)
                if name in URLS:
                    assert value.startswith((f"{root}/", "#")), (tag, name, value)
                    assert not value.startswith("//"), (tag, name, value)


class Answer(NamedTuple):
    """What the application said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    root: str

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def html(self) -> str:
        return self.body.decode()

    @property
    def page(self) -> Page:
        return Page(self.html)


class Browser:
    """Any number of them are apart from each other.

    Args:
        application: the dashboard, or what has mounted it.
        root: the path of the dashboard.
        address: from which requests come.
        host: what stands in the `Host` header.
    """

    def __init__(
        self,
        application: Any,
        root: str = "/jobs",
        *,
        address: str = "127.0.0.1",
        host: str = "localhost:8470",
        scheme: str = "http",
        root_path: str = "",
    ) -> None:
        self.application = application
        self.root = root
        self.address = address
        self.host = host
        self.scheme = scheme
        self.root_path = root_path
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    # --- one request ----------------------------------------------------------------------------------------

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=headers)

    def page(self, path: str, status: int = 200) -> Page:
        """A page below the root."""
        answer = self.get(self.root + path)
        assert answer.status == status, (answer.status, answer.html)
        return answer.page

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Answer:
        headers = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self.request("POST", path, headers=headers, body=urlencode(fields or {}).encode())

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        return asyncio.run(self._request(method, path, headers or {}, body))

    def scope(self, method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """What a server makes of a request."""
        raw, _, query = path.partition("?")
        sent = {"host": self.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": self.scheme,
            "path": unquote(raw),
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "root_path": self.root_path,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            "client": (self.address, 40000),
            "server": ("127.0.0.1", 8470),
        }

    async def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent: list[dict[str, Any]] = []
        pieces = [body[at : at + 20_000] for at in range(0, len(body), 20_000)] or [b""]

        async def receive() -> dict[str, Any]:
            if not pieces:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.application(self.scope(method, path, headers), receive, send)
        start = sent[0]
        found = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        answer = Answer(start["status"], found, b"".join(one.get("body", b"") for one in sent[1:]), self.root)
        self._keep_cookies(answer)
        self._check(answer)
        return answer

    def _check(self, answer: Answer) -> None:
        """What holds for every answer of the dashboard."""
        policy = answer.header("content-security-policy") or ""
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control")
        if (answer.header("content-type") or "").startswith("text/html"):
            answer.page.check_inert(self.root)

    def _keep_cookies(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name == "set-cookie":
                self.set_cookies.append(value)
                key, _, rest = value.partition("=")
                word = rest.partition(";")[0].strip('"')
                if word and "Max-Age=0" not in value:
                    self.cookies[key] = word
                else:
                    self.cookies.pop(key, None)

    # --- what people do -------------------------------------------------------------------------------------

    def follow(self, answer: Answer) -> Answer:
        """Go where a redirect leads."""
        assert answer.status == 303, (answer.status, answer.html)
        where = answer.header("location")
        assert where is not None
        assert where.startswith("/"), where
        assert not where.startswith("//"), where
        return self.get(where)

    def submit(self, page: Page, action: str, **fields: str) -> Answer:
        """Fill in a form and send it; returns where it leads."""
        return self.follow(self.send(page, action, **fields))

    def send(self, page: Page, action: str, **fields: str) -> Answer:
        form = page.form(self.root + action)
        assert form.method == "post"
        return self.post(form.action, {**form.fields, **fields})

    # --- live pages -----------------------------------------------------------------------------------------

    async def events(self, path: str) -> AsyncEvents:
        """The stream of a live page."""
        return AsyncEvents(
            self.application, self.scope("GET", self.root + path, {"accept": "text/event-stream"})
        )


class AsyncEvents:
    """A stream of events, read one by one."""

    def __init__(self, application: Any, scope: dict[str, Any]) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._asked = False
        self.task = asyncio.create_task(application(scope, self._receive, self._messages.put))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def start(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._messages.get(), 20)

    async def next(self) -> str:
        """The next piece that is sent; empty at the end."""
        message = await asyncio.wait_for(self._messages.get(), 20)
        return str(message.get("body", b"").decode())

    async def page(self) -> str:
        """The next event that brings a page."""
        while True:
            text = await self.next()
            assert text, "the stream has ended"
            if text.startswith("event: page\n"):
                return text

    async def leave(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self.task, 20)


def address_parts(location: str) -> tuple[str, dict[str, str]]:
    """The path and the query of an address."""
    parts = urlsplit(urljoin("http://host/", location))
    return parts.path, dict(parse_qsl(parts.query))
