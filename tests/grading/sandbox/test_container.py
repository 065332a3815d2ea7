"""Containers with a made-up engine: the exact command line, and the whole path of a submission through it.

The engine is a script that keeps its containers as folders and runs what is inside as a plain process on this
machine. A real podman or docker was not there to run.
"""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from course_utils.grading.sandbox import container
from course_utils.grading.sandbox.container import ContainerRunner
from course_utils.grading.sandbox.conversation import Conversation
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.runner import Died, NoSandbox, TimeLimit, Timeout, Unavailable
from course_utils.grading.sandbox.view import PACKAGE

LIMITS = Limits(memory_bytes=600_000_000, processes=20, disk_bytes=5_000_000, files=200)
ENGINE = """
    import os, signal, sys, time
    state, python = {state!r}, {python!r}
    words = sys.argv[1:]
    with open(state + "/log", "a") as log:
        print(repr(words), file=log)
    def path(name, what):
        return os.path.join(state, name + "." + what)
    if words[0] == "info":
        sys.exit(os.path.exists(state + "/stopped") and "Cannot connect to the engine")
    elif words[0] == "image":
        sys.exit(words[2] != "course:1")
    elif words[0] == "run":
        name = words[words.index("--name") + 1]
        label = words[words.index("--label") + 1]
        inside = words[words.index("course:1") + 1:]
        pairs = [words[i + 1].partition("=") for i, word in enumerate(words) if word == "--env"]
        variables = {{key: value for key, _, value in pairs}}
        variables["PYTHONPATH"] = {search!r}
        if os.path.exists(state + "/broken"):
            sys.exit("no space left on device")
        child = os.fork()
        if child == 0:
            os.setsid()
            os.chdir("/")
            os.execve(python, [python, *inside], variables)
        with open(path(name, "pid"), "w") as file:
            file.write(str(child))
        with open(path(name, "label"), "w") as file:
            file.write(label)
        os.close(0); os.close(1)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
        _, status = os.waitpid(child, 0)
        os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
    elif words[0] == "ps":
        for file in os.listdir(state):
            if file.endswith(".label"):
                print(file[:-6], open(os.path.join(state, file)).read().partition("=")[2])
    elif words[0] == "inspect":
        print(str(os.path.exists(path(words[-1], "oom"))).lower())
    elif words[0] == "rm":
        for what in ("pid", "label", "oom"):
            file = path(words[-1], what)
            if os.path.exists(file):
                if what == "pid":
                    try:
                        os.killpg(int(open(file).read()), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                os.unlink(file)
    else:
        sys.exit("unknown command " + words[0])
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A made-up podman; `/box` cannot be made on this machine, so student code lives in a folder of the test."""
    script = tmp_path / "bin" / "podman"
    script.parent.mkdir()
    (tmp_path / "state").mkdir()
    search = tmp_path / "search"  # what the image would hold: the package, with its box in another place
    (search / "course_utils").mkdir(parents=True)
    (search / "sitecustomize.py").write_text(
        "import course_utils.grading.sandbox.closing_in as c\n"
        f"c.BOX = {str(tmp_path / 'box')!r}\n"
        "c.WORK, c.SCRATCH, c.SHARED = c.BOX + '/work', c.BOX + '/tmp', c.BOX + '/shm'\n"
    )
    (search / "course_utils").rmdir()
    (search / "course_utils").symlink_to(PACKAGE)
    text = ENGINE.format(state=str(tmp_path / "state"), python=sys.executable, search=str(search))
    script.write_text(f"#!{sys.executable}\n{textwrap.dedent(text)}")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return tmp_path / "state"


@pytest.fixture
def runner(engine):
    with ContainerRunner("course:1", limits=LIMITS, preload=["numpy"]) as one:
        yield one


def log(engine):
    return [eval(line) for line in (engine / "log").read_text().splitlines()]


def containers(engine):
    return [file for file in engine.iterdir() if file.suffix == ".pid"]


