# Looks for the grader's environment.
# expects: graded 3
# probes: yes
# %% extra
import ctypes, os
for name, value in os.environ.items():
    foreign = name.startswith(("SECRET", "SSH", "AWS", "SUDO", "PYTEST", "COURSE", "VIRTUAL"))
    if "@CANARY@" in value or foreign or (name == "USER" and value != "student"):
        print("LEAK variable", name)
for pid in ["self", "1", *map(str, range(2, 50))]:
    try:
        if b"@CANARY@" in open(f"/proc/{pid}/environ", "rb").read():
            print("LEAK environ", pid)
    except OSError:
        pass
print("PROBED")
