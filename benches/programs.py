"""Where the benches find what they measure."""
import os, pathlib, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def built(variable, name, how):
    """The program that `variable` names, or the one that `how` built."""
    if variable in os.environ:
        return os.environ[variable]
    # By the host's name: beside it lie the programs that scripts/cross made, which don't run here.
    host = subprocess.run(["rustc", "--print", "host-tuple"], check=True, capture_output=True, text=True).stdout.strip()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = target / host / "release" / name
    if not found.is_file():
        sys.exit(f"{found} is not there; run {how}, or set {variable}")
    return str(found)


def galley():
    return built("GALLEY", "galley", "cargo build --release")
