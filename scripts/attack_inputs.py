"""Bad inputs for `attack.py`: files, models, paths and options, each from a seed."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from attacked import SHORT, SMALL
from pydantic.fields import FieldInfo

from napari_unet.config import Config, ModelConfig, PredictConfig, TrainConfig
from napari_unet.data.meaning import Meaning


@dataclass(frozen=True)
class Attack:
    """A command with something bad.

    kind : what is bad
    names : of these words one must be in the sentence
    surely : whether it must be refused; else what was damaged may still be good
    outputs : what must not be made if it is refused before the work
    """

    kind: str
    command: list[str]
    names: tuple[str, ...]
    surely: bool = False
    outputs: tuple[Path, ...] = field(default=())


def attack(good: Path, place: Path, seed: int) -> Attack:
    """Make the attack of a number in a folder of its own."""
    rng = random.Random(seed)
    kinds: list[Callable[[Path, Path, random.Random], Attack]]
    kinds = [damaged_image, odd_image, damaged_data, damaged_model, hostile_header]
    kinds += [hostile_archive, damaged_run, odd_path, option, option, option]
    return kinds[seed % len(kinds)](good, place, rng)


# Damage


def damage(data: bytes, rng: random.Random) -> bytes:
    """Return the content of a file, damaged in one of many ways."""
    if not data:
        return b"x"
    way, size = rng.randrange(9), len(data)
    a = rng.randrange(size)
    changed = bytearray(data)
    if way == 0:
        return data[:a]
    if way == 1:
        for _ in range(rng.choice((1, 3, 30, 300))):
            changed[rng.randrange(size)] ^= 1 << rng.randrange(8)
    elif way == 2:  # in its head, where sizes stand
        for _ in range(rng.choice((1, 4, 16))):
            changed[rng.randrange(min(size, 300))] = rng.choice((0, 1, 127, 128, 255))
    elif way == 3:
        changed[a : a + 400] = bytes(len(changed[a : a + 400]))
    elif way == 4:
        changed[a : a + 40] = rng.randbytes(40)
    elif way == 5:
        return rng.randbytes(rng.choice((0, 1, 7, 8, 100, 5000)))
    elif way == 6:
        b = rng.randrange(size)
        return data[:a] + data[b:]
    elif way == 7:
        return data * rng.choice((2, 5))
    else:
        at = rng.randrange(max(size - 8, 1))
        big = rng.choice((2**31 - 1, 2**32 - 1, 2**24, 0))
        changed[at : at + 4] = struct.pack(rng.choice("<>") + "I", big)
    return bytes(changed)


def damage_file(path: Path, rng: random.Random) -> None:
    """Damage a file where it lies."""
    path.write_bytes(damage(path.read_bytes(), rng))


def with_model(command: str, image: Path, good: Path, place: Path) -> list[str]:
    """Return a command that works on one image."""
    model, out = str(good / "model"), str(place / "out")
    return [command, str(image), "--model", model, "--output", out, "--device", "cpu"]


def on_data(command: str, data: Path, model: Path, place: Path) -> list[str]:
    """Return a command that works on a data set."""
    out = place / "out"
    by_model = ["--model", str(model), "--device", "cpu"]
    networks = ["--networks", "unet", *SMALL, *SHORT]
    return {
        "train": ["train", str(data), "--output", str(out), *SMALL, *SHORT],
        "doctor": ["doctor", str(data)],
        "evaluate": ["evaluate", str(data), *by_model, "--output", str(out)],
        "show": ["show", str(data), *by_model, "--output", str(place / "show.png")],
        "compare": ["compare", str(data), *networks, "--output", str(out)],
    }[command]


def damaged_image(good: Path, place: Path, rng: random.Random) -> Attack:
    """Segment an image that is damaged, or another kind than its name says."""
    files = sorted((good / "images").iterdir())
    source = rng.choice(files)
    name = rng.choice(files).suffix if rng.random() < 0.2 else source.suffix
    path = place / f"bad{name}"
    path.write_bytes(source.read_bytes())
    damage_file(path, rng)
    return Attack("damaged image", with_model("segment", path, good, place), ("bad",))


SHAPES = [
    (1, 1), (1, 70), (70, 1), (2, 2), (2, 3, 4, 5, 30, 30), (5, 1, 40, 40), (9, 9),
    (40, 40, 2), (40, 40, 7), (1, 1, 1, 1), (3, 200, 2), (40, 40), (300, 300),
]  # fmt: skip


def packed_picture(width: int, height: int) -> bytes:
    """Return a PNG file that claims so many pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*p) for p in parts)


