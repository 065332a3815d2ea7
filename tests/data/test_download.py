"""A download ends with the whole, right set or with one clear message: never with something in between."""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.server
import io
import os
import pickle
import signal
import struct
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from course_utils.cli import main
from course_utils.data import download as download_module
from course_utils.data import real_sets, sources, transfer
from course_utils.data.download import DownloadError, download, mirrors_of
from course_utils.data.real_sets import DataNotFound, load_real
from course_utils.data.sources import SOURCES, RemoteFile, Source

Behaviour = Callable[["Mirror", bytes, int], None]


def idx_images(images: np.ndarray) -> bytes:
    return gzip.compress(struct.pack(">4i", 2051, *images.shape) + images.tobytes(), mtime=0)


def idx_labels(labels: np.ndarray) -> bytes:
    return gzip.compress(struct.pack(">2i", 2049, len(labels)) + labels.tobytes(), mtime=0)


def small_mnist() -> dict[str, bytes]:
    random = np.random.default_rng(0)
    made = {}
    for prefix, count in (("train", 400), ("t10k", 40)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        made[f"{prefix}-images-idx3-ubyte.gz"] = idx_images(images)
        made[f"{prefix}-labels-idx1-ubyte.gz"] = idx_labels((np.arange(count) % 10).astype(np.uint8))
    return made


FILES = small_mnist()
BIG = "train-images-idx3-ubyte.gz"


def remote(name: str, content: bytes) -> RemoteFile:
    return RemoteFile(name, len(content), hashlib.md5(content).hexdigest())


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves ``/<behaviour>/<set>/<file>``."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        behaviour, _, name = self.path.strip("/").split("/")
        content = self.server.contents.get(name)
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.server.requests.append((behaviour, name, start))
        if content is None:
            return self.send_error(404)
        with self.server.guard:
            self.server.count[behaviour] = self.server.count.get(behaviour, 0) + 1
        self.close_connection = True
        getattr(self, behaviour)(content, start)

    def answer(self, body: bytes, whole: bytes, start: int) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        self.wfile.write(body)

    def good(self, content: bytes, start: int) -> None:
        self.answer(content[start:], content, start)

    def drop(self, content: bytes, start: int) -> None:
        """Sends a third of the rest, then hangs up; small rests go through."""
        rest = content[start:]
        self.answer(rest if len(rest) < 10_000 else rest[: len(rest) // 3], content, start)

    def drop_first(self, content: bytes, start: int) -> None:
        """Half of the first answer; the next ones are whole."""
        first = self.server.count["drop_first"] == 1
        self.answer(content[: len(content) // 2] if first else content[start:], content, start)

    def no_range(self, content: bytes, start: int) -> None:
        """Ignores Range; half of the first answer only."""
        first = self.server.count["no_range"] == 1
        self.answer(content[: len(content) // 2] if first else content, content, 0)

    def lying_range(self, content: bytes, start: int) -> None:
        """Says 206 but sends from another place than was asked."""
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes 0-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        first = self.server.count["lying_range"] == 1
        self.wfile.write(content[: len(content) // 2] if first else content)

    def wrong(self, content: bytes, start: int) -> None:
        """Right size, one wrong bit."""
        changed = bytearray(content)
        changed[len(changed) // 2] ^= 1
        self.answer(bytes(changed[start:]), content, start)

    def page(self, content: bytes, start: int) -> None:
        """A login page in place of the file, with status 200."""
        body = b"<html>please log in</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def too_many(self, content: bytes, start: int) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content + b"more")

    def stall(self, content: bytes, start: int) -> None:
        self.answer(content[start : start + 1000], content, start)
        self.wfile.flush()
        self.server.released.wait(10)

    def drip(self, content: bytes, start: int) -> None:
        """One byte at a time: a socket timeout never fires."""
        self.answer(b"", content, start)
        for i in range(start, len(content)):
            if self.server.released.wait(0.05):
                return
            try:
                self.wfile.write(content[i : i + 1])
            except OSError:
                return

    def slow(self, content: bytes, start: int) -> None:
        """Steady but slow enough to be killed in the middle."""
        self.answer(b"", content, start)
        for i in range(start, len(content), 8192):
            if self.server.released.wait(0.02):
                return
            try:
                self.wfile.write(content[i : i + 8192])
            except OSError:
                return

    def e403(self, content: bytes, start: int) -> None:
        self.send_error(403)

    def e404(self, content: bytes, start: int) -> None:
        self.send_error(404)

    def e500(self, content: bytes, start: int) -> None:
        self.send_error(500)

    def log_message(self, *args: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Mirror)
        self.contents = dict(FILES)
        self.requests: list[tuple[str, str, int]] = []
        self.count: dict[str, int] = {}
        self.guard = threading.Lock()
        self.released = threading.Event()

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}"

    def handle_error(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    small = Source(
        name="mnist",
        about="small stand-in",
        licence="none",
        folder="mnist/MNIST/raw",
        files=tuple(remote(name, content) for name, content in FILES.items()),
        mirrors=("http://127.0.0.1:9/never",),
    )
    monkeypatch.setitem(SOURCES, "mnist", small)
    monkeypatch.delenv("COURSE_MIRROR", raising=False)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


def fetch(server: Server, folder: Path, *behaviours: str, **options: object) -> Path:
    settings: dict[str, object] = {"timeout": 2.0, "attempts": 2, "pause": 0.01, "progress": False}
    settings.update(options)
    return download("mnist", folder, mirrors=[server.url(name) for name in behaviours], **settings)  # type: ignore[arg-type]


def whole_set(folder: Path) -> bool:
    """The four files are there bit by bit, and nothing unfinished is beside them."""
    place = folder / "mnist/MNIST/raw"
    visible = {path.name for path in place.iterdir() if not path.name.startswith(".")}
    return visible == set(FILES) and all((place / name).read_bytes() == FILES[name] for name in FILES)


def nothing_wrong_on_disk(folder: Path) -> bool:
    """Every file that has its final name is right; an unfinished one is the beginning of a right one."""
    right = True
    for path in folder.rglob("*.gz"):
        right &= path.read_bytes() == FILES[path.name]
    for path in folder.rglob("*.part"):
        content = path.read_bytes()
        right &= FILES[path.name.removesuffix(".part")].startswith(content)
    return right


def test_whole_download_is_read_by_torchvision(server: Server, tmp_path: Path) -> None:
    place = fetch(server, tmp_path, "good")
    assert place == tmp_path / "mnist/MNIST/raw"
    assert whole_set(tmp_path)
    train, test = load_real("mnist", "train", tmp_path), load_real("mnist", "test", tmp_path)
    assert train.images.shape == (400, 1, 28, 28)
    assert len(test) == 40
    assert train.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_present_set_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path, "good")
    before = len(server.requests)
    told: list[str] = []
    fetch(server, tmp_path, "good", say=told.append)
    assert len(server.requests) == before
    assert "already" in told[0]


def test_dropped_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path, "drop_first")
    starts = [start for _, name, start in server.requests if name == BIG]
    assert starts == [0, len(FILES[BIG]) // 2]
    assert whole_set(tmp_path)


def test_next_mirror_continues_what_the_last_one_began(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path, "drop", "good")
    assert whole_set(tmp_path)
    big = [(who, start) for who, name, start in server.requests if name == BIG]
    assert [who for who, _ in big] == ["drop", "drop", "good"]
    assert 0 == big[0][1] < big[1][1] < big[2][1]


@pytest.mark.parametrize("behaviour", ["no_range", "lying_range"])
def test_server_without_range_starts_over(server: Server, tmp_path: Path, behaviour: str) -> None:
    fetch(server, tmp_path, behaviour)
    assert [start for _, name, start in server.requests if name == BIG][1] > 0  # it was asked for the rest
    assert whole_set(tmp_path)


@pytest.mark.parametrize("bad", ["wrong", "page", "too_many", "e403", "e404", "e500", "drop", "stall", "drip"])
def test_bad_mirror_is_skipped_for_a_good_one(server: Server, tmp_path: Path, bad: str) -> None:
    fetch(server, tmp_path, bad, "good", timeout=0.3)
    assert whole_set(tmp_path)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("wrong", "md5 differs"),
        ("page", "the connection ended after"),
        ("too_many", "sends more than"),
        ("e403", "answers 403"),
        ("e404", "answers 404"),
        ("e500", "answers 500"),
        ("drop", "the connection ended after"),
        ("stall", "timeout"),
        ("drip", "bytes a second"),
    ],
)
def test_only_bad_mirrors_leave_one_message_and_nothing_wrong(
    server: Server, tmp_path: Path, bad: str, says: str
) -> None:
    with pytest.raises(DownloadError) as caught:
        fetch(server, tmp_path, bad, timeout=0.3)
    message = str(caught.value)
    assert says in message
    assert server.url(bad) in message
    assert "COURSE_MIRROR" in message  # the remedy
    assert bad == "page" or nothing_wrong_on_disk(tmp_path)
    with pytest.raises(DataNotFound, match="course data mnist"):
        load_real("mnist", "train", tmp_path)
    # Whatever was left behind, a good mirror finishes the job.
    fetch(server, tmp_path, "good")
    assert whole_set(tmp_path)


def test_client_errors_are_not_asked_twice_but_server_errors_are(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError):
        fetch(server, tmp_path, "e404", "e500", attempts=3)
    asked = [who for who, _, _ in server.requests]
    assert (asked.count("e404"), asked.count("e500")) == (1, 3)


def test_nobody_listens(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="refused"):
        download("mnist", tmp_path, mirrors=["http://127.0.0.1:9"], attempts=1, progress=False)


@pytest.mark.parametrize("junk", [b"not the file", b"x" * (len(FILES[BIG]) + 7), b"y" * len(FILES[BIG])])
def test_strange_leftover_is_replaced(server: Server, tmp_path: Path, junk: bytes) -> None:
    place = tmp_path / "mnist/MNIST/raw"
    place.mkdir(parents=True)
    (place / f"{BIG}.part").write_bytes(junk)
    fetch(server, tmp_path, "good")
    assert whole_set(tmp_path)


def test_damaged_set_is_found_and_fetched_again(server: Server, tmp_path: Path) -> None:
    place = fetch(server, tmp_path, "good")
    # Valid gzip, valid IDX, other pixels: only the checksum can tell.
    (place / BIG).write_bytes(idx_images(np.zeros((400, 28, 28), dtype=np.uint8)))
    told: list[str] = []
    fetch(server, tmp_path, "good", say=told.append)
    assert "damaged" in told[0]
    assert whole_set(tmp_path)


def test_truncated_file_is_not_read_as_data(server: Server, tmp_path: Path) -> None:
    place = fetch(server, tmp_path, "good")
    (place / BIG).write_bytes(FILES[BIG][:-1000])
    with pytest.raises(DataNotFound, match="damaged"):
        load_real("mnist", "train", tmp_path)


class FullDisk(io.FileIO):
    """A file on a disk with room for 100,000 bytes: more than one block, less than the file."""

    room = 100_000

    def write(self, block: object) -> int:
        size = len(bytes(block))  # type: ignore[call-overload]
        if self.tell() + size > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(block)  # type: ignore[arg-type]


def test_full_disk_while_writing(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = open

    def opened(path: object, mode: str = "r", *rest: object) -> object:
        if str(path).endswith(".part") and mode in ("ab", "wb"):
            return FullDisk(str(path), mode)
        return real_open(path, mode, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(transfer, "open", opened, raising=False)
    with pytest.raises(DownloadError, match="is full") as caught:
        fetch(server, tmp_path, "good", "good")
    assert "COURSE_DATA" in str(caught.value)
    assert len(server.requests) == 1  # another mirror would not help
    assert nothing_wrong_on_disk(tmp_path)
    monkeypatch.undo()
    monkeypatch.setitem(SOURCES, "mnist", small_source())
    fetch(server, tmp_path, "good")
    assert whole_set(tmp_path)
    assert server.requests[1][2] > 0  # the room that was used was not wasted


def small_source() -> Source:
    files = tuple(remote(name, content) for name, content in FILES.items())
    return Source("mnist", "small stand-in", "none", "mnist/MNIST/raw", files, ())


def test_too_little_room_is_said_before_the_first_byte(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DownloadError, match=r"0 MB free; this download needs 17 MB.*--folder"):
        fetch(server, tmp_path, "good")
    assert server.requests == []


def test_folder_that_is_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "mnist").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(server, tmp_path, "good")


def test_two_downloads_at_once_fetch_it_once(server: Server, tmp_path: Path) -> None:
    errors: list[Exception] = []

    def work() -> None:
        try:
            fetch(server, tmp_path, "slow")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert whole_set(tmp_path)
    assert sorted(name for _, name, _ in server.requests) == sorted(FILES)


CHILD = """
import sys
from pathlib import Path
from course_utils.data import download, sources
files = tuple(sources.RemoteFile(*entry) for entry in {files!r})
sources.SOURCES["mnist"] = sources.Source("mnist", "", "", "mnist/MNIST/raw", files, ())
download.download("mnist", sys.argv[1], mirrors=[sys.argv[2]], progress=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL does not exist on Windows")
def test_killed_download_is_resumed(server: Server, tmp_path: Path) -> None:
    entries = [(file.name, file.size, file.md5) for file in small_source().files]
    script = textwrap.dedent(CHILD).format(files=entries)
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), server.url("slow")])
    part = tmp_path / "mnist/MNIST/raw" / f"{BIG}.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 60_000):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = part.stat().st_size
    assert 0 < kept < len(FILES[BIG])
    server.requests.clear()
    fetch(server, tmp_path, "good")
    assert server.requests[0] == ("good", BIG, kept)
    assert whole_set(tmp_path)


def fake_cifar(random: np.random.Generator) -> tuple[bytes, dict[str, str]]:
    """An archive laid out like CIFAR-10's, and the md5 of each member."""
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    members: dict[str, bytes] = {"readme.html": b"hello"}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pixels = random.integers(0, 256, (20, 3072), dtype=np.uint8)
        members[name] = pickle.dumps({"data": pixels, "labels": [i % 10 for i in range(20)]})
    members["batches.meta"] = pickle.dumps({"label_names": names})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        escape = tarfile.TarInfo("../escaped")
        archive.addfile(escape, io.BytesIO(b""))
    return buffer.getvalue(), {name: hashlib.md5(content).hexdigest() for name, content in members.items()}


@pytest.fixture
def cifar(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    from torchvision.datasets import CIFAR10

    archive, md5 = fake_cifar(np.random.default_rng(1))
    name = "cifar-10-python.tar.gz"
    server.contents[name] = archive
    source = Source("cifar10", "", "", "cifar10", (remote(name, archive),), (), unpacked=1_000_000)
    monkeypatch.setitem(SOURCES, "cifar10", source)
    monkeypatch.setattr(CIFAR10, "train_list", [[f"data_batch_{i}", md5[f"data_batch_{i}"]] for i in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5["batches.meta"]})
    return server


def test_archive_is_unpacked_verified_and_removed(cifar: Server, tmp_path: Path) -> None:
    place = download("cifar10", tmp_path / "data", mirrors=[cifar.url("good")], progress=False)
    inside = {path.name for path in place.iterdir() if not path.name.startswith(".")}
    assert inside == {"cifar-10-batches-py"}
    assert not list(tmp_path.rglob("escaped"))
    train = load_real("cifar10", "train", tmp_path / "data")
    assert train.images.shape == (100, 3, 32, 32)
    stored = pickle.loads((place / "cifar-10-batches-py/data_batch_1").read_bytes())["data"]
    assert np.array_equal(train.images[:20].flatten(1).numpy(), stored)
    assert len(load_real("cifar10", "test", tmp_path / "data")) == 20


def test_full_disk_while_unpacking_leaves_no_set(
    cifar: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(download_module.shutil, "copyfileobj", full)
        with pytest.raises(DownloadError, match="is full"):
            download("cifar10", tmp_path, mirrors=[cifar.url("good")], progress=False)
    assert not (tmp_path / "cifar10/cifar-10-batches-py").exists()
    assert not list((tmp_path / "cifar10").glob(".unpack-*"))
    cifar.requests.clear()
    download("cifar10", tmp_path, mirrors=[cifar.url("good")], progress=False)
    assert cifar.requests == []  # the archive was there, whole
    assert len(load_real("cifar10", "train", tmp_path)) == 100


def test_changed_batch_is_refused_and_repaired(cifar: Server, tmp_path: Path) -> None:
    place = download("cifar10", tmp_path, mirrors=[cifar.url("good")], progress=False)
    batch = place / "cifar-10-batches-py/data_batch_3"
    content = bytearray(batch.read_bytes())
    content[-100] ^= 1
    batch.write_bytes(bytes(content))
    with pytest.raises(DataNotFound, match="not whole or was changed"):
        load_real("cifar10", "train", tmp_path)
    download("cifar10", tmp_path, mirrors=[cifar.url("good")], progress=False)
    assert len(load_real("cifar10", "train", tmp_path)) == 100


def test_command_line(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--folder", str(tmp_path), "--quiet", "--timeout", "1"]
    assert main(["data", "mnist", "--mirror", server.url("e404"), *options]) == 1
    shown = capsys.readouterr()
    assert "answers 404" in shown.err
    assert "Traceback" not in shown.err
    assert main(["data", "mnist", "--mirror", server.url("good"), *options]) == 0
    assert whole_set(tmp_path)
    assert "checksums right" in capsys.readouterr().out
    assert main(["data", "--list", "--folder", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in SOURCES)
    assert main(["data"]) == 2
    assert main(["data", "minst", *options]) == 1
    assert "did you mean 'mnist'" in capsys.readouterr().err


def test_mirrors_come_from_argument_then_environment_then_list(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SOURCES["mnist"]
    monkeypatch.delenv("COURSE_MIRROR", raising=False)
    assert mirrors_of(source) == list(source.mirrors)
    monkeypatch.setenv("COURSE_MIRROR", "http://a/ http://b")
    assert mirrors_of(source) == ["http://a/mnist/", "http://b/mnist/"]
    assert mirrors_of(source, ["http://c"]) == ["http://c/mnist/"]


def test_sources_agree_with_torchvision() -> None:
    from torchvision.datasets import CIFAR10, MNIST, FashionMNIST

    for reader, name in ((MNIST, "mnist"), (FashionMNIST, "fashion_mnist")):
        assert [(file.name, file.md5) for file in SOURCES[name].files] == reader.resources
        assert SOURCES[name].folder == real_sets.IDX_FOLDERS[name]
    archive = SOURCES["cifar10"].files[0]
    assert (archive.name, archive.md5) == (CIFAR10.filename, CIFAR10.tgz_md5)
    for source in sources.SOURCES.values():
        assert len(source.mirrors) >= 2
