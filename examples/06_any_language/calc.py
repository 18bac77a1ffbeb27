#!/usr/bin/env python3
"""A service in Python, with the standard library alone.

    python3 calc.py                      offers math.py to the whole network, until Ctrl-C
    python3 calc.py call 2 3             calls it, from anywhere, over the local node
    python3 calc.py --gateway http://127.0.0.1:4081 …

The node on this machine does everything else: discovery, encryption, load balancing, deadlines.
"""

import json
import signal
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TTL = 10  # seconds; renewed three times as often

NUMBER = {"type": "number"}
METHODS = {
    "add": {
        "name": "add",
        "doc": "Adds two numbers.",
        "idempotent": True,
        "request": {"type": "object", "required": ["a", "b"], "properties": {"a": NUMBER, "b": NUMBER}},
        "response": {"type": "object", "required": ["sum"], "properties": {"sum": NUMBER}},
    },
    "divide": {
        "name": "divide",
        "doc": "Divides one number by another one.",
        "idempotent": True,
        "request": {"type": "object", "required": ["a", "b"], "properties": {"a": NUMBER, "b": NUMBER}},
        "response": {"type": "object", "required": ["quotient"], "properties": {"quotient": NUMBER}},
    },
}


class Failure(Exception):
    """How a call fails: a code as gRPC names it, and why."""

    def __init__(self, code, detail):
        super().__init__(detail)
        self.code, self.detail = code, detail


def run(method, request):
    """The service itself."""
    try:
        a, b = request["a"], request["b"]
        if method == "add":
            return {"sum": a + b}
        return {"quotient": a / b}
    except ZeroDivisionError:
        raise Failure("invalid_argument", "b is 0, by which nothing can be divided") from None
    except (KeyError, TypeError) as error:
        raise Failure("invalid_argument", f"a and b are to be numbers: {error}") from None


class Handler(BaseHTTPRequestHandler):
    """Calls arrive as POST /METHOD with JSON; x-caller says who calls, x-deadline how many milliseconds are left."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        method = self.path.lstrip("/")
        if method not in METHODS:
            return self.answer(404, {"code": "unimplemented", "detail": f"there is no method {method}"})
        try:
            self.answer(200, run(method, json.loads(body)))
        except Failure as failure:
            self.answer(400, {"code": failure.code, "detail": failure.detail})
        except (ValueError, OverflowError) as error:
            self.answer(400, {"code": "invalid_argument", "detail": str(error)})

    def answer(self, status, value):
        # Infinity is no JSON.
        body = json.dumps(value, allow_nan=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if status == 200 else "application/problem+json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def ask(gateway, method, path, value=None):
    """One request to the gateway; what it answers, or why not."""
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(gateway + path, data, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            body = response.read()
            return json.loads(body) if body else None
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        raise SystemExit(f"{problem['code']}: {problem['detail']}") from None


def serve(gateway):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    record = {
        "version": "1.0.0",
        "url": f"http://127.0.0.1:{server.server_port}",
        "doc": "Arithmetic, in Python.",
        "metadata": {"language": "python"},
        "ttl_s": TTL,
        "endpoints": list(METHODS.values()),
    }
    stopping = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    print("offering math.py as", ask(gateway, "PUT", "/v1/services/math.py", record)["instance"], flush=True)
    # Saying the same again renews it. A program that dies is forgotten when its time is over.
    while not stopping.wait(TTL / 3):
        ask(gateway, "PUT", "/v1/services/math.py", record)
    ask(gateway, "DELETE", f"/v1/services/math.py?url={record['url']}")
    print("withdrawn", flush=True)


def main(arguments):
    gateway = "http://127.0.0.1:4080"
    if arguments[:1] == ["--gateway"]:
        gateway, arguments = arguments[1].rstrip("/"), arguments[2:]
    if arguments[:1] == ["call"]:
        a, b = map(float, arguments[1:])
        print(ask(gateway, "POST", "/v1/call/math.py/divide", {"a": a, "b": b})["quotient"])
    else:
        serve(gateway)


if __name__ == "__main__":
    main(sys.argv[1:])
