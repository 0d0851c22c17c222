"""Waits for what a dock has still to do."""

from qtpy.QtCore import QCoreApplication, QTimer

from napari_unet.gui import worker


def settle(qtbot, *parents):
    """Wait until no job runs and no timer below the parents is going to start one."""

    def still():
        timers = [t for p in parents for t in p.findChildren(QTimer)]
        waiting = any(t.isActive() and t.isSingleShot() for t in timers)
        return not waiting and not worker.running()

    for _ in range(3):  # the end of one may start another
        QCoreApplication.processEvents()
        qtbot.waitUntil(still)
