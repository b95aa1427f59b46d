"""How much a server takes from whom."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that `hello` tells clients."""

    jobs_per_client: int = 64
    """Jobs of one client that have not ended."""
    calls_per_client: int = 16
    """Frames, detections and plans of one client that wait."""
    calls: int = 128
    """The same of all clients."""
    previews_per_client: int = 4
    previews: int = 32
    shm_bytes: int = 2 * 1024**3
    """Shared memory of all previews."""
    message_bytes: int = 64 * 1024**2
    """Longest frame of a message on the request socket: pixels that go inline."""
    control_bytes: int = 1024**2
    """Longest frame of a message on the control socket."""
    lease_s: float = 30.0
    """A preview whose client is silent for so long is closed."""
    call_s: float = 30.0
    """A call without a deadline that was not begun after so long is refused."""
    work_s: float = 60.0
    """A call that a worker is at for so long is ended, together with that worker."""
    work_bytes: int = 4 * 1024**3
    """So much more memory than before a worker may hold for one call."""
    look_s: float = 5.0
    """A file system that does not say within so long where a path leads is not waited for."""
    silence_s: float = 1800.0
    """A job of which nothing is heard for so long fails, and its worker is ended."""
    live_workers: int = 4
    """Workers that answer calls; one stands ready while others are at work."""

    def table(self) -> dict[str, float]:
        """By name."""
        return asdict(self)
