"""A web server on this machine, with files in OPUS's layout; it can break off, and be gone."""

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server has, and how it behaves."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)  # by path
    requests: list[str] = field(default_factory=list)  # paths, with the Range that was wanted
    sent_before_breaking: int | None = None  # bytes of an answer; then the connection breaks
    pause: threading.Event | None = None  # waited for after those bytes, in place of breaking
    status: int = 200

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"

    def put_opus(self, corpus: str, version: str, pairs: Sequence[tuple[str, str]]) -> str:
        """The pairs (en, es) as OPUS has them; returns the path of the archive."""
        path = f"OPUS-{corpus}/{version}/moses/en-es.txt.zip"
        sides = {
            f"{corpus}.en-es.{language}": "".join(f"{pair[side]}\n" for pair in pairs)
            for side, language in enumerate(("en", "es"))
        }
        others = {"README": "about", "LICENSE": "free", f"{corpus}.en-es.ids": "1\t1\n"}
        self.files[path] = zipped({**others, **sides})
        return path


def zipped(files: Mapping[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


@contextmanager
def served() -> Iterator[Site]:
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        if site.pause:
            site.pause.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        site = self.site
        path = self.path.removeprefix("/")
        wanted = self.headers.get("Range", "")
        site.requests.append(f"{path} {wanted}".strip())
        data = site.files.get(path.partition("?")[0])
        if data is None or site.status != 200:
            self.send_error(404 if data is None else site.status)
            return
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        first = 0
        match = re.fullmatch(r"bytes=(\d+)-", wanted)
        if match and self.headers.get("If-Range") == tag:
            first = int(match[1])
            if first >= len(data):
                self.send_error(416)
                return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(data) - first))
        self.send_header("Content-Type", site.types.get(path, "application/octet-stream"))
        self.send_header("ETag", tag)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if site.sent_before_breaking is None:
            self.wfile.write(data[first:])
            return
        self.wfile.write(data[first : first + site.sent_before_breaking])
        self.wfile.flush()
        if site.pause:
            site.pause.wait(60)
            self.wfile.write(data[first + site.sent_before_breaking :])
