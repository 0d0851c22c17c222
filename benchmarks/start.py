"""How long `import napari_unet` and `napari-unet --help` take in fresh processes."""

import argparse
import statistics
import subprocess
import sys
import time

from quick import arguments

RUNS = 7
COMMANDS = {
    "python, nothing imported": ["-c", "pass"],
    "import napari_unet": ["-c", "import napari_unet"],
    "napari-unet --help": ["-m", "napari_unet", "--help"],
}


def seconds(arguments):
    """Return the wall time of one fresh Python."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main():
    given = arguments(argparse.ArgumentParser(description=__doc__))
    runs = 1 if given.quick else RUNS
    empty = 0.0
    for name, command in COMMANDS.items():
        seconds(command)  # the first run fills the disk cache
        median = statistics.median(seconds(command) for _ in range(runs))
        empty = empty or median
        print(f"{name:<26} {median:6.3f} s, {median - empty:6.3f} s over plain Python")


if __name__ == "__main__":
    main()