def odd_image(good: Path, place: Path, rng: random.Random) -> Attack:
    """Segment or learn pixels of odd types, sizes and values."""
    if rng.random() < 0.1:
        path = place / "odd.png"
        edge = rng.choice((0, 30_000, 2**20, 2**31 - 1))
        path.write_bytes(packed_picture(edge, rng.choice((edge, 1, 50_000))))
        command = with_model("segment", path, good, place)
        return Attack("odd image", command, ("odd",), surely=True)
    if rng.random() < 0.05:  # more pixels than memory has; on the disk it is empty
        path = place / "odd.tif"
        tifffile.memmap(path, shape=(2**17, 2**17), dtype=np.uint16)
        command = with_model("segment", path, good, place)
        return Attack("odd image", command, ("odd",), surely=True)
    kind = rng.choice(["?", "i1", "u8", "i8", "f2", "f4", "f8", "c8", "u2", ">f4"])
    shape = rng.choice(SHAPES)
    values = np.random.default_rng(rng.randrange(2**32)).normal(0, 50, shape)
    with np.errstate(all="ignore"):
        array = np.nan_to_num(values).astype(kind)
    if array.dtype.kind == "f":
        worst = np.finfo(array.dtype).max
        spots = rng.choice([(np.nan,), (np.inf, -np.inf), (worst, -worst), (-0.0,)])
        array.flat[: len(spots)] = spots
        if rng.random() < 0.3:
            array[...] = spots[0]
    if array.dtype.kind in "iu":
        array.flat[0] = np.iinfo(array.dtype).max
    path = place / "odd.tif"
    tifffile.imwrite(path, array, photometric="minisblack")
    if rng.random() < 0.3:
        width = rng.choice((2**16, 2**20, 2**31 - 1))
        content = path.read_bytes()
        head = struct.pack("<HH", 256, 4)  # ImageWidth, as LONG or SHORT
        at = content.find(head[:2], 8)
        path.write_bytes(
            content[: at + 8] + struct.pack("<I", width) + content[at + 12 :]
        )
    if rng.random() < 0.6:
        return Attack("odd image", with_model("segment", path, good, place), ("odd",))
    labels = place / "odd_labels.tif"
    small = np.zeros(array.shape[-2:], rng.choice(["u1", "u4", "i4", "f8", "c16"]))
    small.flat[:: rng.choice((1, 2, 5))] = rng.choice((1, 3, 70_000, -1)) % 256
    tifffile.imwrite(labels, small)
    command = on_data(rng.choice(["train", "doctor"]), place, good / "model", place)
    return Attack("odd pair", command, ("odd", str(place), "depth", "patch"))


def damaged_data(good: Path, place: Path, rng: random.Random) -> Attack:
    """Learn from, judge or draw a data set with a damaged file."""
    data = place / "data"
    shutil.copytree(good / "data", data)
    path = rng.choice(sorted(p for p in data.rglob("*") if p.is_file()))
    damage_file(path, rng)
    command = rng.choice(["train", "doctor", "evaluate", "show", "compare"])
    command = on_data(command, data, good / "model", place)
    return Attack("damaged data", command, (path.stem, "data"))


# Models


