"""The command line. Bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from napari_unet.cli.arguments import options
from napari_unet.cli.comparing import compare
from napari_unet.cli.converting import convert
from napari_unet.cli.demo import demo, open_files
from napari_unet.cli.measuring import measure
from napari_unet.cli.reports import doctor, evaluate, info, share
from napari_unet.cli.segmenting import segment
from napari_unet.cli.showing import show
from napari_unet.cli.training import train
from napari_unet.text import printable, too_little_memory, version

INTERRUPTED = 130
CUT_OFF = 141


app = App(
    name="napari-unet",
    help="Train U-Nets on microscopy images and segment with them.",
    version=version(),
    default_parameter=Parameter(negative_iterable=()),
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for command in (
    *(demo, train, segment, measure, convert),
    *(evaluate, show, info, share, doctor),
):
    app.command(options(command))
app.command(options(compare, leave_out=("network", "seed")))
app.command(options(open_files), name="open")


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    tokens : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        The exit code: 0, or 2 where the input was bad.
    """
    if tokens is None:  # this process is ours
        # What runs Python again, as torch does, takes no modules from the folder at
        # hand.
        os.environ["PYTHONSAFEPATH"] = "1"
    try:
        code = app(tokens)
        sys.stdout.flush()
    except BrokenPipeError:  # as of `napari-unet info MODEL | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except CycloptsError as error:
        command = " ".join(("napari-unet", *(error.command_chain or ())))
        message = f"{' '.join(str(error).split())} See {command} --help."
    except (ValueError, OSError) as error:
        message = str(error)
    except (MemoryError, RuntimeError) as error:
        from napari_unet.device import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        message = too_little_memory(error)
    except KeyboardInterrupt:
        print("napari-unet: stopped", file=sys.stderr)
        return INTERRUPTED
    else:
        return code if isinstance(code, int) else 0
    print(f"napari-unet: error: {printable(message)}", file=sys.stderr)
    return 2
