"""The sandbox of the decoder process: what a hostile picture finds once it has taken the process.

It finds no file, no network, no other process and not much memory: only the bytes in hand and
the socket to the core. Each layer stands alone, so that a machine that lacks one has the others:

- resource limits, everywhere;
- no new privileges, and no capabilities for a daemon that root runs;
- Landlock, a rule set without a single rule: nothing can be opened, TCP and signals end here;
- seccomp, by libseccomp: what Landlock does not know (Unix sockets, UDP, fork, the times and
  modes of an open file), and files and network once more, for kernels without Landlock.

The seccomp filter is a list of what is denied, and not of what is allowed. What allocators,
thread libraries and codecs call differs from machine to machine and from release to release, and
a picture that fails on one machine only would be the price of each omission. The weakness of such
a list, the system calls of tomorrow, is met by their numbers: none after those known here exists.

`enter` comes after all imports: nothing can be imported, loaded or opened later. Threads to come
inherit every layer. Those that are there already get seccomp, and Landlock from its ABI 8 on only;
`missing` tells of them.

Sources: landlock(7) and include/uapi/linux/landlock.h, seccomp(2), capset(2), prctl(2), and
Documentation/userspace-api/landlock.rst for the ABI that brought each right.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import os
import resource
import signal
import sys
import time
from typing import Any, Final

try:
    import pyseccomp
except (ImportError, OSError, RuntimeError, AttributeError) as error:
    # Not installed; no libseccomp, or one that is too old: pyseccomp loads it when imported.
    pyseccomp = None
    _NO_SECCOMP = str(error)

_DESCRIPTORS: Final = 16
"""Numbers of open files: 0 to 2, the socket, a picture with what lies beside it, and some air."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_MDWE: Final = 65
_CAPABILITY_VERSION_3: Final = 0x20080522

_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_RESTRICT_SELF: Final = 446
_CREATE_RULESET_VERSION: Final = 1 << 0
_RESTRICT_SELF_TSYNC: Final = 1 << 3

_FS_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16, 9: 17}
"""ABI -> how many rights on files it knows; added were REFER, TRUNCATE, IOCTL_DEV, RESOLVE_UNIX."""

_NET_RIGHTS: Final = {4: 2, 10: 4}
"""The same of rights on ports: to bind and to connect with TCP, then with UDP."""

_SCOPES: Final = {6: 2}
"""The same of scopes: abstract Unix sockets, signals."""

_TSYNC_ABI: Final = 8

_DENIED: Final = {
    errno.EACCES: """
        open openat creat open_by_handle_at name_to_handle_at stat lstat access faccessat readlink
        readlinkat chdir fchdir statfs getxattr lgetxattr listxattr llistxattr
        mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat
        mknod mknodat truncate ftruncate fallocate chmod fchmod fchmodat chown fchown lchown
        fchownat utime utimes futimesat utimensat setxattr lsetxattr fsetxattr removexattr
        lremovexattr fremovexattr
        socket socketpair connect bind listen accept accept4 sendmmsg recvmmsg ioctl
    """,
    errno.EPERM: """
        fork vfork execve execveat kill tkill rt_sigqueueinfo rt_tgsigqueueinfo
        ptrace process_vm_readv process_vm_writev kcmp migrate_pages move_pages
        setpriority sched_setscheduler sched_setparam sched_setattr sched_setaffinity ioprio_set
        setpgid setsid personality capset setuid setgid setreuid setregid setresuid setresgid
        setfsuid setfsgid setgroups
        shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semtimedop semctl mq_open
        mq_unlink memfd_create inotify_init inotify_init1 inotify_add_watch fanotify_init
        fanotify_mark flock sync syncfs splice tee vmsplice io_setup io_submit
        keyctl add_key request_key bpf perf_event_open userfaultfd
        mount umount umount2 setns unshare pivot_root chroot swapon swapoff quotactl acct reboot
        kexec_load kexec_file_load init_module finit_module delete_module syslog vhangup
        sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex
        modify_ldt iopl ioperm uselib lookup_dcookie nfsservctl
    """,
}
"""Answer -> system calls that always get it; a name that this libseccomp lacks is passed over.

`fchmod`, `utimensat`, `ioctl` and the like need no file opened for writing: the person's own
picture, lent for reading, would do. Python takes EACCES from `ioctl` as a reason to use `fcntl`.
"""

