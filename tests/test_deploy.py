"""The JupyterHub recipe: its files belong together, hold no secret, and keep students from each other and the class."""

import asyncio
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from traitlets.config import Config

from course_utils.grading.classroom.create import create
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.roster import Student
from course_utils.runtime import repo_root

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the recipe is for Linux hosts")

DEPLOY = repo_root() / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file() and path.name != ".env")
COMPOSE = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def module(name):
    spec = importlib.util.spec_from_file_location(name, DEPLOY / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def pins(path):
    lines = (line.split(";")[0].strip() for line in path.read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith(("#", "-")))


def stages():
    """The Dockerfile's stages: name to (name of the stage below, its instructions)."""
    text = (DEPLOY / "Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found = {}
    for part in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]:
        first, *rest = part.strip().splitlines()
        below, name = re.fullmatch(r"(\S+) AS (\w+)", first).groups()
        found[name] = (below, [line.split(maxsplit=1) for line in rest if line.strip()])
    return found


def copied(stage):
    """What a stage and those below it copy from the repository, as patterns."""
    found, table = [], stages()
    while stage in table:
        below, instructions = table[stage]
        for word, rest in instructions:
            if word == "COPY":
                found += [source for source in rest.split()[:-1] if not source.startswith("--")]
        stage = below
    return found


# ---- the files ----


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_parses(path):
    text = path.read_text()
    if path.suffix == ".py":
        compile(text, path.name, "exec")
    elif path.suffix == ".json":
        json.loads(text)
    elif path.suffix == ".yml":
        yaml.safe_load(text)
    elif path.suffix == ".sh":
        assert text.startswith("#!/bin/sh\n")
        assert os.access(path, os.X_OK)
        subprocess.run(["sh", "-n", path], check=True)


SECRET = re.compile(r"[A-Fa-f0-9]{32,}|[A-Za-z0-9+/_-]{40,}|-----BEGIN|password\s*=\s*[\"'][^\"']+", re.IGNORECASE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_holds_a_secret(path):
    assert [found for found in SECRET.findall(path.read_text()) if not re.fullmatch(r"[a-z0-9/._-]+", found)] == []


def test_a_secret_would_be_found():
    for text in ("0123456789abcdef" * 4, 'password = "hunter"', "-----BEGIN PRIVATE KEY"):
        assert SECRET.search(text)


def test_the_example_of_settings_leaves_every_secret_empty_and_the_real_one_is_ignored():
    settings = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), flags=re.MULTILINE))
    assert {name: value for name, value in settings.items() if re.search("TOKEN$|SECRET|CLIENT_ID", name)} == {
        "GRADING_TOKEN": "",
        "FORMGRADER_TOKEN": "",
        "OAUTH_CLIENT_ID": "",
        "OAUTH_CLIENT_SECRET": "",
    }
    assert ".env" in (DEPLOY / ".gitignore").read_text().split()
    assert "deploy/.env" in (DEPLOY / "Dockerfile.dockerignore").read_text().split()


def test_versions_are_pinned_and_those_of_the_course():
    hub = pins(DEPLOY / "requirements-hub.txt")
    course = {
        name: v for file in ("", "-grade", "-dev") for name, v in pins(repo_root() / f"requirements{file}.txt").items()
    }
    assert {"jupyterhub", "dockerspawner", "oauthenticator", "jupyterhub-idle-culler"} <= hub.keys()
    shared = hub.keys() & course.keys()
    assert len(shared) > 20
    assert {name: hub[name] for name in shared} == {name: course[name] for name in shared}
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"configurable-http-proxy@\d+\.\d+\.\d+\b", text)
    python = re.search(r"^ARG PYTHON=(3\.\d+)-slim-\w+$", text, flags=re.MULTILINE).group(1)
    assert 'requires-python = ">=3.11,<3.14"' in (repo_root() / "pyproject.toml").read_text()
    assert python in ("3.11", "3.12", "3.13")
    for line in re.findall(r"pip install ([^\n&\\]+)", text):
        assert "-r " in line or "-c " in line or "--no-deps" in line, f"not pinned: pip install {line}"


# ---- the images ----


def test_what_the_images_copy_exists_and_the_build_may_see_it():
    seen = [line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split("\n") if line.startswith("!")]
    for stage in stages():
        for source in copied(stage):
            assert list(repo_root().glob(source)), f"{stage} copies {source}, which is not there"
            assert any(Path(source).match(line[1:]) or source.startswith(f"{line[1:]}/") for line in seen), source


