"""A filter of system calls for student code: what lesson code never needs and break-outs are made of.

Namespaces, an unprivileged user and dropped capabilities already hold student code; the filter makes the kernel
behind them smaller. It is written for x86_64 and aarch64 as classic BPF, and left out on other machines.

Beyond the usual list it closes five ways around the rest: sockets of families that no network namespace covers
(``AF_VSOCK`` reaches the machine that hosts this one), memory that belongs to no process (``memfd_create``, System V
and POSIX queues, huge pages), locks and watches on files that other programs use too (read-only is enough for both),
what the whole machine has once (its write-back, its asynchronous requests, its scheduler's classes), and endings that
look as if somebody outside had killed the process.
"""

import ctypes
import errno
import platform
import signal
import socket
import struct
from collections.abc import Sequence

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where struct seccomp_data keeps them
NEW_NAMESPACES = 0x7E020000
FAMILIES = (socket.AF_UNIX if hasattr(socket, "AF_UNIX") else 1, socket.AF_INET, socket.AF_INET6)
RLIMIT_CPU, RLIMIT_CORE, PR_SET_PDEATHSIG, PR_SCHED_CORE = 0, 4, 1, 62
MAP_HUGETLB = 0x40000
SOL_SOCKET, BUFFER_SIZES = 1, (7, 8)
SET_LOCKS, GET_LOCKS, WATCHES = (6, 7, 37, 38), (5, 36), (1024, 1026)  # commands of fcntl
SUCCESS = ERRNO  # error number 0: the call does nothing and says that it went well
LAST_KNOWN = 466  # of Linux 6.16; a call that is newer does not exist for student code

Instruction = tuple[int, int, int, int]

REFUSED: dict[str, tuple[int, int | None]] = {
    # name: (x86_64, aarch64)
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "personality": (135, 92),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "vhangup": (153, 58),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "mknod": (133, None),
    "mknodat": (259, 33),
    # a class of the scheduler that never gets a turn: time would pass on the clock as on a busy machine
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "io_setup": (206, 0),  # of these the machine has a fixed number
    "uselib": (134, None),
    "_sysctl": (156, None),
}
CHECKED = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "fcntl": (72, 25),
    "flock": (73, 32),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "mmap": (9, 222),
    "setsockopt": (54, 208),
    "socket": (41, 198),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "setrlimit": (160, 164),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


