# Replaces the grader's own functions, in its own process.
# expects: graded 0 or graded 1
# %% double
import sys
for name, module in list(sys.modules.items()):
    if "grading" in name and module is not None:
        for attribute in list(vars(module)):
            if not attribute.startswith("__"):
                setattr(module, attribute, lambda *a, **k: {"status": "ok"})
def double(x):
    return x
