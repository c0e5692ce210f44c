"""The server as users start it: a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit


class Remote:
    """`kerasnets serve` as a process."""

    def __init__(self, export, *options):
        # a suite in the background ignores Ctrl-C, and so would what it starts
        code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        code += "from kerasnets.cli.main import main; main()"
        command = [sys.executable, "-c", code, "serve", str(export), "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
        self.port = urlsplit(self.process.stdout.readline().removeprefix("serve: ").strip()).port

    def most_memory(self):
        """Return the most bytes that it has held."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
