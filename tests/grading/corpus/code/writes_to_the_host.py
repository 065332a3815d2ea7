# Writes wherever it may.
# expects: graded 3
# %% extra
import os, shutil
for place in ("@CLASS@/gradebook.db", "@CLASS@/ledger/results", "@CLASS@/roster.csv", "@SECRET@", "@REPO@/README.md", "@REPO@/course_utils/__init__.py", "/etc/passwd", "/usr/bin/env"):
    for act in (lambda: open(place, "ab").write(b"!"), lambda: os.remove(place), lambda: os.rename(place, place + "x"), lambda: os.chmod(place, 0o777), lambda: shutil.rmtree(place)):
        try:
            act()
            print("LEAK wrote", place)
        except Exception:
            pass
import numpy, course_utils
for module in (numpy, course_utils):
    try:
        open(module.__file__, "a").write("\n# changed\n")
        print("LEAK wrote", module.__file__)
    except OSError:
        pass
