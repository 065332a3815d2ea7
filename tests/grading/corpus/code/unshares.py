# Tries to make a world of its own, to mount, to trace, to gain rights.
# expects: graded 3
# probes: yes
# %% extra
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def try_it(what, result):
    if result == 0:
        print("LEAK", what)
child = os.fork()
if child == 0:
    try_it("mount", libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
    try_it("umount", libc.umount2(b"/box", 2))
    try_it("new user namespace", libc.unshare(0x10000000))
    try_it("trace init", libc.ptrace(16, 1, None, None))
    try_it("setuid", libc.setuid(0))
    try_it("chroot", libc.chroot(b"/"))
    os._exit(0)
os.waitpid(child, 0)
if os.getuid() == 0 or os.geteuid() == 0:
    try:
        os.setuid(0)
        if open("/proc/self/uid_map").read().split()[1] == "0":
            print("LEAK root on the host")
    except (OSError, IndexError):
        pass
for device in ("/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/fuse", "/dev/kvm"):
    try:
        os.close(os.open(device, os.O_RDONLY))
        print("LEAK device", device)
    except OSError:
        pass
print("PROBED")
