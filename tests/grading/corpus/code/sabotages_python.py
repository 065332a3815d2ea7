# Breaks what the serving loop stands on.
# expects: graded 0 or graded 1
# %% double
import builtins, json, os, struct
def double(x):
    return 2 * x
json.dumps = json.loads = os.read = os.write = struct.pack = None
builtins.len = builtins.__import__ = None
