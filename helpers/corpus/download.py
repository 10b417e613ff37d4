"""Fetch Multi30k into the cache: file by file, each checked against its SHA-256 before it gets its name."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import urllib.request
import zlib
from pathlib import Path

from helpers.corpus.files import user_path, write_atomic
from helpers.corpus.pairs import CorpusError
from helpers.corpus.sources import cache_folder

# The commit that the checksums belong to, then the newest: what the checksum accepts is the same text.
ADDRESSES = (
    "https://github.com/multi30k/dataset/raw/a3d2e0d/data/task1",
    "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1",
)
LARGEST = 20_000_000  # bytes of one file

# SHA-256 of the files as they are kept: unpacked.
MULTI30K = {
    "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
    "test_2016_flickr.fr": "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
    "test_2017_flickr.de": "c3078bc3b36808bf9d20eb2347ed6137016179ef59ec0d2b9b8ecc3fb2880081",
    "test_2017_flickr.en": "ce1450ddc5ab0834502579d77a170849952e15a2938b34cc503bdc25ebb4fb98",
    "test_2017_flickr.fr": "6f3764e31dac41e9455e612958bcfd4e877c5e15cd66df2c2b2be6d9bd83e5b6",
    "test_2017_mscoco.de": "58277df3c75f92f7145a11b910b553d1cf82c439249d4dc237c899609eafac22",
    "test_2017_mscoco.en": "43051fdfa86fd5395182e718a94ca67b1b227b9f7c79596ff0f6b813216981d2",
    "test_2017_mscoco.fr": "39cde3f43f32b0a6bf29ce4917a46329ff32e53070c2fac87506695a740ae0a0",
    "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
    "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    "train.fr": "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
    "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
    "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
    "val.fr": "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
    "tok/test_2016_flickr.lc.norm.tok.de": "c6a33d39d48f9f510de147651316cd9d918e09ad0219df734a2f16b6baccacc4",
    "tok/test_2016_flickr.lc.norm.tok.en": "5b7f32627cf99eced828311b955dae9800bb52bc8b91cf8b6526829e605b29d2",
    "tok/test_2017_flickr.lc.norm.tok.de": "02067e4a9402786a4fcb8c1b6f4307e4a5073ced64800abead5273b54f5f31f6",
    "tok/test_2017_flickr.lc.norm.tok.en": "c9d1dfd7a26add989382e534af235af9f0f658b2a30e7eb0efdaf142496ee54f",
    "tok/test_2017_mscoco.lc.norm.tok.de": "e2825990b8a4e5289d2cdba801d57c187810bab9b4f5d87a30c35800a0d871b6",
    "tok/test_2017_mscoco.lc.norm.tok.en": "fe69ae004d71c42ead0301e70c57de5b1b6b5fb7f52210d42b22801e98e656f3",
    "tok/test_2018_flickr.lc.norm.tok.de": "45ce6b121708adf538d3a8c71dc1acbcb1e0f2bca74ace8e58652f9ea5b96335",
    "tok/test_2018_flickr.lc.norm.tok.en": "a66e25cbb8323d74a40873dcd222659f39e30ee7687a6ed5445833aed0673239",
    "tok/train.lc.norm.tok.de": "cb5a23529b65ec2061f1dc446192a9c37382b63cc75f81a0be59d34894b3a505",
    "tok/train.lc.norm.tok.en": "08925f8e0572bcd5a006702fc5fe20e2d77c6917d4eebd576fc20de6693c2119",
    "tok/val.lc.norm.tok.de": "97232bd273eceb7207f689527386a97e4be2616b18ada47576bdaf96c8ae1f00",
    "tok/val.lc.norm.tok.en": "46573ce391ae227f1c72f873392436a20ef18e0a6d518098cfbd70b77c8572ec",
}


def download(name: str, folder=None, addresses=ADDRESSES, files=None, report=print) -> Path:
    """Download a corpus; what is already there and right is not fetched again. Returns the folder with the files.

    name       "multi30k"
    folder     where the folder `multi30k` is made; None: the cache
    addresses  tried one after the other for each file
    files      {relative path: SHA-256}; None: all of the corpus
    """
    if name != "multi30k":
        raise CorpusError(f"{name!r} cannot be downloaded by this command. It knows: multi30k")
    place = user_path(folder) / name if folder else cache_folder() / name
    for relative, checksum in (MULTI30K if files is None else files).items():
        target = place / relative
        try:
            if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == checksum:
                report(f"{relative}: already here")
                continue
            content = _fetch(relative, checksum, addresses)
            write_atomic(target, content)
        except OSError as error:
            raise CorpusError(
                f"{target} cannot be written ({error.strerror or error}). Make room or check the permissions, or "
                "choose another folder with --folder."
            ) from None
        report(f"{relative}: {len(content) / 1e6:.1f} MB")
    return place


def _fetch(relative: str, checksum: str, addresses) -> bytes:
    """The file from the first address that gives it with the right checksum."""
    path = relative if relative.startswith("tok/") else f"raw/{relative}.gz"
    reasons = []
    for address in addresses:
        try:
            with urllib.request.urlopen(f"{address}/{path}", timeout=30) as answer:
                content = answer.read(LARGEST)
            if path.endswith(".gz"):
                with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                    content = packed.read(LARGEST)
        except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
            reasons.append(f"{address}: {error}")
            continue
        if hashlib.sha256(content).hexdigest() == checksum:
            return content
        reasons.append(f"{address}: another content than expected (its SHA-256 differs)")
    raise CorpusError(
        f"{relative} could not be downloaded ({'; '.join(reasons)}). What is there already stays: start the same "
        "command again later, or copy the files from a computer that has them and set COURSE_DATA to their folder."
    )
