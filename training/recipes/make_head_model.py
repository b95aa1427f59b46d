"""Learn the head model that ships from ICT-FaceKit's shapes.

    python training/recipes/make_head_model.py KIT.npz face_landmark.tflite [OUT.safetensors]

KIT.npz holds the kit's shapes as reenact_training.head_model.kit describes them; the second file
is MediaPipe's face mesh, which tells where its 468 points lie. Takes some minutes on one core.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from reenact_core.files import written_whole
from reenact_core.head.landmarks import Landmarks
from reenact_core.head.model import EYEBALL_SECTORS, WEIGHTS, HeadModel
from reenact_training.head_model.build import RINGS, Shapes, build
from reenact_training.head_model.kit import read_kit
from reenact_training.head_model.points import embedded79, mesh468, points68

IDENTITIES = 50
CREDIT = "Learned from ICT-FaceKit, USC Institute for Creative Technologies, MIT licence"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("kit", type=Path)
    parser.add_argument("mesh", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=WEIGHTS)
    parser.add_argument("--identities", type=int, default=IDENTITIES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kit = read_kit(arguments.kit)
    shapes = build(kit, arguments.identities)
    head = with_landmarks(shapes, kit.names, arguments.mesh)
    write(head, arguments.out)
    print(
        f"{arguments.out}: {arguments.out.stat().st_size} bytes, {len(head.mean)} vertices, ",
        end="",
    )
    print(f"{len(head.triangles)} triangles, {len(head.landmarks['mesh468'])} points of the mesh")


def with_landmarks(shapes: Shapes, names: tuple[str, ...], mesh: Path) -> HeadModel:
    """The head model with where the points of each scheme lie."""
    row = {int(vertex): number for number, vertex in enumerate(shapes.source) if vertex >= 0}
    head = replace(_head(shapes, names), landmarks={"points68": points68(row)})
    edges = shapes.lid_edges
    more: dict[str, Landmarks] = {
        "embedded79": embedded79(head),
        "mesh468": mesh468(head, mesh, (edges.upper, edges.lower)),
    }
    return replace(head, landmarks=head.landmarks | more)


def _head(shapes: Shapes, names: tuple[str, ...]) -> HeadModel:
    def real(array: object) -> torch.Tensor:
        return torch.tensor(array, dtype=torch.float32)

    size = 1 + len(RINGS) * EYEBALL_SECTORS
    first = len(shapes.neutral) - 2 * size
    return HeadModel(
        real(shapes.neutral), real(shapes.identity), real(shapes.expression), names,
        torch.tensor(shapes.lids), real(shapes.lids_shut), torch.tensor(shapes.triangles),
        torch.tensor(shapes.part), real(shapes.texture), torch.tensor(shapes.mirror),
        real(shapes.identity_sign), torch.tensor(shapes.expression_mirror),
        (torch.arange(first, first + size), torch.arange(first + size, first + 2 * size)), {},
    )  # fmt: skip


def write(head: HeadModel, out: Path) -> None:
    """The file: directions as half floats, numbers as small as they fit."""
    tensors = {
        "mean": head.mean, "identity": head.identity.half(), "expression": head.expression.half(),
        "lids": head.lids.to(torch.int16), "lids_shut": head.lids_shut.half(),
        "triangles": head.triangles.to(torch.int16), "part": head.part.to(torch.uint8),
        "texture": head.texture.half(),
        "mirror": head.mirror.to(torch.int16), "identity_sign": head.identity_sign.half(),
        "expression_mirror": head.expression_mirror.to(torch.uint8),
        "eyeballs": torch.stack(list(head.eyeballs)).to(torch.int16),
    }  # fmt: skip
    for scheme, table in head.landmarks.items():
        tensors[f"{scheme}.points"] = table.points.to(torch.int16)
        tensors[f"{scheme}.vertices"] = table.vertices.to(torch.int16)
        tensors[f"{scheme}.shares"] = table.shares
        tensors[f"{scheme}.trust"] = table.trust
    metadata = {"expression_names": " ".join(head.expression_names), "credit": CREDIT}
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(out) as partial:
        save_file({name: t.contiguous() for name, t in tensors.items()}, partial, metadata)


if __name__ == "__main__":
    main()