def test_students_images_hold_no_hidden_test():
    secret = [
        path
        for name in ("hidden.py", "mutants.py", "rubric.md")
        for path in repo_root().glob(f"assignments/src/*/{name}")
    ]
    assert secret
    for stage in ("hub", "course", "student"):
        for source in copied(stage):
            for found in repo_root().glob(source):
                assert not any(path.is_relative_to(found) for path in secret), f"{stage} copies {source}"
    assert any(path.is_relative_to(repo_root() / source) for path in secret for source in copied("grading"))


def test_images_in_which_somebody_works_run_as_nobody_special():
    for stage in ("student", "grading"):
        users = [rest for word, rest in stages()[stage][1] if word == "USER"]
        assert users == ["1000"]


# ---- the composition ----


def test_only_the_hub_holds_dockers_socket_and_only_the_grader_the_class():
    holders = {name: "\n".join(service.get("volumes", [])) for name, service in SERVICES.items()}
    assert [name for name, text in holders.items() if "docker.sock" in text] == ["hub"]
    assert [name for name, text in holders.items() if "COURSE_CLASS_FOLDER" in text] == ["grading", "formgrader"]
    assert "/inbox:/srv/inbox:ro" in holders["grading"]


def test_nothing_listens_outside_the_host_and_students_reach_the_hub_alone():
    assert [port for service in SERVICES.values() for port in service.get("ports", [])] == ["127.0.0.1:8000:8000"]
    assert COMPOSE["networks"]["students"]["internal"]
    assert COMPOSE["networks"]["backstage"]["internal"]
    assert [name for name, service in SERVICES.items() if "students" in service.get("networks", [])] == ["hub"]
    assert SERVICES["hub"]["environment"]["COURSE_STUDENT_NETWORK"] == COMPOSE["networks"]["students"]["name"]
    assert SERVICES["hub"]["environment"]["COURSE_STUDENT_IMAGE"] == SERVICES["student"]["image"]


def test_settings_are_those_of_the_example():
    named = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)", (DEPLOY / "docker-compose.yml").read_text())) == named


def test_the_grading_container_allows_what_bubblewrap_needs_and_no_more_than_it_says():
    options = SERVICES["grading"]["security_opt"]
    assert set(options) == {
        "no-new-privileges:true",
        "seccomp=seccomp-grading.json",
        "apparmor=unconfined",
        "systempaths=unconfined",
    }
    assert SERVICES["grading"]["cap_drop"] == ["ALL"]
    assert "privileged" not in SERVICES["grading"]
    profile = json.loads((DEPLOY / "seccomp-grading.json").read_text())
    refused = [name for rule in profile["syscalls"] for name in rule["names"] if rule["action"] == "SCMP_ACT_ERRNO"]
    assert len(refused) == len(set(refused)) > 40
    assert not {"clone", "clone3", "unshare", "mount", "umount2", "pivot_root", "sethostname", "setns"} & set(refused)
    assert {"bpf", "kexec_load", "init_module", "open_by_handle_at", "keyctl"} <= set(refused)


