"""What the arguments of bubblewrap show of this machine, the pool of processes, and imports on other systems."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from course_utils.grading.sandbox import view
from course_utils.grading.sandbox.limits import Limits, cpu_backstop
from course_utils.grading.sandbox.locked import bubblewrap_command, drop_to
from course_utils.grading.sandbox.pool import Pool
from course_utils.grading.sandbox.runner import NoSandbox
from course_utils.grading.sandbox.zygote import Settings

REPOSITORY = Path(__file__).parents[3]


def shown(arguments):
    return {arguments[at + 1]: arguments[at + 2] for at, word in enumerate(arguments) if word == "--ro-bind"}


def test_of_the_repository_only_the_package_is_shown():
    for single in (False, True):
        binds = shown(view.file_tree(Limits(), single, [3, 4, 5]))
        inside = [path for path in binds if Path(path).is_relative_to(REPOSITORY)]
        environment = [path for path in inside if Path(sys.prefix).is_relative_to(path)]
        assert set(inside) - set(environment) == {str(view.PACKAGE)}
        assert binds[str(view.PACKAGE)] == "/course/course_utils"
        assert not any(REPOSITORY.is_relative_to(path) for path in binds)
        assert not {"/", "/etc", "/home", "/root", "/var", "/usr", "/tmp", str(Path.home())} & set(binds)


def test_nothing_but_one_folder_can_be_written():
    for single in (False, True):
        words = view.file_tree(Limits(), single, [3, 4, 5])
        assert "--bind" not in words
        assert [words[at + 1] for at, word in enumerate(words) if word == "--remount-ro"][-1] == "/"
        made = [words[at + 1] for at, word in enumerate(words) if word == "--tmpfs"]
        assert made == (["/dev", "/proc", "/box"] if single else ["/dev", "/box"])
        assert words[words.index("--size") + 1] == "100000000"


def test_an_environment_that_holds_the_repository_is_refused(monkeypatch):
    monkeypatch.setattr(view.sys, "prefix", str(REPOSITORY))
    with pytest.raises(NoSandbox, match=r"holds the course's own repository .* for example \.venv"):
        view.python_paths()


def test_packages_of_a_user_are_shown_and_found(monkeypatch, tmp_path):
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setattr(view.sys, "path", [*sys.path, str(folder), str(tmp_path)])
    words = view.file_tree(Limits(), False, [3, 4, 5])
    assert str(folder) in shown(words)
    assert str(tmp_path) not in shown(words)
    assert words[words.index("PYTHONPATH") + 1] == f"/course:{folder}"


def test_links_to_the_interpreter_are_followed(monkeypatch, tmp_path):
    home = tmp_path / "python-3.11.9" / "bin"
    home.mkdir(parents=True)
    (home / "python3").write_text("")
    (tmp_path / "python-3.11").symlink_to("python-3.11.9")
    environment = tmp_path / "venv" / "bin"
    environment.mkdir(parents=True)
    (environment / "python").symlink_to(tmp_path / "python-3.11" / "bin" / "python3")
    monkeypatch.setattr(view.sys, "executable", str(environment / "python"))
    monkeypatch.setattr(view.sys, "prefix", str(tmp_path / "venv"))
    found = set(view.python_paths())
    assert {tmp_path / "venv", tmp_path / "python-3.11", tmp_path / "python-3.11.9"} <= found


def test_root_needs_no_user_namespace_and_others_do():
    assert "--unshare-user" not in bubblewrap_command(True, False)
    assert "--unshare-user" in bubblewrap_command(False, False)
    for root in (True, False):
        for single in (True, False):
            words = bubblewrap_command(root, single)
            assert {"--unshare-net", "--unshare-pid", "--unshare-ipc", "--clearenv", "--die-with-parent"} <= set(words)
            assert ("--as-pid-1" in words) == (single and not root)
    assert "--bounding-set=-all" in drop_to(1900000000)


def test_settings_arrive_as_they_were_sent():
    settings = Settings(Limits(memory_bytes=5), ("numpy", "torch"), 7)
    assert Settings.from_text(settings.text()) == settings
    assert cpu_backstop(Limits(total_seconds=10)) == 21


class TestPool:
    def test_things_are_made_ahead_in_one_thread(self):
        made, threads = [], set()

        def make():
            threads.add(threading.get_ident())
            made.append(len(made))
            return made[-1]

        pool = Pool(make, lambda one: None, ahead=2)
        assert [pool.take() for _ in range(4)] == [0, 1, 2, 3]
        pool.close()
        assert len(threads) == 1
        assert threading.get_ident() not in threads
        assert 4 <= len(made) <= 6

    def test_what_nobody_took_is_ended(self):
        ended, release = [], threading.Event()
        pool = Pool(lambda: release.wait(5) or 1, ended.append, ahead=3)
        release.set()
        pool.take()
        pool.close()
        assert len(ended) <= 3
        pool.close()
        with pytest.raises(RuntimeError, match="closed"):
            pool.take()

    def test_a_failure_reaches_whoever_asks(self):
        def make():
            raise OSError("out of order")

        pool = Pool(make, lambda one: None, ahead=1)
        for _ in range(2):
            with pytest.raises(OSError, match="out of order"):
                pool.take()
        pool.close()


def test_every_module_can_be_imported_where_nothing_of_it_works():
    """Windows and macOS: neither namespaces nor signals nor sockets with descriptors."""
    code = (
        "import os, select, signal, socket, subprocess, sys\n"
        "for module, names in ((os, 'fork pidfd_open setsid setresuid memfd_create geteuid'),\n"
        "                      (signal, 'SIGKILL SIGCHLD pidfd_send_signal pthread_sigmask sigtimedwait'),\n"
        "                      (socket, 'AF_UNIX SO_PASSCRED SCM_CREDENTIALS recv_fds send_fds'), (select, 'poll')):\n"
        "    for name in names.split():\n"
        "        if hasattr(module, name):\n"
        "            delattr(module, name)\n"
        "sys.modules['resource'] = sys.modules['fcntl'] = sys.modules['grp'] = sys.modules['pwd'] = None\n"
        "sys.platform = 'win32'\n"
        "import importlib, pathlib\n"
        "import course_utils.grading.sandbox as package\n"
        "names = sorted(p.stem for p in pathlib.Path(package.__file__).parent.glob('*.py'))\n"
        "for name in names:\n"
        "    importlib.import_module(f'course_utils.grading.sandbox.{name}')\n"
        "from course_utils.grading.sandbox.choose import open_runner\n"
        "try:\n"
        "    open_runner('bubblewrap')\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
        "print(len(names), 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "NoSandbox bubblewrap is there for Linux only" in done.stdout
    count, torch = done.stdout.split()[-2:]
    assert int(count) >= 20
    assert torch == "False"
