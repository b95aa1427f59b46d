"""What the server answers instead of a reply: a code for programs, a sentence for people."""

from typing import Any, Literal

Code = Literal[
    "E_PROTO",
    "E_SCHEMA",
    "E_AUTH",
    "E_FORBIDDEN",
    "E_LIMIT",
    "E_BUSY",
    "E_NOT_FOUND",
    "E_CONFLICT",
    "E_PATH",
    "E_MEDIA",
    "E_NO_FACE",
    "E_MODEL",
    "E_OOM",
    "E_DEVICE",
    "E_CANCELLED",
    "E_DEADLINE",
    "E_SUPERSEDED",
    "E_SHM",
    "E_INTERNAL",
]

RETRYABLE: frozenset[Code] = frozenset(
    {"E_BUSY", "E_OOM", "E_DEADLINE", "E_SUPERSEDED", "E_SHM", "E_INTERNAL"}
)
"""Codes after which the same request may succeed at another time."""

CODE_OF_CORE: dict[str, Code] = {
    "timeline": "E_MEDIA",
    "media": "E_MEDIA",
    "checkpoint": "E_MODEL",
    "settings": "E_SCHEMA",
    "output": "E_PATH",
    "face": "E_NO_FACE",
    "device": "E_DEVICE",
}
"""The bridge's code for each `ReenactError.code`; the core's own goes along as `detail.kind`."""


class ProtocolError(Exception):
    """A request that is answered with an error."""

    def __init__(
        self, code: Code, message: str, *, where: str | None = None, **detail: Any
    ) -> None:
        """`detail` are values for programs; `where` names clip and frame."""
        super().__init__(message)
        self.code: Code = code
        self.where = where
        self.detail = detail

    def body(self) -> dict[str, Any]:
        """The body of the message `error`."""
        return {
            "code": self.code,
            "retryable": self.code in RETRYABLE,
            "message": str(self),
            "detail": self.detail,
            "where": self.where,
        }
