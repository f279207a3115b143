"""Which cipher two members use follows from their processors."""

from pathlib import Path

import pytest

from lockstep.core.group.ciphers import Cipher, _tells_of_aes, cipher_for, processor_has_aes

INTEL = "processor\t: 0\nmodel name\t: some\nflags\t\t: fpu vme aes avx\n\nprocessor\t: 1\nflags\t\t: fpu\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd aes pmull\n"


@pytest.mark.parametrize(
    ("cpu_info", "has_aes"),
    [
        (INTEL, True),
        (INTEL.replace(" aes", " vaesx"), False),
        (ARM, True),
        (ARM.replace("aes ", ""), False),
        ("processor\t: 0\nmodel name\t: aes\n", False),
    ],
    ids=["intel", "intel without", "arm", "arm without", "no word of it"],
)
def test_what_the_system_says(cpu_info: str, has_aes: bool) -> None:
    assert _tells_of_aes(cpu_info) is has_aes


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="this system has no /proc/cpuinfo")
def test_this_processor() -> None:
    assert processor_has_aes() is _tells_of_aes(Path("/proc/cpuinfo").read_text())


def test_one_without_aes_is_enough_for_chacha20() -> None:
    assert cipher_for(True, True) is Cipher.AES_256_GCM
    for sides in ((True, False), (False, True), (False, False)):
        assert cipher_for(*sides) is Cipher.CHACHA20_POLY1305
