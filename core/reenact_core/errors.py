"""The errors of reenact.

ReenactError             code        exit   what the reader can do
├─ TimelineError         timeline     4     mend the timeline; names the clip and its track
├─ MediaError            media        4     names the file, the stream, the frame
├─ CheckpointError       checkpoint   4     names the file and the networks that are known
├─ SettingsError         settings     4     names the key and the file
├─ OutputError           output       4     the output folder cannot be written; names it
├─ FaceError             face         3     no face, or the face was lost; names the shot and frames
└─ DeviceError           device       5     smaller batch, other device
   └─ OutOfMemoryError   device       5     the same, when memory is all that was missing

An error carries a sentence for people as its message. `reenact_cli.main` is the one place that
turns `exit_status` into the status of the process.
"""

from typing import ClassVar


class ReenactError(Exception):
    """Something a user can mend; the message says what, where and how."""

    code: ClassVar[str] = "reenact"
    exit_status: ClassVar[int] = 4


class TimelineError(ReenactError):
    """The timeline, or a clip in it, cannot be used."""

    code = "timeline"


class MediaError(ReenactError):
    """A media file is missing, damaged, or not what was expected."""

    code = "media"


class CheckpointError(ReenactError):
    """A checkpoint file is damaged or holds no network that is known."""

    code = "checkpoint"


class SettingsError(ReenactError):
    """A setting is unknown or out of its range."""

    code = "settings"


class OutputError(ReenactError):
    """A result cannot be written: no permission, no space, no such folder."""

    code = "output"


class FaceError(ReenactError):
    """No face was found, or the one that was asked for is not there."""

    code = "face"
    exit_status = 3


class DeviceError(ReenactError):
    """The computing device is missing or out of memory."""

    code = "device"
    exit_status = 5


class OutOfMemoryError(DeviceError):
    """The device has not the memory for what was asked."""
