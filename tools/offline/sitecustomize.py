"""Refuse every connection that leaves this machine.

Python imports this module at start when its folder is on ``PYTHONPATH``: the chapter build and the chapter
tests put it there, so a cell that reaches for the network fails with a sentence instead of working by luck.
"""

import socket

_LOOPBACK = ("127.", "::1", "localhost")
_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def _refuse(address):
    if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
        raise OSError(f"chapters run without a network, and this one asked for {address[0]}")


def connect(self, address):
    _refuse(address)
    return _connect(self, address)


def connect_ex(self, address):
    _refuse(address)
    return _connect_ex(self, address)


def getaddrinfo(host, *args, **kwargs):
    if host is not None and not str(host).startswith(_LOOPBACK):
        raise OSError(f"chapters run without a network, and this one asked for {host}")
    return _getaddrinfo(host, *args, **kwargs)


_getaddrinfo = socket.getaddrinfo
socket.socket.connect = connect
socket.socket.connect_ex = connect_ex
socket.getaddrinfo = getaddrinfo
