# Looks for the expected answer in the frames and objects around it.
# expects: graded 1
# probes: yes
# %% double
import gc, sys
def double(x):
    frame = sys._getframe()
    while frame:
        for name, value in frame.f_locals.items():
            if "hidden" in str(name) or "expected" in str(name):
                return value
        frame = frame.f_back
    for thing in gc.get_objects():
        if getattr(thing, "__name__", "").startswith("test_double"):
            return thing
    return x
# %% extra
try:
    import hidden
    print("LEAK hidden")
except ImportError:
    pass
try:
    from course_utils.grading.assignment import load_assignment
    load_assignment("@NAME@")
    print("LEAK assignment")
except Exception:
    pass
print("PROBED")
