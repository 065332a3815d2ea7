# Throws its output away, and the streams with it.
# expects: graded 3
# %% extra
import os, sys
sys.stdout = sys.stderr = None
os.close(1)
os.close(2)
