"""The Hugging Face Hub as far as its client asks here: repositories in memory, over HTTP.

https://huggingface.co/docs/hub/api. Files of 1,000 bytes and more go through LFS.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_stand_in"
_LARGE = 1000  # bytes


@dataclass
class Repository:
    """What a repository holds, commit by commit."""

    private: bool
    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{".gitattributes": b"*"}])

    def sha(self, number: int = -1) -> str:
        """The id of a commit."""
        paths = sorted(self.commits[number].items())
        return hashlib.sha1(repr(paths).encode()).hexdigest()

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit that a branch or an id means."""
        known = {self.sha(number): files for number, files in enumerate(self.commits)}
        sha = self.sha() if revision == "main" else revision
        return (sha, known[sha]) if sha in known else None


@dataclass
class Hub:
    """All repositories by name, what was uploaded by hash, and the requests that were made."""

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)


@contextmanager
def stand_in() -> Iterator[Hub]:
    """A Hub that serves until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment_of(hub: Hub, home: Path, token: str = TOKEN) -> dict[str, str]:
    """The variables of somebody who uses this Hub only, with a cache of their own."""
    return {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "1",  # a protocol of its own, beside HTTP
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0",
    }


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        self._route()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _route(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.requests.append(f"{self.command} {path}")
        is_user = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        for pattern, method in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match:
                method(self, is_user, body, *match.groups())
                return
        self._error(404, "EntryNotFound")

    def _answer(self, content: object, status: int = 200) -> None:
        self._send(json.dumps(content).encode(), {"Content-Type": "application/json"}, status)

    def _send(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _error(self, status: int, code: str) -> None:
        self._send(b"{}", {"X-Error-Code": code, "X-Error-Message": code}, status)

    def _files(
        self, is_user: bool, name: str, revision: str
    ) -> tuple[str, dict[str, bytes]] | None:
        """The files of a revision; None, and an error is sent, where nobody may see it."""
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not is_user):
            self._error(404 if is_user else 401, "RepoNotFound")
            return None
        found = repository.at(revision)
        if found is None:
            self._error(404, "RevisionNotFound")
        return found

    # --- reading ----------------------------------------------------------------------------------

    def info(self, is_user: bool, body: bytes, name: str, revision: str | None) -> None:
        if found := self._files(is_user, name, revision or "main"):
            sha, files = found
            siblings = [{"rfilename": path} for path in files]
            self._answer({"id": name, "sha": sha, "siblings": siblings, "tags": []})

    def tree(self, is_user: bool, body: bytes, name: str, revision: str) -> None:
        if found := self._files(is_user, name, revision):
            self._answer([_entry(path, data) for path, data in found[1].items()])

    def resolve(self, is_user: bool, body: bytes, name: str, revision: str, path: str) -> None:
        if found := self._files(is_user, name, revision):
            sha, files = found
            if path not in files:
                self._error(404, "EntryNotFound")
                return
            etag = hashlib.sha256(files[path]).hexdigest()
            self._send(files[path], {"ETag": f'"{etag}"', "X-Repo-Commit": sha})

    # --- writing ----------------------------------------------------------------------------------

    def create(self, is_user: bool, body: bytes) -> None:
        if not is_user:
            self._error(401, "Unauthorized")
            return
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        is_new = name not in self.hub.repositories
        if is_new:
            private = asked.get("visibility") == "private" or asked.get("private", False)
            self.hub.repositories[name] = Repository(private)
        self._answer({"url": f"{self.hub.address}/{name}"}, 200 if is_new else 409)

    def validate(self, is_user: bool, body: bytes) -> None:
        self._answer({"errors": [], "warnings": []})

    def preupload(self, is_user: bool, body: bytes, name: str, revision: str) -> None:
        if self._files(is_user, name, revision):
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["size"] >= _LARGE else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self._answer({"files": files})

    def batch(self, is_user: bool, body: bytes, name: str) -> None:
        objects = [
            {
                **asked,
                "actions": {"upload": {"href": f"{self.hub.address}/objects/{asked['oid']}"}},
            }
            for asked in json.loads(body)["objects"]
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def put(self, is_user: bool, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.objects[oid] = body
        self._answer({})

    def commit(self, is_user: bool, body: bytes, name: str, revision: str) -> None:
        found = self._files(is_user, name, revision)
        if found is None:
            return
        files = dict(found[1])
        for line in map(json.loads, body.splitlines()):
            value: Any = line["value"]
            match line["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.objects[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        repository = self.hub.repositories[name]
        repository.commits.append(files)
        url = f"{self.hub.address}/{name}/commit/{repository.sha()}"
        self._answer({"success": True, "commitUrl": url, "commitOid": repository.sha()})


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data)}
    if len(data) >= _LARGE:
        sha256 = hashlib.sha256(data).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(data), "pointerSize": 130}
    return {**entry, "oid": hashlib.sha1(data).hexdigest()}


_NAME = "([^/]+/[^/]+)"
_ROUTES: list[tuple[str, Callable[..., None]]] = [
    ("/api/repos/create", _Handler.create),
    ("/api/validate-yaml", _Handler.validate),
    (f"/api/models/{_NAME}/preupload/([^/]+)", _Handler.preupload),
    (f"/api/models/{_NAME}/commit/([^/]+)", _Handler.commit),
    (f"/api/models/{_NAME}/tree/([^/]+)/?", _Handler.tree),
    (f"/api/models/{_NAME}(?:/revision/([^/]+))?", _Handler.info),
    (rf"/{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    ("/objects/(.+)", _Handler.put),
    (f"/{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
]