def uses_of_model(model: Path, good: Path, place: Path, rng: random.Random) -> Attack:
    """Return a command that loads a model."""
    name, cpu = str(model), ["--device", "cpu"]
    image, data = str(good / "images" / "plain.tif"), str(good / "data")
    out = str(place / "out")
    command = rng.choice(
        [
            ["info", name],
            ["info", name, "--methods"],
            ["share", name, "--output", str(place / "given")],
            ["segment", image, "--model", name, "--output", out, *cpu],
            ["evaluate", data, "--model", name, *cpu],
            ["show", data, "--model", name, *cpu, "--output", str(place / "s.png")],
            ["train", data, "--init", name, "--output", out, *SMALL[4:], *SHORT],
        ]
    )
    return Attack("model", command, (name, model.name, "--rehearsal", "--precision"))


def damaged_model(good: Path, place: Path, rng: random.Random) -> Attack:
    """Use a model whose file is damaged."""
    if rng.random() < 0.4:
        model = place / "bad.unetmodel"
        shutil.copy(good / "shared.unetmodel", model)
        damage_file(model, rng)
    else:
        model = place / "bad"
        shutil.copytree(good / rng.choice(["model", "run"]), model)
        damage_file(rng.choice([p for p in model.iterdir() if p.is_file()]), rng)
        damage_file(model / "model.safetensors", rng)
    found = uses_of_model(model, good, place, rng)
    return Attack("damaged model", found.command, found.names)


