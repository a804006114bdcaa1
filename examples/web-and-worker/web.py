#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# A web server of a few lines: POST /jobs puts a job into the queue, GET /health says whether that is possible.
import http.server
import os
import signal
import sys
import uuid

store = os.environ["STORE"]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text):
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/health":
            return self.answer(404, "no such page")
        possible = os.access(store + "/queue", os.W_OK)
        self.answer(200 if possible else 503, "ok" if possible else "the queue cannot be written")

    def do_POST(self):
        if self.path != "/jobs":
            return self.answer(404, "no such page")
        length = int(self.headers.get("Content-Length", 0))
        if not 0 < length <= 10_000:
            return self.answer(400, "a job has 1 to 10000 bytes")
        name = uuid.uuid4().hex
        # Under another name until it is whole: the worker must not see half a job.
        partial, path = f"{store}/.{name}", f"{store}/queue/{name}"
        with open(partial, "wb") as file:
            file.write(self.rfile.read(length))
        os.rename(partial, path)
        self.answer(202, name)

    def log_message(self, format, *arguments):
        # The health check asks every few seconds; that is no news.
        if self.path != "/health":
            print(format % arguments, flush=True)


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
print(f"serving on port {server.server_port}", flush=True)
server.serve_forever()
