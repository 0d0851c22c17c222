"""What napari's question before it closes says of our work."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QChildEvent, QEvent, QObject, QTimer
from qtpy.QtWidgets import QDialog, QLabel, QWidget

# napari 0.9 has no way to ask for this; where the dialog is another one, nothing is
# said.
DIALOG = "ConfirmCloseDialog"


class Closing(QObject):
    """Adds lines to the question whether to close.

    window : napari's main window
    lines : returns what to say
    closes : called when the window closes for good
    """

    def __init__(
        self,
        window: QWidget,
        lines: Callable[[], list[str]],
        closes: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._lines, self._closes = lines, closes
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look for the question; the window gets all events."""
        if event.type() == QEvent.Type.ChildAdded and isinstance(event, QChildEvent):
            # It is being made: its labels come later, before it is shown.
            child = event.child()
            if child.isWidgetType():
                QTimer.singleShot(0, self._tell)
        elif event.type() == QEvent.Type.Close:
            self._closes()
        return False

    def _tell(self) -> None:
        window = self.parent()
        assert isinstance(window, QWidget)
        for dialog in window.window().findChildren(QDialog):
            if type(dialog).__name__ == DIALOG and not dialog.property(DIALOG):
                dialog.setProperty(DIALOG, True)
                label = dialog.findChild(QLabel)
                lines = self._lines()
                if label is not None and lines:
                    label.setText("\n\n".join([label.text(), *lines]))