def parts_of(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the metadata of a safetensors file, and its tensors with their table."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join(table: dict[str, Any], tensors: bytes, header: str) -> bytes:
    """Return a safetensors file with another header."""
    table = {**table, "__metadata__": {"napari_unet": header}}
    text = json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text + tensors


HOSTILE = [
    None, True, -1, 0, 1e308, float("nan"), float("inf"), -float("inf"), "x", "",
    "\x1b[31m", "a" * 100_000, [], {}, [[]] * 9, {"a": 1}, 10**30, -(10**30), "../../x",
]  # fmt: skip


def put_hostile(header: dict[str, Any], rng: random.Random) -> str:
    """Return a header as text in which one value is another."""
    place: Any = header
    while True:
        key = rng.choice(
            sorted(place) if isinstance(place, dict) else range(len(place))
        )
        below = place[key]
        if rng.random() < 0.3 or not isinstance(below, dict | list) or not below:
            place[key] = rng.choice(HOSTILE)
            break
        place = below
    text = json.dumps(header)
    if rng.random() < 0.15:
        deep = rng.choice((900, 100_000))
        text = text[:-1] + ', "deep": ' + "[" * deep + "]" * deep + "}"
    return text


def hostile_header(good: Path, place: Path, rng: random.Random) -> Attack:
    """Use a model whose header or weights are well-formed, but hostile."""
    model = place / "hostile"
    shutil.copytree(good / "run", model)
    path = model / "model.safetensors"
    table, tensors = parts_of(path)
    header = json.loads(table["__metadata__"]["napari_unet"])
    if rng.random() < 0.25:
        values = np.frombuffer(tensors, np.float32).copy()
        values[rng.randrange(len(values))] = rng.choice((np.nan, np.inf, 1e38, -1e38))
        content = join(table, values.tobytes(), json.dumps(header))
    else:
        content = join(table, tensors, put_hostile(header, rng))
    path.write_bytes(content)
    found = uses_of_model(model, good, place, rng)
    return Attack("hostile header", found.command, found.names)


def hostile_archive(good: Path, place: Path, rng: random.Random) -> Attack:
    """Use a .unetmodel that is a bomb, packed in a foreign way, or holds odd names."""
    model = place / "hostile.unetmodel"
    weights = (good / "model" / "model.safetensors").read_bytes()
    config = (good / "model" / "config.json").read_bytes()
    way, surely = rng.randrange(8), False
    packing = zipfile.ZIP_DEFLATED
    if way < 2:
        packing, surely = rng.choice((zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)), True
    with zipfile.ZipFile(model, "w", packing) as archive:
        if way == 2:
            surely = True
            with archive.open("model.safetensors", "w", force_zip64=True) as file:
                for _ in range(600):
                    file.write(bytes(2**20))
        elif way == 3:
            archive.writestr("../../model.safetensors", weights)
            surely = True
        else:
            archive.writestr("model.safetensors", weights)
        archive.writestr("config.json", b"[" * 10**6 if way == 4 else config)
        if way == 5:
            archive.writestr("rehearsal.npz", damage(weights, rng))
        if way == 6:
            archive.writestr("thumbnail.png", bytes(2**24))
    data = bytearray(model.read_bytes())
    if way == 7:  # sizes that are none, and encryption
        at = data.rfind(b"PK\x01\x02")
        data[at + 20 : at + 28] = b"\xff" * 8
        data[at + 8] |= rng.randrange(2)
    model.write_bytes(data)
    found = uses_of_model(model, good, place, rng)
    return Attack("hostile archive", found.command, found.names, surely)


def damaged_run(good: Path, place: Path, rng: random.Random) -> Attack:
    """Resume a run whose state is damaged, or hostile."""
    folder = place / "out"
    shutil.copytree(good / "run", folder)
    path = folder / "run" / "state.safetensors"
    if rng.random() < 0.4:
        damage_file(path, rng)
    else:
        table, tensors = parts_of(path)
        header = json.loads(table["__metadata__"]["napari_unet"])
        if rng.random() < 0.3:
            name = rng.choice([k for k in table if k != "__metadata__"])
            table.pop(name) if rng.random() < 0.5 else table.update(odd=table.pop(name))
        path.write_bytes(join(table, tensors, put_hostile(header, rng)))
    command = ["train", str(good / "data"), "--output", str(folder), "--resume"]
    command += ["--steps", "3", "--device", "cpu"]
    return Attack("damaged run", command, ("out", "data", *TrainConfig.model_fields))


# Paths and options


def odd_path(good: Path, place: Path, rng: random.Random) -> Attack:
    """Name something that is no file, or a file with an odd name."""
    odd = place / "odd"
    way = rng.randrange(10)
    if way == 0:
        os.mkfifo(odd)
    elif way == 1:
        odd.symlink_to(place / "nowhere")
    elif way == 2:
        odd.symlink_to(odd)
    elif way == 3:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(odd))
    elif way == 4:
        odd.symlink_to(rng.choice(["/dev/zero", "/dev/full", "/dev/random"]))
    elif way == 5:
        odd = place / "odd\n\x1b[2J\udcffname"
        odd.write_bytes(b"x")
    elif way == 6:
        odd = place / ("odd" + "n" * 240)
    elif way == 7:
        odd = Path("/dev/null")
    elif way == 8:
        odd.mkdir()
        (odd / "model.safetensors").symlink_to("/dev/zero")
    else:
        odd.write_bytes(b"x")
    for suffix in (".tif", ".png", ".unetmodel", ".safetensors"):
        if odd.parent == place and len(odd.name) < 200:
            (place / f"odd{suffix}").symlink_to(odd)
    name = str(rng.choice([odd, *place.glob("odd.*")]))
    image, data = str(good / "images" / "plain.tif"), str(good / "data")
    model, cpu = str(good / "model"), ["--device", "cpu"]
    out = str(place / "out")
    command = rng.choice(
        [
            ["segment", name, "--model", model, "--output", out, *cpu],
            ["segment", image, "--model", name, "--output", out, *cpu],
            ["segment", image, "--model", model, "--output", name, *cpu],
            ["train", name, "--output", out, *SMALL, *SHORT],
            ["train", data, "--output", name, *SMALL, *SHORT],
            ["train", data, "--output", out, "--init", name, *SHORT],
            ["train", data, "--output", out, "--show-crops", name, *SMALL],
            ["evaluate", data, "--model", model, "--json", name, *cpu],
            ["evaluate", data, "--predictions", name, *cpu],
            ["show", data, "--model", model, "--output", name, *cpu],
            ["share", model, "--output", name],
            ["share", name, "--output", out],
            ["info", name],
            ["doctor", name],
            ["compare", data, "--output", name, "--networks", "unet", *SMALL, *SHORT],
            ["compare", data, "--output", out, "--judge", name, *SMALL, *SHORT],
            ["open", str(place / "nowhere" / "odd")],
            ["demo", "--output", name, "--minutes", "0.001", "--no-show", *cpu],
        ]
    )
    return Attack("odd path", command, ("odd", "null", name, "model"))