# ---- the hub ----


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Run the hub's configuration; gives its settings and the names it defines."""
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "one.zip").write_bytes(b"")
    (tmp_path / "roster.csv").write_text("id,name,login\ns001,Student 01,Ada01\ns002,Student 02,\n")

    def run(mode, **more):
        for name in list(os.environ):
            if name.startswith(("COURSE_", "OAUTH_", "GRADING_", "FORMGRADER_")):
                monkeypatch.delenv(name)
        settings = {
            "COURSE_HUB": mode,
            "COURSE_HUB_FOLDER": str(tmp_path),
            "COURSE_INSTRUCTORS": "prof, assistant",
            **more,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        names = {"get_config": Config, "__file__": str(DEPLOY / "jupyterhub_config.py")}
        exec(compile((DEPLOY / "jupyterhub_config.py").read_text(), "jupyterhub_config.py", "exec"), names)
        return names["c"], names

    return run


IN_COMPOSE = {
    name: "x" for name in SERVICES["hub"]["environment"] if name not in ("COURSE_HUB_FOLDER", "COURSE_INSTRUCTORS")
}


TOKENS = {"GRADING_TOKEN": "x", "FORMGRADER_TOKEN": "x"}


def test_the_hub_runs_with_the_settings_that_compose_gives_it_and_needs_each_secret(hub):
    c, _ = hub("docker", **IN_COMPOSE)
    assert c.JupyterHub.authenticator_class == "generic-oauth"
    assert c.Authenticator.allowed_users == {"ada01", "s002", "prof", "assistant"}
    assert c.Authenticator.admin_users == set()
    for name in ("OAUTH_CLIENT_SECRET", "GRADING_TOKEN", "FORMGRADER_TOKEN", "COURSE_STUDENT_IMAGE"):
        with pytest.raises(KeyError, match=name):
            hub("docker", **{key: value for key, value in IN_COMPOSE.items() if key != name})


def test_the_trial_stays_on_this_machine_and_needs_a_password(hub):
    c, _ = hub("trial", COURSE_TRIAL_PASSWORD="x" * 12, **TOKENS)
    assert c.JupyterHub.bind_url.startswith("http://127.0.0.1:")
    with pytest.raises(KeyError, match="COURSE_TRIAL_PASSWORD"):
        hub("trial", **TOKENS)
    with pytest.raises(KeyError):
        hub("open", **TOKENS)


def test_a_students_container_holds_the_own_home_and_the_own_hand_in_folder_and_nothing_else(hub, tmp_path):
    c, names = hub("docker", **IN_COMPOSE)
    spawner = SimpleNamespace(user=SimpleNamespace(name="ada01"))
    names["STUDENT_UID"] = os.getuid()
    c.Spawner.pre_spawn_hook(spawner)
    assert spawner.volumes == {
        "course-home-{username}": "/home/student",
        str(tmp_path / "hand-in" / "one" / "ada01"): "/home/student/hand-in/one",
    }
    assert (tmp_path / "hand-in" / "one" / "ada01").is_dir()
    assert c.DockerSpawner.read_only_volumes == {str(tmp_path / "packs"): "/srv/packs"}
    assert c.DockerSpawner.extra_host_config["cap_drop"] == ["ALL"]
    assert c.Spawner.mem_limit
    assert c.Spawner.cpu_limit


@pytest.mark.parametrize("service", ["grading", "formgrader"])
def test_only_instructors_reach_their_services(hub, service):
    c, _ = hub("docker", **IN_COMPOSE)
    assert service in [found["name"] for found in c.JupyterHub.services]
    access = [role for role in c.JupyterHub.load_roles if f"access:services!service={service}" in role["scopes"]]
    assert [(role["groups"], role.get("users"), role.get("services")) for role in access] == [
        (["instructors"], None, None)
    ]
    assert c.JupyterHub.services[0]["url"] == "http://grading:8888"
    assert c.JupyterHub.load_groups == {"instructors": {"users": ["assistant", "prof"]}}


def test_the_formgrader_behind_the_hub_lets_the_login_through_and_nothing_more(monkeypatch, tmp_path):
    served = []
    found = module("hub_formgrader")
    was = found.formgrader_server.OPEN
    monkeypatch.setattr(found.formgrader_server, "OPEN", was)
    monkeypatch.setattr(found.formgrader_server, "_load_jupyter_server_extension", served.append)
    monkeypatch.setattr(found.UpToDate, "look", lambda self: None)
    app = SimpleNamespace(root_dir=str(tmp_path), log=None)

    async def load():
        found._load_jupyter_server_extension(app)

    with ThreadPoolExecutor() as threads:  # a loop of its own, whatever runs in this thread
        threads.submit(asyncio.run, load()).result()
    assert served == [app]
    closed = re.compile(rf"/(?!{found.formgrader_server.OPEN}$).*")  # as the server writes it
    assert not closed.fullmatch("/oauth_callback")
    assert not closed.fullmatch("/formgrader/gradebook")
    for path in ("/api/contents", "/api/kernels", "/terminals/1", "/oauth_callback/x", "/x/oauth_callback"):
        assert closed.fullmatch(path), path


def test_the_gradebook_behind_the_hub_follows_the_class(tmp_path):
    found = module("hub_formgrader")
    create(tmp_path / "class", roster=[Student("s001")], assignments=["01_perceptron"])
    said = []
    gradebook = found.UpToDate(tmp_path / "class", SimpleNamespace(error=lambda *words: said.append(words)))
    gradebook.look()
    assert (tmp_path / "class" / "gradebook.db").is_file()
    (tmp_path / "class" / "gradebook.db").unlink()
    gradebook.look()
    assert not (tmp_path / "class" / "gradebook.db").exists(), "nothing was graded since: nothing is written"
    (tmp_path / "class" / "ledger" / "results").mkdir()
    with ClassFolder(tmp_path / "class").lock():
        gradebook.look()
    assert not (tmp_path / "class" / "gradebook.db").exists(), "another command is at work"
    gradebook.look()
    assert (tmp_path / "class" / "gradebook.db").is_file()
    (tmp_path / "class" / "ledger" / "manual").mkdir(exist_ok=True)
    (tmp_path / "class" / "class.yml").write_text("no class")
    gradebook.look()
    assert "is not up to date" in said[0][0]


# ---- handing in ----


@pytest.fixture
def student(tmp_path, monkeypatch):
    """A student's home with one pack handed out; calls the command."""
    packs, home = tmp_path / "packs", tmp_path / "home"
    packs.mkdir()
    (home / "hand-in" / "one").mkdir(parents=True)
    with zipfile.ZipFile(packs / "one.zip", "w") as pack:
        pack.writestr("one/one.ipynb", "the stub")
    monkeypatch.setenv("COURSE_PACKS", str(packs))
    monkeypatch.setenv("HOME", str(home))
    return SimpleNamespace(home=home, call=lambda *words: module("assignment").main(list(words)))


def test_a_student_fetches_works_and_hands_in(student, capsys):
    assert student.call("list") == 0
    assert "one                      not handed in" in capsys.readouterr().out
    assert student.call("fetch", "one") == 0
    notebook = student.home / "one" / "one.ipynb"
    notebook.write_text("my work")
    assert student.call("fetch", "one") == 2, "work is never overwritten"
    assert notebook.read_text() == "my work"
    assert student.call("hand-in", "one") == 0
    assert (student.home / "hand-in" / "one" / "one.ipynb").read_text() == "my work"
    assert [path.name for path in (student.home / "hand-in" / "one").iterdir()] == ["one.ipynb"]
    capsys.readouterr()
    assert student.call("list") == 0
    assert "handed in" in capsys.readouterr().out


def test_predictions_of_a_challenge_are_handed_in_beside_the_notebook_and_taken(student, take):
    student.call("fetch", "one")
    (student.home / "one" / "predictions.csv").write_text("id,label")
    assert student.call("hand-in", "one") == 0
    handed_in = student.home / "hand-in" / "one"
    assert sorted(path.name for path in handed_in.iterdir()) == ["one.ipynb", "predictions.csv"]
    (take.there.parent / "predictions.csv").write_bytes((handed_in / "predictions.csv").read_bytes())
    (take.there.parent / "more.csv").write_text("something else")
    assert take.now() == ["one/ada01/predictions.csv"]
    assert [path.name for path in take.here.parent.iterdir()] == ["predictions.csv"]


def test_what_cannot_be_handed_in_says_why(student, capsys):
    assert student.call("hand-in", "two") == 2
    assert "no assignment 'two'; there are: one" in capsys.readouterr().err
    assert student.call("hand-in", "one") == 2
    assert "save your notebook there" in capsys.readouterr().err
    student.call("fetch", "one")
    (student.home / "hand-in" / "one").rmdir()
    assert student.call("hand-in", "one") == 2
    assert "start it again" in capsys.readouterr().err


@pytest.fixture
def take(tmp_path):
    hand_in, inbox = tmp_path / "hand-in", tmp_path / "inbox"
    (hand_in / "one" / "ada01").mkdir(parents=True)
    inbox.mkdir()
    there = hand_in / "one" / "ada01" / "one.ipynb"
    return SimpleNamespace(
        now=lambda: module("inbox").take(hand_in, inbox), there=there, here=inbox / "one" / "ada01" / "one.ipynb"
    )


def test_the_inbox_keeps_the_time_at_which_a_notebook_really_came(take):
    before = time.time()
    take.there.write_text("late work")
    os.utime(take.there, (0, 0))  # "I handed that in long ago"
    assert take.now() == ["one/ada01/one.ipynb"]
    assert take.here.read_text() == "late work"
    assert take.here.stat().st_mtime >= before - 1
    assert take.now() == [], "the same work is not taken twice"
    take.there.write_text("later work")
    assert take.now() == ["one/ada01/one.ipynb"]
    assert take.here.read_text() == "later work"


def test_the_inbox_follows_no_link_and_waits_for_no_pipe(take, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("another student's work")
    take.there.symlink_to(secret)
    assert take.now() == []
    take.there.unlink()
    os.mkfifo(take.there)
    assert take.now() == []
    take.there.unlink()
    other = take.there.parents[1] / "eve"
    other.symlink_to(take.there.parent)
    take.there.write_text("x")
    assert take.now() == ["one/ada01/one.ipynb"]
    assert not take.here.parents[1].joinpath("eve").exists()


def test_a_notebook_that_is_too_large_is_left_where_it_is(take):
    with take.there.open("wb") as stream:
        stream.truncate(module("inbox").MOST_BYTES + 1)
    assert take.now() == []


def test_a_look_can_be_asked_for_by_hand(take):
    take.there.write_text("x")
    command = [
        sys.executable,
        str(DEPLOY / "inbox.py"),
        str(take.there.parents[2]),
        str(take.here.parents[2]),
        "--once",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "taken: one/ada01/one.ipynb\n")
