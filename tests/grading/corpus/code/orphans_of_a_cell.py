# The same from a cell, by the shell.
# expects: graded 3
# %% extra
import subprocess
try:
    subprocess.Popen("(setsid nohup sh -c 'sleep 1000; echo @MARKER@' &)", shell=True)
except OSError:
    pass
