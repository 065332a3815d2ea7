"""Serve a folder on 127.0.0.1 the way a web host would: gzip for text, caching headers, no listing."""

import gzip
import mimetypes
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
COMPRESSED = frozenset({".css", ".html", ".ipynb", ".js", ".json", ".md", ".svg", ".txt"})
COMPRESSION_LEVEL = 6


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the files of one folder, and nothing outside it."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args, root: Path, max_age: int, cache: dict, **kwargs):
        self.root, self.max_age, self.cache = root, max_age, cache
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        """Send a file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Send a file's headers."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args) -> None:
        """Keep quiet."""

    def _answer(self, with_body: bool) -> None:
        path = (self.root / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if path.is_dir():
            path = path / "index.html"
        if not path.is_relative_to(self.root) or not path.is_file():
            self._send(404, b"not found", "text/plain", with_body)
            return
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        zipped = path.suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", "")
        self._send(200, self._body(path, zipped), kind, with_body, zipped)

    def _body(self, path: Path, zipped: bool) -> bytes:
        key = (path, path.stat().st_mtime_ns, zipped)
        if key not in self.cache:
            body = path.read_bytes()
            self.cache[key] = gzip.compress(body, COMPRESSION_LEVEL, mtime=0) if zipped else body
        return self.cache[key]

    def _send(self, status: int, body: bytes, kind: str, with_body: bool, zipped: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", f"max-age={self.max_age}")
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if with_body:
            self.wfile.write(body)


class QuietServer(ThreadingHTTPServer):
    """A server whose clients may hang up without a traceback."""

    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A browser that closed its connection is no error."""


class StaticServer:
    """A server in a thread, for use in ``with``.

    Args:
        root: the folder to serve.
        port: 0 takes a free one.
        max_age: how long a browser may keep a file, in seconds.
    """

    def __init__(self, root: Path, port: int = 0, max_age: int = 0):
        handler = partial(Handler, root=Path(root).resolve(), max_age=max_age, cache={})
        self._server = QuietServer(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> "StaticServer":
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self) -> None:
        """Serve until interrupted."""
        self._thread.join()
