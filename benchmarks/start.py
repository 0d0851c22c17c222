"""How long `import napari_unet` and `napari-unet --help` take in fresh processes."""

import statistics
import subprocess
import sys
import time

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
    empty = 0.0
    for name, arguments in COMMANDS.items():
        seconds(arguments)  # the first run fills the disk cache
        median = statistics.median(seconds(arguments) for _ in range(RUNS))
        empty = empty or median
        print(f"{name:<26} {median:6.3f} s, {median - empty:6.3f} s over plain Python")


if __name__ == "__main__":
    main()
