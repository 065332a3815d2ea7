"""The filter of system calls, run instruction by instruction for both machines, and by the kernel for this one."""

import errno
import platform
import socket

import pytest

from course_utils.grading.sandbox.seccomp import (
    ALLOW,
    CHECKED,
    ERRNO,
    JUMP_ANY_BIT,
    JUMP_AT_LEAST,
    JUMP_EQUAL,
    KILL,
    LAST_KNOWN,
    LOAD,
    MACHINES,
    REFUSED,
    RETURN,
    program,
)

PLAIN = {
    "x86_64": (0, 1, 257, 202, 9, 59),
    "aarch64": (63, 64, 56, 98, 222, 221),
}  # read write openat futex mmap execve


def verdict(machine, number, *arguments, architecture=None):
    """What the kernel's interpreter of classic BPF would answer."""
    words = [number, MACHINES[machine][0] if architecture is None else architecture, 0, 0]
    for argument in (*arguments, *[0] * (6 - len(arguments))):
        words += [argument & 0xFFFFFFFF, argument >> 32]
    lines, at, value = program(machine), 0, 0
    while True:
        code, true, false, constant = lines[at]
        at += 1
        if code == LOAD:
            value = words[constant // 4]
        elif code == RETURN:
            return constant
        elif code in (JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT):
            holds = {JUMP_EQUAL: value == constant, JUMP_AT_LEAST: value >= constant, JUMP_ANY_BIT: value & constant}
            at += true if holds[code] else false
        else:
            value &= constant


def call(machine, name, *arguments):
    return verdict(machine, {**REFUSED, **CHECKED}[name][MACHINES[machine][1]], *arguments)


refused = {name: ERRNO | getattr(errno, name) for name in ("EPERM", "ENOSYS", "EAFNOSUPPORT", "EINVAL")}


@pytest.mark.parametrize("machine", MACHINES)
class TestProgram:
    def test_what_programs_need_passes(self, machine):
        for number in PLAIN[machine]:
            assert verdict(machine, number) == ALLOW

    def test_what_break_outs_need_does_not(self, machine):
        column = MACHINES[machine][1]
        for name, numbers in REFUSED.items():
            if numbers[column] is not None:
                assert call(machine, name) == refused["EPERM"], name

    def test_other_machines_and_newer_calls(self, machine):
        assert verdict(machine, 0, architecture=0x40000003) == KILL  # 32-bit calls have other numbers
        assert verdict(machine, LAST_KNOWN + 1) == refused["ENOSYS"]
        assert verdict(machine, 0x40000000 + 101) == refused["ENOSYS"]  # ptrace by its x32 number

    def test_threads_and_processes_but_no_namespaces(self, machine):
        assert call(machine, "clone", 0x3D0F00) == ALLOW  # what pthread_create asks for
        assert call(machine, "clone", 17) == ALLOW
        for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
            assert call(machine, "clone", flag | 17) == refused["EPERM"]
        assert call(machine, "clone3") == refused["ENOSYS"]

    def test_sockets_that_a_network_namespace_covers(self, machine):
        for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
            assert call(machine, "socket", family) == ALLOW
        for family in (16, 17, 38, 40, 44):  # netlink, packet, kernel ciphers, the virtual machine's host, XDP
            assert call(machine, "socket", family) == refused["EAFNOSUPPORT"]

    def test_endings_that_would_pass_for_a_kill(self, machine):
        for name in ("exit", "exit_group"):
            assert call(machine, name, 137) == KILL
            assert call(machine, name, 137 + 256) == KILL
            assert [call(machine, name, status) for status in (0, 1, 9, 136, 138)] == [ALLOW] * 5
        assert call(machine, "setrlimit", 0) == refused["EPERM"]
        assert call(machine, "setrlimit", 7) == ALLOW
        assert call(machine, "prlimit64", 0, 0, 0x7FFC_0000_0000) == refused["EPERM"]  # upper half only
        assert call(machine, "prlimit64", 0, 0, 0x1000) == refused["EPERM"]
        assert call(machine, "prlimit64", 0, 0, 0) == ALLOW  # it only asks
        assert call(machine, "prlimit64", 0, 7, 0x1000) == ALLOW

    def test_living_on_without_the_parent(self, machine):
        assert call(machine, "prctl", 1) == refused["EPERM"]
        assert call(machine, "prctl", 15) == ALLOW

    def test_locks_do_nothing(self, machine):
        assert call(machine, "flock", 5, 2) == ERRNO
        assert [call(machine, "fcntl", 5, command) for command in (6, 7, 37, 38)] == [ERRNO] * 4
        assert [call(machine, "fcntl", 5, command) for command in (5, 36)] == [refused["EINVAL"]] * 2
        assert [call(machine, "fcntl", 5, command) for command in (1024, 1026)] == [refused["EPERM"]] * 2
        assert [call(machine, "fcntl", 5, command) for command in (0, 1, 2, 3, 4, 1030)] == [ALLOW] * 6

    def test_every_jump_stays_inside(self, machine):
        lines = program(machine)
        assert len(lines) < 4096
        for at, (code, true, false, _) in enumerate(lines):
            assert 0 <= true < 256
            assert 0 <= false < 256
            assert code == RETURN or at + 1 + max(true, false) < len(lines)
        assert lines[-1] == (RETURN, 0, 0, ALLOW)


def test_numbers_differ_from_one_machine_to_the_other_and_are_used_once():
    for column in (0, 1):
        numbers = [both[column] for both in {**REFUSED, **CHECKED}.values() if both[column] is not None]
        assert len(numbers) == len(set(numbers))
    assert REFUSED["ptrace"] == (101, 117)
    assert CHECKED["socket"] == (41, 198)


def test_no_filter_for_a_machine_that_it_is_not_written_for():
    assert program("riscv64") is None


CALLS = """
import ctypes, errno, os, platform

libc = ctypes.CDLL(None, use_errno=True)

def call(numbers, *arguments):
    number = numbers[0 if platform.machine() == "x86_64" else 1]
    if number is None:
        return errno.EPERM
    result = libc.syscall(number, *[ctypes.c_ulong(a) for a in arguments])
    return ctypes.get_errno() if result < 0 else 0
"""


@pytest.mark.skipif(platform.machine() not in MACHINES, reason="no filter is written for this machine")
def test_the_kernel_agrees(talk):
    student = talk(CALLS)
    harmless = {name: list(numbers) for name, numbers in REFUSED.items() if name not in ("vhangup", "reboot")}
    assert {name: student.call("call", numbers, 0, 0, 0, 0) for name, numbers in harmless.items()} == dict.fromkeys(
        harmless, errno.EPERM
    )
    assert student.call("call", list(CHECKED["socket"]), 40, 1, 0) == errno.EAFNOSUPPORT
    assert student.call("call", list(CHECKED["clone"]), 0x10000000, 0) == errno.EPERM
    assert student.call("call", list(CHECKED["prctl"]), 1, 0) == errno.EPERM
