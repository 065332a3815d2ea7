"""JupyterHub for one class: a container a student, packs handed out, work handed in, grading services for instructors.

``COURSE_HUB=docker`` (the default) is for a class. ``COURSE_HUB=trial`` starts everything as local processes of one
user on 127.0.0.1, to try the recipe on a laptop: students are not separated from each other, so use made-up ones.

Settings come from the environment (``env.example`` lists them); this file holds no secret.
"""

import csv
import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821  (JupyterHub defines it)

TRIAL = {"docker": False, "trial": True}[os.environ.get("COURSE_HUB", "docker")]
FOLDER = Path(os.environ["COURSE_HUB_FOLDER"])  # the same path on the host and in the hub's container
PACKS, ROSTER, STATE = FOLDER / "packs", FOLDER / "roster.csv", FOLDER / "hub-state"
HAND_IN, INBOX = FOLDER / "hand-in", FOLDER / "inbox"  # where a student writes; where nobody but the hub does
INSTRUCTORS = {name.strip() for name in os.environ["COURSE_INSTRUCTORS"].split(",") if name.strip()}
STUDENT_UID = 1000  # of the user in the image
SERVICES = ("grading", "formgrader")  # of the instructors


def logins() -> set[str]:
    """Who is enrolled: the roster's column ``login``, where that is empty its ``id``."""
    with ROSTER.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {login.lower() for row in rows if (login := (row.get("login") or row["id"]).strip())}


# ---- who may enter ----

c.JupyterHub.db_url = f"sqlite:///{STATE / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.Authenticator.allowed_users = logins() | INSTRUCTORS
c.Authenticator.admin_users = set()  # nobody can enter another person's server
c.Authenticator.username_pattern = r"[a-z0-9][a-z0-9._@+-]{0,63}"
c.JupyterHub.load_groups = {"instructors": {"users": sorted(INSTRUCTORS)}}

if TRIAL:
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = os.environ["COURSE_TRIAL_PASSWORD"]
else:  # the institution's single sign-on, by OpenID Connect
    c.JupyterHub.authenticator_class = "generic-oauth"
    c.GenericOAuthenticator.client_id = os.environ["OAUTH_CLIENT_ID"]
    c.GenericOAuthenticator.client_secret = os.environ["OAUTH_CLIENT_SECRET"]
    c.GenericOAuthenticator.authorize_url = os.environ["OAUTH_AUTHORIZE_URL"]
    c.GenericOAuthenticator.token_url = os.environ["OAUTH_TOKEN_URL"]
    c.GenericOAuthenticator.userdata_url = os.environ["OAUTH_USERDATA_URL"]
    c.GenericOAuthenticator.oauth_callback_url = os.environ["OAUTH_CALLBACK_URL"]
    c.GenericOAuthenticator.username_claim = os.environ.get("OAUTH_USERNAME_CLAIM", "preferred_username")
    c.GenericOAuthenticator.scope = ["openid", "profile"]

# ---- a server for each student ----

c.Spawner.mem_limit = "2G"
c.Spawner.cpu_limit = 2
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 120


def hand_in_folders(student: str) -> dict[str, Path]:
    """The student's folder of each assignment that is handed out, made on the host; nobody else's is mounted."""
    folders = {pack.stem: HAND_IN / pack.stem / student for pack in sorted(PACKS.glob("*.zip"))}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # the folders above are closed to everybody but hub and grader
        if os.geteuid() == 0:
            os.chown(folder, STUDENT_UID, STUDENT_UID)
    return folders


def mount_in_container(spawner) -> None:
    """Before each start: home, packs and hand-in folders of exactly this student."""
    folders = hand_in_folders(spawner.user.name)
    mounts = {str(folder): f"/home/student/hand-in/{name}" for name, folder in folders.items()}
    spawner.volumes = {"course-home-{username}": "/home/student", **mounts}


def link_in_home(spawner) -> None:
    """The trial's stand-in for mounts."""
    for name, folder in hand_in_folders(spawner.user.name).items():
        link = Path(spawner.home_dir) / "hand-in" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(folder)


if TRIAL:
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = str(FOLDER / "trial-homes" / "{username}")
    c.Spawner.environment = {"COURSE_PACKS": str(PACKS)}
    c.Spawner.pre_spawn_hook = link_in_home
    c.Spawner.args = ["--allow-root"] if os.geteuid() == 0 else []
    c.JupyterHub.bind_url = os.environ.get("COURSE_TRIAL_URL", "http://127.0.0.1:8000")
else:
    c.JupyterHub.spawner_class = "docker"
    c.DockerSpawner.image = os.environ["COURSE_STUDENT_IMAGE"]
    c.DockerSpawner.network_name = os.environ["COURSE_STUDENT_NETWORK"]
    c.DockerSpawner.use_internal_ip = True
    c.DockerSpawner.remove = True  # homes are volumes: nothing else of a container is kept
    c.DockerSpawner.notebook_dir = "/home/student"
    c.DockerSpawner.cmd = ["start-student"]
    c.DockerSpawner.read_only_volumes = {str(PACKS): "/srv/packs"}
    c.DockerSpawner.extra_host_config = {
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": 512,
    }
    c.Spawner.pre_spawn_hook = mount_in_container
    c.JupyterHub.bind_url = "http://:8000"
    c.JupyterHub.hub_ip = "0.0.0.0"
    c.JupyterHub.hub_connect_ip = "hub"
    c.JupyterHub.cleanup_servers = False  # a restart of the hub interrupts nobody

# ---- services ----

c.JupyterHub.services = [
    *(  # started beside the hub by start-service.sh
        {
            "name": name,
            "url": os.environ.get(f"{name.upper()}_URL", f"http://{name}:8888"),
            "api_token": os.environ[f"{name.upper()}_TOKEN"],
            "oauth_no_confirm": True,
        }
        for name in SERVICES
    ),
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"],
    },
    {"name": "inbox", "command": [sys.executable, str(Path(__file__).with_name("inbox.py")), str(HAND_IN), str(INBOX)]},
]
c.JupyterHub.load_roles = [
    {
        "name": "graders",
        "groups": ["instructors"],
        "scopes": [f"access:services!service={name}" for name in SERVICES],
    },
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]
