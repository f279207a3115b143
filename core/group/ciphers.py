"""The two ciphers that frames may be sealed with, and which of them a connection uses."""

from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

CipherKey: TypeAlias = AESGCM | ChaCha20Poly1305
_CPU_INFO = Path("/proc/cpuinfo")


class Cipher(IntEnum):
    """An authenticated cipher with keys of 32 bytes, nonces of 12 and tags of 16."""

    AES_256_GCM = 1
    CHACHA20_POLY1305 = 2

    def with_key(self, key: bytes) -> CipherKey:
        """The cipher under a key (32 bytes)."""
        return AESGCM(key) if self is Cipher.AES_256_GCM else ChaCha20Poly1305(key)


def cipher_for(*have_aes: bool) -> Cipher:
    """AES where the processors of all sides compute it; else ChaCha20, which is fast without."""
    return Cipher.AES_256_GCM if all(have_aes) else Cipher.CHACHA20_POLY1305


@cache
def processor_has_aes() -> bool:
    """Whether this processor has instructions for AES."""
    return _tells_of_aes(_CPU_INFO.read_text()) if _CPU_INFO.exists() else True  # each Mac's has


def _tells_of_aes(cpu_info: str) -> bool:
    """What the system says of its first processor; both Intel's and ARM's call it `aes`."""
    for line in cpu_info.splitlines():
        name, _, words = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return "aes" in words.split()
    return False
