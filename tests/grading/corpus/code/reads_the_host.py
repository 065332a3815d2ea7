# Looks everywhere for what is not its own.
# expects: graded 3
# probes: yes
# %% extra
import glob, os
WORDS = ("@CANARY@", "hidden(", "BEGIN SOLUTION")
PLACES = ["@CLASS@", "@CLASS@/gradebook.db", "@CLASS@/class.yml", "@CLASS@/roster.csv", "@SECRET@", "@REPO@/assignments/src"]
PLACES += ["@REPO@/results", "@REPO@/tests", "@REPO@/.git", "/root", "/home", "/etc/shadow", "/etc/passwd", "/etc/ssh"]
PLACES += ["/var/log", "/var/lib", "/run", "/sys/fs/cgroup", "/boot", "/srv", "/mnt", "/opt/secrets"]
for place in PLACES:
    try:
        if os.path.isdir(place):
            inside = [p for p in os.listdir(place) if not p.startswith(".pyenv")]
            if inside and place not in ("/root", "/home"):
                print("LEAK folder", place, inside[:3])
        elif os.path.exists(place):
            text = open(place, "rb").read(2_000_000)
            if place != "/etc/passwd" or b"root:" in text or text.count(b"\n") > 2:
                print("LEAK file", place, text[:20])
    except OSError:
        pass
for pattern in ("/proc/*/environ", "/proc/*/cmdline", "/proc/*/maps", "/tmp/*", "/tmp/*/*", "/box/../*", "../*", "/dev/shm/*"):
    for path in glob.glob(pattern):
        try:
            text = open(path, "rb").read(200_000).decode("latin-1")
        except OSError:
            continue
        if any(word in text for word in WORDS) and not path.endswith("self/cmdline"):
            print("LEAK word", path)
for base in ("@REPO@", "/"):
    for folder, folders, files in os.walk(base):
        if folder.count("/") > 7 or folder.startswith(("/proc", "/sys", "/usr")):
            folders.clear()
        if folder.endswith("course_utils/grading"):
            continue  # the library's own modules, which anybody may read
        if any(name in ("hidden.py", "mutants.py", "rubric.md", "gradebook.db", "class.yml") for name in files):
            print("LEAK path", folder)
print("PROBED")
