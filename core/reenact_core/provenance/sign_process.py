"""The process that signs: one request as JSON on stdin, one answer as JSON on stdout.

    python -m reenact_core.provenance.sign_process

A process of its own, because the C2PA library keeps up to half a gigabyte once it has signed a
large file. The key comes by the pipe, never by arguments or the environment.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

PURPOSES = "1.3.6.1.5.5.7.3.4\n1.3.6.1.4.1.62558.2.1\n1.3.6.1.5.5.7.3.36\n"
"""What certificates may be for: e-mail, C2PA claims, documents."""

OFFLINE: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}},
    "trust": {"trust_config": PURPOSES},
}
"""Settings of the C2PA library: nothing is fetched, no thumbnails are made."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Sign what a request names; says what went wrong where it cannot.

    A request: `manifest`, `ingredients` [{`label`, `path`, `mime`, `table`, `needed`}], `source`,
    `mime`, `target` (None: nothing is embedded) and `sidecar` (None: none), `certificates`, `key`,
    `algorithm`, `tsa`.
    """
    try:
        import c2pa
    except (ImportError, OSError) as error:
        return {"failed": "unavailable", "said": str(error)}
    try:
        with ExitStack() as stack:
            _sign(request, c2pa, stack)
    except (c2pa.C2paError, OSError) as error:
        return {"failed": "signing", "said": str(error), "errno": getattr(error, "errno", None)}
    return {"failed": None}


def _sign(request: dict[str, Any], c2pa: Any, stack: ExitStack) -> None:
    settings = stack.enter_context(c2pa.Settings())
    settings.update(OFFLINE)
    context = stack.enter_context(c2pa.Context(settings))
    info = c2pa.C2paSignerInfo(
        request["algorithm"].encode(),
        request["certificates"].encode(),
        request["key"].encode(),
        request["tsa"].encode() if request["tsa"] else None,
    )
    signer = stack.enter_context(c2pa.Signer.from_info(info))
    builder = stack.enter_context(_builder(request, c2pa, context))
    with open(request["source"], "rb") as source:
        if request["target"] is None:
            builder.set_no_embed()
            signed = builder.sign(signer, request["mime"], source, Nowhere())
            Path(request["sidecar"]).write_bytes(signed)
            return
        with open(request["target"], "w+b") as target:
            builder.sign(signer, request["mime"], source, target)


def _builder(request: dict[str, Any], c2pa: Any, context: Any) -> Any:
    """With the ingredients, and with their own credentials where they can be taken over."""
    carried = [part for part in request["ingredients"] if _has_credentials(part, c2pa)]
    try:
        return _with_ingredients(request, carried, c2pa, context)
    except c2pa.C2paError:  # those of an input are damaged
        return _with_ingredients(request, [], c2pa, context)


class Nowhere:
    """A file for the copy that the library makes of what it leaves as it is; keeps nothing."""

    def __init__(self) -> None:
        self._at = self._size = 0

    def write(self, data: bytes) -> int:
        self._at += len(data)
        self._size = max(self._size, self._at)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, self._size)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is held back."""


def _with_ingredients(
    request: dict[str, Any], carried: list[dict[str, Any]], c2pa: Any, context: Any
) -> Any:
    manifest: dict[str, Any] = dict(request["manifest"])
    named = [part for part in request["ingredients"] if part["needed"] and part not in carried]
    manifest["ingredients"] = [{**_described(part), "format": part["mime"]} for part in named]
    there = {part["label"] for part in [*carried, *named]}
    manifest["assertions"] = [_only(assertion, there) for assertion in manifest["assertions"]]
    builder = c2pa.Builder(manifest, context)
    for part in carried:
        with open(part["path"], "rb") as stream:
            builder.add_ingredient(_described(part), part["mime"], stream)
    return builder


def _described(part: dict[str, Any]) -> dict[str, Any]:
    return {**part["table"], "label": part["label"]}


def _only(assertion: dict[str, Any], there: set[str]) -> dict[str, Any]:
    """The actions without ingredients that are not there; one that is left with none is dropped."""
    actions = list(_actions(assertion["data"]["actions"], there))
    return {**assertion, "data": {"actions": actions}}


def _actions(actions: list[dict[str, Any]], there: set[str]) -> Iterator[dict[str, Any]]:
    for action in actions:
        wanted = action.get("parameters", {}).get("ingredientIds")
        if wanted is None:
            yield action
            continue
        kept = [label for label in wanted if label in there]
        if kept:
            yield {**action, "parameters": {**action["parameters"], "ingredientIds": kept}}


def _has_credentials(part: dict[str, Any], c2pa: Any) -> bool:
    """Whether a file carries a manifest; it is not checked here, but when it is taken over."""
    with c2pa.Settings() as settings:
        settings.update({"verify": {"verify_after_reading": False, "remote_manifest_fetch": False}})
        with c2pa.Context(settings) as context, suppress(c2pa.C2paError, OSError):
            reader = c2pa.Reader.try_create(part["path"], context=context)
            if reader is not None:
                reader.close()
                return True
    return False


def main() -> None:
    """Answer the request on stdin."""
    request = json.load(sys.stdin)
    json.dump(answer(request), sys.stdout)


if __name__ == "__main__":
    main()