def program(machine: str) -> list[Instruction] | None:
    """The filter for a machine as `platform.machine` names it; None for one that it is not written for."""
    if machine not in MACHINES:
        return None
    architecture, column = MACHINES[machine]
    number = {name: numbers[column] for name, numbers in CHECKED.items()}
    killed = 128 + signal.SIGKILL
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        *_unless(JUMP_EQUAL, architecture, _give(KILL)),
        (LOAD, 0, 0, NUMBER),
        *_if(JUMP_AT_LEAST, LAST_KNOWN + 1, _give(ERRNO | errno.ENOSYS)),  # x32 calls lie up there too
    ]
    for numbers in REFUSED.values():
        refused = numbers[column]
        if refused is not None:
            lines += _if(JUMP_EQUAL, refused, _give(ERRNO | errno.EPERM))
    # its flags lie in memory, out of sight: the C library then falls back to clone
    lines += _if(JUMP_EQUAL, number["clone3"], _give(ERRNO | errno.ENOSYS))
    checks = {
        "clone": _if(JUMP_ANY_BIT, NEW_NAMESPACES, _give(ERRNO | errno.EPERM), argument=0),
        "socket": [
            _argument(0),
            *[line for family in FAMILIES for line in _if(JUMP_EQUAL, int(family), _give(ALLOW))],
            *_give(ERRNO | errno.EAFNOSUPPORT),
        ],
        # a lock is for several programs, and here is one; it must not reach those that share a file with it
        "flock": _give(SUCCESS),
        "fcntl": [
            _argument(1),
            *[line for command in SET_LOCKS for line in _if(JUMP_EQUAL, command, _give(SUCCESS))],
            *[line for command in GET_LOCKS for line in _if(JUMP_EQUAL, command, _give(ERRNO | errno.EINVAL))],
            *[line for command in WATCHES for line in _if(JUMP_EQUAL, command, _give(ERRNO | errno.EPERM))],
        ],
        # all disks of the machine, for files that live in memory
        "sync": _give(SUCCESS),
        "syncfs": _give(SUCCESS),
        "mmap": _if(JUMP_ANY_BIT, MAP_HUGETLB, _give(ERRNO | errno.ENOMEM), argument=3),
        # what waits in a socket is memory that only a control group counts: they stay as small as they are made
        "setsockopt": _if(
            JUMP_EQUAL,
            SOL_SOCKET,
            [line for option in BUFFER_SIZES for line in _if(JUMP_EQUAL, option, _give(SUCCESS), argument=2)],
            argument=1,
        ),
        # student code outside a process namespace of its own could otherwise outlive the grader
        "prctl": [
            *_if(JUMP_EQUAL, PR_SET_PDEATHSIG, _give(ERRNO | errno.EPERM), argument=0),
            *_if(JUMP_EQUAL, PR_SCHED_CORE, _give(ERRNO | errno.EPERM), argument=0),
        ],
        # a processor limit of its own, or an exit status that says "killed", would pass for a kill from outside;
        # with a core limit of 0 in place of 1, a crash starts the host's program for crashes
        "prlimit64": [
            line
            for limit in (RLIMIT_CPU, RLIMIT_CORE)
            for line in _if(
                JUMP_EQUAL,
                limit,
                [
                    *_unless(JUMP_EQUAL, 0, _give(ERRNO | errno.EPERM), argument=2),
                    *_unless(JUMP_EQUAL, 0, _give(ERRNO | errno.EPERM), argument=2, upper=True),
                ],
                argument=1,
            )
        ],
        "setrlimit": [
            line
            for limit in (RLIMIT_CPU, RLIMIT_CORE)
            for line in _if(JUMP_EQUAL, limit, _give(ERRNO | errno.EPERM), argument=0)
        ],
        "exit": [_argument(0), (AND, 0, 0, 0xFF), *_if(JUMP_EQUAL, killed, _give(KILL))],
        "exit_group": [_argument(0), (AND, 0, 0, 0xFF), *_if(JUMP_EQUAL, killed, _give(KILL))],
    }
    for name, check in checks.items():
        lines += _if(JUMP_EQUAL, number[name], [*check, *_give(ALLOW)])
    return [*lines, *_give(ALLOW)]


def install() -> bool:
    """Put the filter on this thread and all that it starts; says whether there is one. Needs no-new-privileges."""
    lines = program(platform.machine())
    if lines is None:
        return False
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(buffer)))
    result = ctypes.CDLL(None).prctl(
        PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.c_void_p(ctypes.addressof(head)), 0, 0
    )
    return bool(result == 0)


def _give(verdict: int) -> list[Instruction]:
    return [(RETURN, 0, 0, verdict)]


def _argument(position: int, upper: bool = False) -> Instruction:
    return (LOAD, 0, 0, ARGUMENTS + 8 * position + 4 * upper)


def _if(
    jump: int, value: int, then: Sequence[Instruction], argument: int | None = None, upper: bool = False
) -> list[Instruction]:
    """Do `then` if the comparison holds."""
    load = [] if argument is None else [_argument(argument, upper)]
    return [*load, (jump, 0, len(then), value), *then]


def _unless(
    jump: int, value: int, then: Sequence[Instruction], argument: int | None = None, upper: bool = False
) -> list[Instruction]:
    """Do `then` if the comparison does not hold."""
    load = [] if argument is None else [_argument(argument, upper)]
    return [*load, (jump, len(then), 0, value), *then]
