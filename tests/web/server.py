"""Runs lpweb, and calls it."""
import http.client
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
B = os.path.join(ROOT, os.environ.get("B", "build"))
BIN = os.environ.get("LP_BIN", os.path.join(B, "bin"))
ENVIRONMENT = {**os.environ, "PATH": BIN + ":" + os.environ["PATH"],
               "ASAN_OPTIONS": "exitcode=99:quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")}


def tool(*command, data=None):
    """What a command prints."""
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True,
                          env=ENVIRONMENT).stdout


class Server:
    def __init__(self, *options):
        self.process = subprocess.Popen(["lpweb", "--no-browser", "--port", "0", *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        self.address = self.process.stdout.readline().decode().strip()
        self.base, self.secret = self.address.split("/#k=")
        self.host = self.base.removeprefix("http://")
        self.port = int(self.host.rsplit(":", 1)[1])

    def stop(self):
        """Ends it. Its exit status, and what it said on standard error."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def headers(self, **more):
        return {"Lpweb-Key": self.secret, "Content-Type": "application/octet-stream", **more}

    def post(self, path, body=b"", headers=None, timeout=60):
        """Status and body of a call."""
        return self.ask("POST", "/api/" + path, body, self.headers() if headers is None else headers, timeout)

    def ask(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    def memory(self):
        """Bytes in use: resident, of the server alone."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))


def slow():
    """Whether the commands are built with a sanitizer: times mean nothing then."""
    return b"__asan_init" in subprocess.run(["nm", "-D", os.path.join(BIN, "lpweb")], stdout=subprocess.PIPE, check=False).stdout
