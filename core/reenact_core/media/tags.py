"""Colour tags: FFmpeg's numbers and names, read from frames and written to them."""

import av

from reenact_core.frames import ColourSpec, SampleLayout

PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
UNSPECIFIED = 2


def colour_of(frame: av.VideoFrame, layout: SampleLayout) -> ColourSpec:
    """The colour tags of a decoded frame."""
    ranged = {1: False, 2: True}.get(int(frame.color_range))
    if frame.format.name.startswith("yuvj"):
        ranged = True
    matrix = MATRICES.get(int(frame.colorspace), "unknown")
    if layout.kind == "rgb":
        matrix = "gbr"
    elif layout.kind == "grey" and matrix == "gbr":
        matrix = "unknown"  # FFmpeg's word for every PNG
    return ColourSpec(
        primaries=PRIMARIES.get(int(frame.color_primaries), "unknown"),
        transfer=TRANSFERS.get(int(frame.color_trc), "unknown"),
        matrix=matrix,
        full_range=ranged,
    )


def tag_frame(frame: av.VideoFrame, colour: ColourSpec) -> None:
    """Write colour tags on a frame that is about to be encoded."""
    frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = numbers(colour)


def tag_stream(stream: av.VideoStream, colour: ColourSpec) -> None:
    """Write colour tags on an encoder that is not open yet."""
    context = stream.codec_context
    primaries, transfer, matrix, spread = numbers(colour)
    context.color_primaries, context.color_trc = primaries, transfer
    context.colorspace, context.color_range = matrix, spread


def numbers(colour: ColourSpec) -> tuple[int, int, int, int]:
    """FFmpeg's numbers for primaries, transfer, matrix and range."""
    return (
        _number(PRIMARIES, colour.primaries),
        _number(TRANSFERS, colour.transfer),
        _number(MATRICES, colour.matrix),
        {None: 0, False: 1, True: 2}[colour.full_range],
    )


def _number(names: dict[int, str], name: str) -> int:
    return next((number for number, known in names.items() if known == name), UNSPECIFIED)
