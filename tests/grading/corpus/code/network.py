# Calls out, by every door.
# expects: graded 3
# probes: yes
# %% extra
import socket, urllib.request
def leak(what):
    print("LEAK", what)
for host in ("127.0.0.1", "@HOST@", "10.0.0.1", "8.8.8.8", "169.254.169.254"):
    for port in (@PORT@, 53, 80, 443):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                with socket.socket(socket.AF_INET, kind) as s:
                    s.settimeout(0.2)
                    s.connect((host, port))
                    s.send(b"hello")
                    if kind == socket.SOCK_STREAM:
                        leak(f"{host}:{port}")
            except OSError:
                pass
for name in (b"\0@ABSTRACT@", b"@UNIX@"):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(name)
            leak(name)
    except OSError:
        pass
try:
    socket.getaddrinfo("example.org", 80)
    leak("a name was resolved")
except OSError:
    pass
print("PROBED")
