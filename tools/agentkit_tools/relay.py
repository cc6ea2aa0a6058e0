"""Runs inside the sandbox: a command with a proxy on its loopback that leads out through descriptor 0.

Passed to `python -c` as text, with the command as its arguments; it imports nothing of agentkit.
"""

import os
import socket
import subprocess
import sys
import threading


def main() -> int:
    """Run the command and return its exit status."""
    try:
        way_out = socket.socket(fileno=os.dup(0))
        proxy = socket.create_server(("127.0.0.1", 0))
    except OSError as error:
        print(f"this sandbox has no sockets, so nothing can be reached from it ({error})")  # noqa: T201
        return 1

    def hand_out() -> None:
        while True:
            client, _ = proxy.accept()
            socket.send_fds(way_out, [b"."], [client.fileno()])
            client.close()

    threading.Thread(target=hand_out, daemon=True).start()
    url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
    env = {**os.environ, "https_proxy": url, "http_proxy": url, "all_proxy": url, "no_proxy": ""}
    return subprocess.run(sys.argv[1:], env=env, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
