"""What a fresh Python has loaded."""

import subprocess
import sys


def loaded_after(code):
    """The modules that a fresh Python has loaded after this code."""
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())
