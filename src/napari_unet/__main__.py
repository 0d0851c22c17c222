"""``python -m napari_unet``: the same as ``napari-unet``."""

import sys

from napari_unet.cli import main

if __name__ == "__main__":
    sys.exit(main())