_UNIFIED: Final = range(424, 512)
"""From 424 on a system call has one number on all machines, whether libseccomp knows it or not."""

_KEPT: Final = {436, 441, 449, 453, 454, 455, 456, 462}
"""Those of them that stay: close_range, epoll_pwait2, map_shadow_stack, mseal, and futexes.

The others answer as on a kernel that lacks them: io_uring, pidfds, openat2, mounts, and what is
yet to come. Libraries are prepared for that: the C library goes from clone3, whose flags no
filter can see, to clone.
"""

_CLONE_THREAD: Final = 0x10000
_AT_EMPTY_PATH: Final = 0x1000
_INT: Final = 0xFFFFFFFF
"""Where the kernel takes an int, the upper half of the register would slip past a comparison."""

_FCNTLS: Final = (4, 6, 7, 8, 10, 15, 37, 38, 1024)
"""What reaches beyond the process: SETFL (the core shares the flags), locks, leases, signals."""


class _Libc:
    """The calls that Python has no words for; each raises OSError."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._library.syscall.restype = ctypes.c_long

    def call(self, name: str, *arguments: Any) -> int:
        """Call a function of the C library: whole numbers go as long, the rest as it is."""
        passed = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
        result: int = getattr(self._library, name)(*passed)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result


def enter(memory: int) -> dict[str, Any]:
    """Give up, for good, everything that decoding does not need; return what holds.

    `landlock` is the ABI in force (0: none), `seccomp`, `no_new_privs` and `limits` say whether
    they hold, `missing` says in words what does not. `memory` is in bytes, and the last to be
    limited: too little of it must end decoding and not the making of the sandbox.
    """
    missing: list[str] = []
    held: dict[str, Any] = {"landlock": 0, "seccomp": False, "no_new_privs": False}
    # A CPU budget is no good to a process that was started with its signal ignored.
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    if sys.platform == "linux":
        _warm_up()
        libc = _Libc()
        held["no_new_privs"] = _give_up_privileges(libc, missing)
        held["landlock"] = _landlock(libc, missing)
        held["seccomp"] = _seccomp(missing)
    else:
        missing.append("this system has neither Landlock nor seccomp: only limits hold")
    held["limits"] = _limit(memory, missing)
    return {**held, "missing": missing}


def allow_cpu(seconds: float) -> None:
    """Let the process use so many more CPU seconds, all threads together; then SIGXCPU ends it."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = math.ceil(time.process_time() + seconds)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _warm_up() -> None:
    # What the C library opens later: the unwinder, when a thread ends (and the process with it,
    # where it cannot), and the time zone, at each use unless its name stands in TZ.
    with contextlib.suppress(OSError):
        ctypes.CDLL("libgcc_s.so.1")
    os.environ.setdefault("TZ", ":/etc/localtime")
    time.tzset()


def _limit(memory: int, missing: list[str]) -> bool:
    bounds = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": _DESCRIPTORS}
    if sys.platform == "darwin":
        # On Linux threads count, and those of all the person's programs: seccomp stops forks.
        bounds["RLIMIT_NPROC"] = 0
    holds = True
    for name, bound in {**bounds, "RLIMIT_AS": memory}.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        lowest = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        try:
            resource.setrlimit(kind, (lowest, lowest))
        except (OSError, ValueError) as error:
            missing.append(f"{name}: {error}")
            holds = False
    return holds