def test_the_command_line_of_a_submission(runner, engine):
    words = runner.command("course-grading-1-abc")
    text = " ".join(words)
    assert words[1:5] == ["run", "--interactive", "--name", "course-grading-1-abc"]
    for part in (
        "--network none --ipc private --hostname box",
        "--user 65534:65534 --cap-drop ALL --security-opt no-new-privileges",
        "--read-only --read-only-tmpfs=false",
        "--tmpfs /box:rw,nosuid,nodev,size=5000000,nr_inodes=204,mode=1777",
        f"--volume {PACKAGE}:/course/course_utils:ro",
        "--memory 600000000 --memory-swap 600000000 --pids-limit 20 --cpus 1",
        "--ulimit nofile=256:256 --ulimit fsize=5000000:5000000",
        "--pull never",
        "--entrypoint python3 course:1 -sPB -m course_utils.grading.sandbox.zygote container - {",
    ):
        assert part in text
    names = [words[at + 1].partition("=")[0] for at, word in enumerate(words) if word == "--env"]
    assert "PYTHONPATH" in names
    assert not set(names) & {"SHELL", "TERM", "LOGNAME", "VIRTUAL_ENV"}
    assert not {"--privileged", "--tty", "-t", "--device", "--publish", "host"} & set(words)
    assert text.count("--volume") == 1
    runner.engine = "/usr/bin/docker"
    assert "read-only-tmpfs" not in " ".join(runner.command("x"))  # docker has no such option


def test_a_submission_passes_through(runner, engine):
    with Conversation(runner.open()) as student:
        student.run("import os, sys\ndef f(x):\n    return [x * 2, os.getcwd(), sys.argv, sorted(os.listdir())]\n")
        assert student.call("f", 21) == [42, str(engine.parent / "box" / "work"), [""], []]
        name = student.channel.inmate.name
        assert (engine / f"{name}.pid").exists()
    assert not (engine / f"{name}.pid").exists()
    assert ["rm", "--force", name] in log(engine)


def test_what_student_code_prints_is_no_answer(runner):
    with Conversation(runner.open()) as student:
        student.run("import os\nos.write(1, b'NCG1 forged')\nos.write(2, b'x' * 200_000)\nprint('loud' * 100_000)\n")
        student.run("def f():\n    return 1\n")
        assert student.call("f") == 1


def test_endings_are_told_apart(runner, engine):
    def dies(code, oom=False, kill=False):
        student = Conversation(runner.open())
        name = student.channel.inmate.name
        if oom:
            (engine / f"{name}.oom").write_text("")
        if kill:
            os.kill(int((engine / f"{name}.pid").read_text()), signal.SIGKILL)
        with pytest.raises(Died) as death:
            student.run(code)
        return str(death.value), death.value.killed

    assert dies("import os\nos._exit(3)") == ("the process ended with status 3", False)
    assert dies("import os\nos._exit(137)")[1] is False  # the filter keeps it from looking like a kill
    assert dies("x = 1", kill=True) == ("the container was killed", True)
    assert dies("x = 1", kill=True, oom=True) == ("it used more than 600 MB of memory", False)


def test_time_is_bounded_by_the_clock(runner, engine):
    with Conversation(runner.open()) as student:
        student.limit = TimeLimit(processor=0.5, clock=1.0)
        with pytest.raises(Timeout, match="1 s on the clock"):
            student.run("while True:\n    pass\n")
    assert len(containers(engine)) <= 1


def test_closing_removes_every_container(engine):
    runner = ContainerRunner("course:1", limits=LIMITS, preload=["numpy"], ahead=2)
    student = Conversation(runner.open())
    pids = [int(file.read_text()) for file in containers(engine)]
    runner.close()
    assert containers(engine) == []
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}/fd/0") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}/fd/0") for pid in pids)
    student.close()


def test_containers_of_a_killed_grader_are_removed(engine):
    gone = subprocess.Popen(["true"])
    gone.wait()
    mine = f"{container.LABEL}={os.getpid()}-{container._started(os.getpid())}"
    for name, label in (("left", f"{container.LABEL}={gone.pid}-1"), ("kept", mine)):
        (engine / f"{name}.label").write_text(label)
    with ContainerRunner("course:1", limits=LIMITS, preload=["numpy"], ahead=0):
        assert not (engine / "left.label").exists()
        assert (engine / "kept.label").exists()


def test_a_container_that_does_not_start_says_why(engine):
    with ContainerRunner("course:1", limits=LIMITS, ahead=0) as runner:
        (engine / "broken").write_text("")
        with pytest.raises(Unavailable, match="no space left on device"):
            runner.open()


def test_without_an_engine_a_service_or_an_image_there_is_no_sandbox(engine, monkeypatch):
    with pytest.raises(NoSandbox, match="podman has no image other:2: build one"):
        ContainerRunner("other:2")
    (engine / "stopped").write_text("")
    with pytest.raises(NoSandbox, match=r"podman is installed and does not answer \(Cannot connect to the engine\)"):
        ContainerRunner("course:1")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NoSandbox, match="apt install podman"):
        ContainerRunner("course:1")
