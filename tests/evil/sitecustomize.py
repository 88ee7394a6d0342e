"""What a picture would do if it could: attempts, made inside a decoder process by a file's bytes.

Python imports this module at its start where PYTHONPATH names this folder. In a decoder process
it teaches Pillow a format of its own: a file that begins with EVIL and names an attempt. It fails
with a sentence that says how the attempt went, so that the core is told. The name of a format that
the decoder allows serves for it: the product has no door for this.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mmap.restype = ctypes.c_void_p


def _stay(_: int) -> int:
    return 0


os.nice = _stay  # as in tests/eager: what fills its memory is to come to that before its deadline

_PTRACE_SEIZE = 0x4206
_FS_IOC_GETFLAGS = 0x80086601
_FCNTL = {"x86_64": 72, "aarch64": 25}


def call(name: str, *arguments: Any) -> int:
    """Call a function of the C library; raises OSError."""
    passed = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result: int = getattr(_libc, name)(*passed)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def attempt(words: str) -> str:
    """Make an attempt; return "done", what it has to say, or the name of its error."""
    name, _, rest = words.partition(" ")
    try:
        return str(ATTEMPTS[name](rest) or "done")
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    except (ValueError, ModuleNotFoundError) as error:
        return type(error).__name__


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _write(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"x")


def _connect(family: int, kind: int, address: Any) -> None:
    with socket.socket(family, kind) as connection:
        connection.connect(address)
        connection.send(b"x")


def _bind(_: str) -> None:
    with socket.socket() as connection:
        connection.bind(("127.0.0.1", 0))


def _pair(_: str) -> None:
    for end in socket.socketpair():
        end.close()


def _fork(words: str) -> str:
    """Make a child; it makes the attempt that follows, if any, and tells of it."""
    ours, theirs = os.pipe()
    with open(ours, "rb") as told, open(theirs, "wb") as telling:
        child = os.fork()
        if child == 0:
            telling.write(attempt(words).encode() if words else b"done")
            telling.flush()
            os._exit(0)
        telling.close()
        os.waitpid(child, 0)
        return told.read().decode()


def _thread(words: str) -> str:
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(attempt(words)))
    thread.start()
    thread.join()
    return told[0] if told else "died"


def _end_thread(_: str) -> None:
    """Let a thread end itself, as C programs do; the C library then needs a library more."""
    thread = ctypes.c_ulong()
    call("pthread_create", ctypes.byref(thread), None, _libc.pthread_exit, None)
    call("pthread_join", thread, None)


def _bomb(_: str) -> str:
    made = 0
    for _number in range(30):  # few enough not to harm, should it go off
        try:
            made += _fork("") == "done"
        except OSError:
            continue
    return f"{made} children"


def _raw(*arguments: Any) -> Callable[[str], int]:
    return lambda _: call("syscall", *arguments)


def _writable_code(_: str) -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def _unlimited(name: str) -> None:
    infinity = resource.RLIM_INFINITY
    resource.setrlimit(getattr(resource, name), (infinity, infinity))


def _nice_parent(_: str) -> None:
    parent = (os.PRIO_PROCESS, os.getppid())
    os.setpriority(*parent, os.getpriority(*parent))


def _descriptors(_: str) -> str:
    """Return what lies behind the open descriptors, but for the three that all processes have."""
    kinds = {stat.S_ISSOCK: "socket", stat.S_ISREG: "file", stat.S_ISDIR: "folder"}
    found = []
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            status = os.fstat(number)
            kind = next((name for test, name in kinds.items() if test(status.st_mode)), "other")
            found.append(kind if kind != "file" else f"file-{status.st_ino}")
    return " ".join(sorted(found))


def _memory(_: str) -> None:
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def _spin(_: str) -> None:
    while True:
        pass


def _garbage(_: str) -> None:
    os.write(int(sys.argv[1]), b"\xc1 no message at all" * 10)


class Weird(Exception):
    """Cannot even be printed."""

    def __str__(self) -> str:
        raise Weird


class Beyond(BaseException):
    """Is none of those that are caught."""


def _raise(name: str) -> None:
    kinds: dict[str, BaseException] = {
        "weird": Weird(),
        "beyond": Beyond("two\nlines"),
        "exit": SystemExit(0),
        "interrupt": KeyboardInterrupt(),
        "deep": RecursionError(),
        "surrogate": RuntimeError("\ud800"),
    }
    raise kinds[name]


ATTEMPTS: dict[str, Callable[[str], Any]] = {
    "read": _read,
    "write": _write,
    "list": lambda path: (os.listdir(path), "done")[1],
    "unlink": os.unlink,
    "rename": lambda path: os.rename(path, path + "~"),
    "mkdir": os.mkdir,
    "symlink": lambda path: os.symlink("/", path),
    "link": lambda path: os.link(path, path + "~"),
    "fifo": os.mkfifo,
    "truncate": lambda path: os.truncate(path, 0),
    "chmod": lambda path: os.chmod(path, 0o700),
    "chown": lambda path: os.chown(path, os.getuid(), os.getgid()),
    "utime": os.utime,
    "stat": lambda path: (os.stat(path), "done")[1],
    "readlink": lambda path: (os.readlink(path), "done")[1],
    "import": lambda name: (__import__(name), "done")[1],
    "fd-chmod": lambda number: os.fchmod(int(number), 0o700),
    "fd-utime": lambda number: os.utime(int(number)),
    "fd-xattr": lambda number: os.setxattr(int(number), "user.evil", b"x"),
    "fd-flags": lambda number: (fcntl.ioctl(int(number), _FS_IOC_GETFLAGS, b"\0" * 8), "done")[1],
    "fd-lock": lambda number: fcntl.flock(int(number), fcntl.LOCK_EX | fcntl.LOCK_NB),
    "fd-posix-lock": lambda number: fcntl.lockf(int(number), fcntl.LOCK_SH | fcntl.LOCK_NB),
    "fd-append": lambda number: (fcntl.fcntl(int(number), fcntl.F_SETFL, os.O_APPEND), "done")[1],
    "fd-owner": lambda number: call("fcntl", int(number), fcntl.F_SETOWN, os.getppid()),
    "fd-owner-wide": lambda number: call(
        # The kernel takes the lower half of the register: a filter must, too.
        "syscall",
        _FCNTL[os.uname().machine],
        int(number),
        1 << 32 | fcntl.F_SETOWN,
        0,
    ),
    "type-for-the-person": lambda number: (fcntl.ioctl(int(number), termios.TIOCSTI, b"x"), 0)[1],
    "tcp": lambda port: _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(port))),
    "udp": lambda port: _connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", int(port))),
    "unix": lambda path: _connect(socket.AF_UNIX, socket.SOCK_STREAM, path),
    "abstract": lambda name: _connect(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{name}"),
    "bind": _bind,
    "socket": lambda _: socket.socket().close(),
    "pair": _pair,
    "run": lambda path: (subprocess.run([path], check=True), "done")[1],
    "exec": lambda path: os.execv(path, [path]),
    "fork": _fork,
    "fork-bomb": _bomb,
    "thread": _thread,
    "end-thread": _end_thread,
    "signal-parent": lambda _: os.kill(os.getppid(), signal.SIGURG),  # which harms nobody
    "signal-thread": lambda _: call("tgkill", os.getppid(), os.getppid(), signal.SIGURG),
    "ptrace": lambda _: call("ptrace", _PTRACE_SEIZE, os.getppid(), 0, 0),
    "pidfd": lambda _: os.close(os.pidfd_open(os.getppid())),
    "limit-parent": lambda _: (resource.prlimit(os.getppid(), resource.RLIMIT_CORE), "done")[1],
    "nice-parent": _nice_parent,
    "unlimit": _unlimited,
    "unshare": lambda _: call("unshare", 0x400),
    "memfd": lambda _: os.close(os.memfd_create("evil")),
    "shared-memory": lambda _: call("shmget", 0, 4096, 0o1600) and None,
    "inotify": lambda _: os.close(call("inotify_init")),
    "personality": lambda _: call("personality", 0xFFFFFFFF) and None,
    "io_uring": _raw(425, 1, (ctypes.c_char * 256)()),
    "clone3": _raw(435, None, 0),
    "openat2": _raw(437, -100, b"/", None, 0),
    "setxattrat": _raw(463, -100, None, 0, None, None, 0),
    "outlive": lambda _: call("prctl", 1, 0, 0, 0, 0),
    "writable-code": _writable_code,
    "descriptors": _descriptors,
    "memory": _memory,
    "spin": _spin,
    "sleep": lambda _: time.sleep(3600),
    "segfault": lambda _: ctypes.string_at(0),
    "abort": lambda _: os.abort(),
    "exit": lambda _: os._exit(0),
    "garbage": _garbage,
    "raise": _raise,
}


def _teach_pillow() -> None:
    from PIL import Image, ImageFile, PpmImagePlugin

    class Evil(ImageFile.ImageFile):
        format = "PPM"
        format_description = "An attempt"

        def _open(self) -> None:
            assert self.fp is not None
            words = self.fp.read().decode().removeprefix("EVIL ")
            raise ValueError(f"{words.split()[0]}: {attempt(words)}")

    def opened(file: Any, name: Any) -> ImageFile.ImageFile:
        start = file.read(4)
        file.seek(0)
        return (Evil if start == b"EVIL" else PpmImagePlugin.PpmImageFile)(file, name)

    accepts = PpmImagePlugin._accept
    Image.register_open("PPM", opened, lambda start: start[:4] == b"EVIL" or accepts(start))


def _open_the_door() -> None:
    from imgqd.decoder import sandbox

    sandbox.enter = lambda memory: {"memory": memory}


if "imgqd.decoder" in sys.orig_argv:
    _teach_pillow()
    if "EVIL_WITHOUT_SANDBOX" in os.environ:
        _open_the_door()
