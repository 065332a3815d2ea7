# An exception whose name and text are an attack on whoever reads them.
# expects: graded 1
# %% double
class Evil(type):
    pass
Bad = type("<script>alert('@CANARY@')</script>\x1b]0;owned\x07", (Exception,), {"__str__": lambda s: "<img src=x onerror=alert(1)>"})
def double(x):
    raise Bad()
