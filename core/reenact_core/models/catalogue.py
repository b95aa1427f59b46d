"""Known checkpoints: id, architecture, licence, SHA-256, and where they lie.

Nothing here reaches the network or reads the environment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from reenact_core.errors import CheckpointError

PACKAGE_FOLDER = Path(__file__).parent / "weights"
"""The checkpoints that come with reenact."""

DEFAULT = "compact"
"""The checkpoint that is taken when none is named."""

NOT_STATED = "NOASSERTION (code: MIT)"
"""Of weights whose makers said nothing of them, beside code under the MIT licence."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that upstream publishes."""

    name: str
    """Under the models folder, `/` between folders."""
    url: str | None = None
    """Upstream's own address of the file itself; None where only a page for browsers has it."""
    size: int | None = None
    """In bytes; None where no authentic file was at hand to measure."""
    sha256: str | None = None
    """In hexadecimal; None where no authentic file was at hand to take it from."""


@dataclass(frozen=True, slots=True)
class KnownCheckpoint:
    """A checkpoint that can be named by its id."""

    id: str
    architecture: str
    """An id of `architectures.ARCHITECTURES`."""
    file: str
    """Name of the file in the package's or the user's folder."""
    licence: str
    """SPDX id of the weights, or what is known of their terms."""
    sha256: str | None
    """Of `file`, in hexadecimal; None where it is not fixed: made by `import`, or not known."""
    origin: str
    """Where it comes from, for people to read."""
    names: tuple[str, ...] = ()
    """Other names under which the file, or the folder of its files, is commonly kept."""
    commercial: bool | None = None
    """Whether the licence allows commercial use; None where nothing is stated."""
    page: str = ""
    """Upstream's page, where the terms and the weights are."""
    downloads: tuple[Download, ...] = ()
    """Upstream's files."""
    configuration: tuple[tuple[str, str], ...] = ()
    """What the weights do not say of themselves; `import` writes it into the file."""
    version: str = ""
    """Of the weights, by their maker."""


def _fomm(dataset: str, upstream: str) -> KnownCheckpoint:
    page = "github.com/AliaksandrSiarohin/first-order-model"
    return KnownCheckpoint(
        f"fomm-{dataset}",
        "fomm",
        f"fomm-{dataset}.safetensors",
        NOT_STATED,
        None,
        f"{upstream} of {page}",
        (upstream,),
        page=f"https://{page}",
        downloads=(Download(upstream),),
    )


def _dagan(name: str, upstream: str) -> KnownCheckpoint:
    page = "github.com/harlanhong/CVPR2022-DaGAN"
    depth = "depth/models/weights_19"
    files = (upstream, f"{depth}/encoder.pth", f"{depth}/depth.pth")
    return KnownCheckpoint(
        name,
        "dagan",
        f"{name}.safetensors",
        "CC-BY-NC-4.0",
        None,
        f"{upstream} and {depth} of {page}",
        (upstream,),
        commercial=False,
        page=f"https://{page}",
        downloads=tuple(Download(file) for file in files),
    )


def _osfv(name: str, generation: str, rotation: str) -> KnownCheckpoint:
    page = "github.com/zhanglonghao1992/One-Shot_Free-View_Neural_Talking_Head_Synthesis"
    return KnownCheckpoint(
        name,
        "osfv",
        f"{name}.safetensors",
        "CC-BY-NC-4.0",
        None,
        f"{generation} of {page}",
        (f"{name}.pth.tar",),
        commercial=False,
        page=f"https://{page}",
        downloads=(Download(f"{name}.pth.tar"),),
        configuration=(("rotation", rotation),),
        version=generation,
    )


def _liveportrait() -> KnownCheckpoint:
    base = "https://huggingface.co/KwaiVGI/LivePortrait/resolve/main"
    networks = (
        "base_models/appearance_feature_extractor.pth",
        "base_models/motion_extractor.pth",
        "base_models/warping_module.pth",
        "base_models/spade_generator.pth",
        "retargeting_models/stitching_retargeting_module.pth",
    )
    files = (f"liveportrait/{network}" for network in networks)
    return KnownCheckpoint(
        "liveportrait",
        "liveportrait",
        "liveportrait.safetensors",
        "MIT",
        None,
        "the folder liveportrait of huggingface.co/KwaiVGI/LivePortrait",
        ("liveportrait",),
        commercial=True,
        page="https://github.com/KwaiVGI/LivePortrait",
        downloads=tuple(Download(file, f"{base}/{file}") for file in files),
    )


