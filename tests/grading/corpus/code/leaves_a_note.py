# Leaves notes for whoever comes next.
# expects: graded 3
# %% extra
import builtins, os, sys
import numpy as np
for folder in ("/tmp", ".", "/dev/shm", "/var/tmp", "/run", "/"):
    try:
        open(os.path.join(folder, "note-@MARKER@"), "w").write("note")
    except OSError:
        pass
np.note = builtins.note = os.environ["NOTE"] = "note"
sys.modules["note"] = np