def _give_up_privileges(libc: _Libc, missing: list[str]) -> bool:
    # Memory that was written never runs. Nothing rests on it: kernels before 6.3 have no MDWE.
    with contextlib.suppress(OSError):
        libc.call("prctl", _PR_SET_MDWE, 1, 0, 0, 0)
    try:
        # A decoder that was taken, and sleeps, would else outlive a core that was killed.
        libc.call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        libc.call("capset", header, (ctypes.c_uint32 * 6)())
    except OSError as error:
        missing.append(f"privileges: {error.strerror}")
        return False
    return True


def _landlock(libc: _Libc, missing: list[str]) -> int:
    """Confine the process with a rule set that has no rules; return the ABI."""
    try:
        abi = libc.call("syscall", _LANDLOCK_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
        others = _threads() - 1
        handled = (ctypes.c_uint64 * 3)(*_handled(abi))
        rules = libc.call("syscall", _LANDLOCK_CREATE_RULESET, handled, ctypes.sizeof(handled), 0)
        try:
            flags = _RESTRICT_SELF_TSYNC if abi >= _TSYNC_ABI else 0
            libc.call("syscall", _LANDLOCK_RESTRICT_SELF, rules, flags)
        finally:
            os.close(rules)
    except OSError as error:
        missing.append(f"Landlock: {error.strerror}")
        return 0
    if others and abi < _TSYNC_ABI:
        missing.append(f"Landlock: threads that were there before it ({others}) are not confined")
    return abi


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def _handled(abi: int) -> tuple[int, int, int]:
    """Return the rights on files, the rights on ports and the scopes of an ABI, all bits set."""

    def bits(rights: dict[int, int]) -> int:
        return (1 << max((count for since, count in rights.items() if since <= abi), default=0)) - 1

    return bits(_FS_RIGHTS), bits(_NET_RIGHTS), bits(_SCOPES)


def _seccomp(missing: list[str]) -> bool:
    if pyseccomp is None:
        missing.append(f"seccomp: {_NO_SECCOMP}")
        return False
    try:
        rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
        # For the threads that are there already, too.
        rules.set_attr(pyseccomp.Attr.CTL_TSYNC, 1)
        # The calls of 32-bit programs have other numbers.
        rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
        _deny_always(rules)
        _deny_by_argument(rules)
        rules.load()
    except (OSError, AttributeError, ValueError) as error:
        missing.append(f"seccomp: {error}")
        return False
    return True


def _deny_always(rules: Any) -> None:
    for answer, names in _DENIED.items():
        for name in names.split():
            number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
            if number != -1:
                rules.add_rule(pyseccomp.ERRNO(answer), number)
    for number in _UNIFIED:
        if number not in _KEPT:
            rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), number)


def _deny_by_argument(rules: Any) -> None:
    def deny(answer: int, name: str, argument: int, how: int, *values: int) -> None:
        compared = pyseccomp.Arg(argument, how, *values)
        rules.add_rule(pyseccomp.ERRNO(answer), name, compared)

    not_equal, masked = pyseccomp.NE, pyseccomp.MASKED_EQ
    deny(errno.EPERM, "clone", 0, masked, _CLONE_THREAD, 0)
    # abort() is a signal to a thread of its own.
    deny(errno.EPERM, "tgkill", 0, not_equal, os.getpid())
    deny(errno.EPERM, "prlimit64", 0, not_equal, 0)
    deny(errno.EPERM, "prctl", 0, masked, _INT, _PR_SET_PDEATHSIG)
    for command in _FCNTLS:
        deny(errno.EPERM, "fcntl", 1, masked, _INT, command)
    # Of an open file only: a module that was not imported in time is then one that is not there.
    deny(errno.EACCES, "newfstatat", 3, masked, _AT_EMPTY_PATH, 0)
    deny(errno.EACCES, "statx", 2, masked, _AT_EMPTY_PATH, 0)