CATALOGUE = (
    KnownCheckpoint(
        "compact",
        "compact",
        "compact.safetensors",
        "Apache-2.0",
        "85ac53cf6333968cb531c4f0c1c010f8675c20ee4826fca2a730321704414008",
        "comes with reenact; trained on synthetic heads",
        commercial=True,
    ),
    _fomm("vox", "vox-cpk.pth.tar"),
    _fomm("vox-adv", "vox-adv-cpk.pth.tar"),
    KnownCheckpoint(
        "tpsmm-vox",
        "tpsmm",
        "tpsmm-vox.safetensors",
        NOT_STATED,
        None,
        "vox.pth.tar of github.com/yoyo-nb/Thin-Plate-Spline-Motion-Model",
        ("vox.pth.tar",),
        page="https://github.com/yoyo-nb/Thin-Plate-Spline-Motion-Model",
        downloads=(Download("vox.pth.tar"),),
    ),
    _dagan("dagan-vox", "DaGAN_vox_adv_256.pth.tar"),
    _dagan("dagan-vox-spade", "SPADE_DaGAN_vox_adv_256.pth.tar"),
    _osfv("osfv-vox", "Vox-256-New", "new"),
    _osfv("osfv-vox-beta", "Vox-256-Beta", "beta"),
    _liveportrait(),
)

_MEDIAPIPE = "https://storage.googleapis.com/mediapipe-assets"

FACE_MESH = KnownCheckpoint(
    "face-mesh",
    "mediapipe",
    "face_landmark.tflite",
    "Apache-2.0",
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    "MediaPipe's face and iris landmark networks and its face detector",
    commercial=True,
    page="https://github.com/google-ai-edge/mediapipe",
    downloads=(
        Download(
            "face_landmark.tflite",
            f"{_MEDIAPIPE}/tasks/testdata/vision/face_landmark.tflite?generation=1782184659286057",
            1242398,
            "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        ),
        Download(
            "iris_landmark.tflite",
            f"{_MEDIAPIPE}/modules/iris_landmark/iris_landmark.tflite?generation=1782183567532581",
            2640568,
            "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        ),
        Download(
            "face_detection_short_range.tflite",
            f"{_MEDIAPIPE}/tasks/testdata/vision/face_detection_short_range.tflite"
            "?generation=1782184645070605",
            229714,
            "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        ),
    ),
)
"""Networks of others that read faces: files that stay as they are, no checkpoint to render with."""

FETCHABLE = (*(entry for entry in CATALOGUE if entry.downloads), FACE_MESH)
"""What `reenact models fetch` can bring."""


def installed_files(entry: KnownCheckpoint, folders: Sequence[Path]) -> dict[str, Path] | None:
    """All files of an entry by name, in the first folder that has them; None if none has."""
    for folder in folders:
        files = {file.name: folder / file.name for file in entry.downloads}
        if all(path.is_file() for path in files.values()):
            return files
    return None


def find_checkpoint(checkpoint: str | Path, folders: Sequence[Path] = ()) -> Path:
    """The file of a checkpoint that is named by its id or by its path.

    Args:
        folders: where users keep checkpoints; asked before the package's own folder.

    Raises:
        CheckpointError: no such id and no such file, or the file of that id is not here.
    """
    path = Path(checkpoint)
    if isinstance(checkpoint, Path) or path.is_file():
        return path
    entry = known_checkpoint(str(checkpoint))
    if entry is not None:
        return _existing(entry, folders)
    for folder in folders:
        imported = folder / f"{checkpoint}.safetensors"
        if len(path.parts) == 1 and imported.is_file():
            return imported
    if path.suffix or len(path.parts) > 1:
        raise CheckpointError(f"{path}: there is no such file; put it there, or name another one")
    ids = [known.id for known in CATALOGUE]
    nearest = get_close_matches(checkpoint, ids, 1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(ids)}"
    raise CheckpointError(f"{checkpoint} is neither a file nor a checkpoint that is known; {hint}")


def known_checkpoint(checkpoint_id: str) -> KnownCheckpoint | None:
    """The entry of an id; None if there is none."""
    return next((entry for entry in CATALOGUE if entry.id == checkpoint_id), None)


def installed(entry: KnownCheckpoint, folders: Sequence[Path]) -> Path | None:
    """Where a checkpoint lies: its file, or the folder of its files; None if it is not here."""
    for folder in (*folders, PACKAGE_FOLDER):
        for name in (entry.file, *entry.names):
            if (folder / name).exists():
                return folder / name
    return None


def _existing(entry: KnownCheckpoint, folders: Sequence[Path]) -> Path:
    if (path := installed(entry, folders)) is not None:
        return path
    where = " or ".join(str(folder) for folder in (folders or [PACKAGE_FOLDER]))
    raise CheckpointError(
        f"the checkpoint {entry.id} is not here: put {entry.origin} into {where} as "
        f"{(entry.names or (entry.file,))[0]}, or see `reenact models fetch {entry.id}`"
        if entry.id != DEFAULT
        else f"the checkpoint {entry.id} is missing from this installation: {PACKAGE_FOLDER} has "
        f"no {entry.file}; install reenact again"
    )


def user_models_folder(system: str, home: Path, environment: Mapping[str, str]) -> Path:
    """Where a user's own checkpoints lie: REENACT_MODELS, or the platform's folder for data.

    Args:
        system: as `platform.system()` gives it: Linux, Darwin, Windows.
    """
    if chosen := environment.get("REENACT_MODELS"):
        return Path(chosen)
    if system == "Windows":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif system == "Darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "reenact" / "models"
