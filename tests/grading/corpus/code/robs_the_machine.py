# Takes what the whole machine has once, and what would slow down others.
# expects: graded 3
# probes: yes
# %% extra
import ctypes, os, resource
libc = ctypes.CDLL(None, use_errno=True)
block = ctypes.create_string_buffer(64)
calls = {
    "priority": (libc.setpriority, 0, 0, 19),
    "priority of its group": (libc.setpriority, 1, 0, 19),
    "scheduler": (libc.sched_setscheduler, 0, 5, block),
    "scheduler's parameters": (libc.sched_setparam, 0, block),
    "cores of its own": (libc.prctl, 62, 1, 0, 0, 0),
}
if os.uname().machine == "x86_64":
    calls["disk class"] = (libc.syscall, 251, 1, 0, 3 << 13)
    calls["asynchronous requests"] = (libc.syscall, 206, 60_000, block)
    calls["huge pages"] = (libc.syscall, 9, None, ctypes.c_long(2 << 20), 3, 0x40022, -1, 0)
for what, (function, *arguments) in calls.items():
    if function(*arguments) >= 0:
        print("LEAK", what)
for limit in (resource.RLIMIT_CORE, resource.RLIMIT_CPU):
    try:
        resource.setrlimit(limit, (0, 0))
        print("LEAK limit", limit)
    except (OSError, ValueError):
        pass
os.sync()
print("PROBED")
