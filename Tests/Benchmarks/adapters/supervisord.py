# SPDX-License-Identifier: Apache-2.0
"""supervisord of the distribution's package."""
import http.client
import shutil
import socket
import xmlrpc.client
from adapters.base import Adapter
from harness import pkg_version


class _Conn(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self._p = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._p)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self._p = path

    def make_connection(self, host):
        return _Conn(self._p)


class Supervisord(Adapter):
    name = "supervisord"
    does = Adapter.does | {"pid1"}
    cli_calls = 25
    notes = "startsecs=0 (default 1 adds a BACKOFF for children that die within 1 s); logs of children off, pipes remain"

    def available(self):
        return None if shutil.which("supervisord", path="/usr/bin") else "not installed"

    def version(self):
        return pkg_version("supervisor")

    def prepare(self, ctx):
        t = [f"""[unix_http_server]
file={ctx.path('s.sock')}
[supervisord]
nodaemon=true
silent=true
minfds={max(1024, 4 * len(ctx.services) + 100)}
logfile={ctx.path('supervisord.log')}
pidfile={ctx.path('supervisord.pid')}
childlogdir={ctx.dir}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{ctx.path('s.sock')}
"""]
        for s in ctx.services:
            t.append(f"""[program:{s.name}]
command={s.cmd}
autorestart={'true' if ctx.restart else 'false'}
startsecs=0
stopwaitsecs={ctx.stop_timeout}
stdout_logfile=NONE
stderr_logfile=NONE
""")
        ctx.write("c.conf", "".join(t))

    def argv(self, ctx):
        return ["/usr/bin/supervisord", "-c", ctx.path("c.conf")]

    def status_one(self, ctx, name):
        return ["/usr/bin/supervisorctl", "-c", ctx.path("c.conf"), "status", name]

    def status_all(self, ctx):
        return ["/usr/bin/supervisorctl", "-c", ctx.path("c.conf"), "status"]

    def _proxy(self, ctx):
        return xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=_Transport(ctx.path("s.sock")))

    def api_one(self, ctx, name):
        p = self._proxy(ctx)
        return lambda: p.supervisor.getProcessInfo(name)

    def api_all(self, ctx):
        p = self._proxy(ctx)
        return lambda: p.supervisor.getAllProcessInfo()


ADAPTERS = [Supervisord]