WORDS = [
    "inf", "-inf", "nan", "1e309", "-1", "0", "", " ", "abc", "1,2,3,4,5", ",", "/",
    "9" * 25, "1e-320", "None", "true", "½", "1_000", "0x10", "-0", "1.5", "2.5e0",
    "1e5", "٣", "a/b", "1,nan", "inf,inf", "0,100/1", "\n", "🙂", "--", "2147483648",
]  # fmt: skip
# A good value of these may be work for hours.
ENDLESS = {"minutes", "steps", "epochs", "patience"}
OTHERS = {
    "segment": ["device", "channel", "model"],
    "train": ["device", "channel", "split", "where", "preset", "init"],
    "evaluate": ["device", "channel", "split", "where"],
    "show": ["device", "channel", "seed"],
    "compare": ["device", "seeds", "networks", "judge"],
    "doctor": ["formulation", "channel", "where", "split"],
    "demo": ["minutes", "seed", "device"],
}
CONFIGS: dict[str, list[type[Config]]] = {
    "segment": [PredictConfig],
    "train": [TrainConfig, ModelConfig, Meaning],
    "evaluate": [PredictConfig, Meaning],
    "show": [PredictConfig, Meaning],
    "compare": [TrainConfig, ModelConfig],
    "doctor": [Meaning],
    "demo": [],
}


def bounds(info: FieldInfo, rng: random.Random) -> list[str]:
    """Return values at and beside the bounds of an option."""
    found = []
    for limit in info.metadata:
        for sign in ("ge", "gt", "le", "lt"):
            value = getattr(limit, sign, None)
            if value is not None and abs(value) < 10**6:
                found += [str(value), str(value + 1), str(value - 1)]
                found += [str(value * (1 + 1e-9) + 1e-9)]
    return found


def option(good: Path, place: Path, rng: random.Random) -> Attack:
    """Give an option a value at or beyond its bounds, or of another kind."""
    command = rng.choice(list(OTHERS))
    options: dict[str, list[str]] = {name: [] for name in OTHERS[command]}
    for kind in CONFIGS[command]:
        for name, info in kind.model_fields.items():
            if isinstance(info.annotation, type) and issubclass(
                info.annotation, Config
            ):
                for below, part in info.annotation.model_fields.items():
                    options[f"{name}.{below}"] = bounds(part, rng)
            else:
                options[name] = bounds(info, rng)
    name = rng.choice(sorted(options))
    value = rng.choice(WORDS + 3 * options[name])
    if name in ENDLESS:
        value = rng.choice(["inf", "nan", "-1", "0", "abc", "1e400", "9" * 25, ""])
    image = good / "images" / rng.choice(["plain.tif", "stack.ome.tif"])
    if command == "segment":
        tokens = with_model(command, image, good, place)
    elif command == "demo":
        tokens = ["demo", "--no-show", "--output", str(place / "out")]
        tokens += [] if name == "minutes" else ["--minutes", "0.001"]
    else:
        tokens = on_data(command, good / "data", good / "model", place)
    if name in ENDLESS and "--steps" in tokens:
        at = tokens.index("--steps")
        tokens = tokens[:at] + tokens[at + 2 :]
    flag = "--" + name.replace("_", "-")
    told = (name, name.replace("_", "-"), flag, value, name.partition(".")[2] or name)
    tokens = [*tokens, f"{flag}={value}"]
    return Attack(f"option of {command}", tokens, told, outputs=(place / "out",))
