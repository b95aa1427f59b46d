"""Errors of the core in the bridge's words."""

from reenact_bridge.errors import CODE_OF_CORE, ProtocolError
from reenact_core.errors import ReenactError


def error_of(error: ReenactError | ProtocolError | MemoryError) -> ProtocolError:
    """The same error with the bridge's code; the core's own is `detail.kind`."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, MemoryError):
        return ProtocolError("E_OOM", "out of memory; use smaller batches or fewer lanes")
    code = CODE_OF_CORE.get(error.code, "E_INTERNAL")
    if error.code == "device" and "out of memory" in str(error):
        code = "E_OOM"
    return ProtocolError(code, str(error), kind=error.code)
