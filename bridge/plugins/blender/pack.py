"""Put the add-on and the bridge's client into one file that Blender installs.

python bridge/plugins/blender/pack.py -o reenact_blender.zip
"""

import argparse
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ADD_ON = HERE / "reenact_blender"
CLIENT = HERE.parents[1] / "reenact_bridge" / "client.py"


def pack(out: Path) -> None:
    """Write the add-on as a zip file with one folder."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(ADD_ON.iterdir()):
            if path.suffix in (".py", ".toml"):
                archive.write(path, f"{ADD_ON.name}/{path.name}")
        archive.write(CLIENT, f"{ADD_ON.name}/client.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=Path("reenact_blender.zip"))
    pack(parser.parse_args().out)
