"""Waits for what a dock has still to do."""

from qtpy.QtCore import QCoreApplication, QEvent, QTimer

from napari_unet.gui import worker
from napari_unet.gui.layers import edits

SOON = 5000  # ms; what comes later keeps work on the disk


def deliver():
    """Let everything happen that is due, also the end of what is to be deleted."""
    for _ in range(3):
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def settle(qtbot, widget):
    """Wait until no job runs, and no timer of a widget or layer is to start one."""

    def still():
        timers = [*widget.findChildren(QTimer)]
        timers += [watch._timer for watch in edits._watches.values()]
        due = [t for t in timers if t.isActive() and t.interval() < SOON]
        waiting = any(t.isSingleShot() for t in due)
        return not waiting and not worker.running()

    for _ in range(3):  # the end of one may start another
        deliver()
        qtbot.waitUntil(still)
