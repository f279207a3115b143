"""How a helper and a lead prove to each other that they belong to the same group. Pure: bytes in, bytes out.

    helper -> lead   HELLO      version, a nonce, digests of job, fingerprint and spec, attempt, AES or not
    lead -> helper   CHALLENGE  version, the cipher, a nonce, the lead's proof
    helper -> lead   PROOF      the helper's proof
    lead -> helper   a frame, ACCEPTED or OVER with the reason (frames.py)

A proof is HMAC-SHA256 of the role and the transcript (HELLO and CHALLENGE up to its proof) under the group's
secret: nobody can make one without the secret, use one again, or turn the lead's into a helper's. The
keys of the frames are derived from the same secret and transcript by HKDF-SHA256, so both nonces make them
fresh for each connection, and all that either side claims is bound to them: who changes the version, the
cipher or whether there is AES on the way breaks the proofs.

Version and its place, the first 8 bytes of each side's first message, are the same in all versions of the
protocol. A side that speaks another one is told so by them, in the clear, and nothing else is said to it.
"""

import hashlib
import hmac
import re
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lockstep.core.group.ciphers import Cipher, cipher_for
from lockstep.core.group.frames import Binding, Opener, ProtocolError, Seal, Sealer
from lockstep.core.group.terms import GroupIdentity

VERSION = 2
OPENING = b"LKSTEP%02d" % VERSION
OPENING_BYTES = len(OPENING)
_OPENING = re.compile(rb"LKSTEP([0-9]{2})", re.DOTALL)
NONCE_BYTES = 32
PROOF_BYTES = 32
KEY_BYTES = 32
_HELLO = struct.Struct("!8s32s32s32s32sQ?")
HELLO_BYTES = _HELLO.size
_OFFER = struct.Struct("!8sB32s")  # CHALLENGE without its proof
CHALLENGE_BYTES = _OFFER.size + PROOF_BYTES

_LEAD, _HELPER = b"lead", b"help"


@dataclass(frozen=True)
class Codec:
    """The two directions of one connection, as one side sees them."""

    sealer: Sealer
    opener: Opener


def make_hello(identity: GroupIdentity, nonce: bytes) -> bytes:
    """The helper's first message."""
    return _HELLO.pack(
        OPENING,
        nonce,
        _digest(identity.job_id),
        _digest(identity.fingerprint),
        _digest(identity.spec_sha256),
        identity.attempt,
        identity.has_aes,
    )


def check_opening(first: bytes) -> None:
    """Raise ProtocolError unless a message that starts with `first` (8 bytes) is of our version."""
    match = _OPENING.fullmatch(first)
    if match is None:
        raise ProtocolError(
            f"expected the greeting of a member, got bytes that start with {first!r}", "greeting"
        )
    if int(match[1]) != VERSION:
        raise ProtocolError(f"it speaks group protocol {int(match[1])}, this one {VERSION}", "version")


def make_challenge(identity: GroupIdentity, hello: bytes, nonce: bytes) -> bytes:
    """The lead's answer. Raises ProtocolError if `hello` is none of our version."""
    check_opening(hello[:OPENING_BYTES])
    offer = _OFFER.pack(OPENING, cipher_for(identity.has_aes, _HELLO.unpack(hello)[-1]), nonce)
    return offer + _prove(identity.secret, _LEAD, hello + offer)


def answer_challenge(identity: GroupIdentity, hello: bytes, challenge: bytes) -> tuple[bytes, Codec]:
    """The helper's proof and its codec. Raises ProtocolError if the lead does not know the secret."""
    check_opening(challenge[:OPENING_BYTES])
    offer, proof = challenge[: _OFFER.size], challenge[_OFFER.size :]
    transcript = hello + offer
    if not hmac.compare_digest(proof, _prove(identity.secret, _LEAD, transcript)):
        raise ProtocolError(
            "who listens at the lead's address does not know the secret of the group", "proof"
        )
    codec = Codec(
        Sealer(_seal(identity.secret, _HELPER, transcript)), Opener(_seal(identity.secret, _LEAD, transcript))
    )
    return _prove(identity.secret, _HELPER, transcript), codec


def check_proof(identity: GroupIdentity, hello: bytes, challenge: bytes, proof: bytes) -> Codec:
    """The lead's codec. Raises ProtocolError if the helper does not know the secret."""
    transcript = hello + challenge[: _OFFER.size]
    if not hmac.compare_digest(proof, _prove(identity.secret, _HELPER, transcript)):
        raise ProtocolError("the stranger does not know the secret of the group", "proof")
    return Codec(
        Sealer(_seal(identity.secret, _LEAD, transcript)), Opener(_seal(identity.secret, _HELPER, transcript))
    )


def check_fit(identity: GroupIdentity, hello: bytes) -> None:
    """Raise ProtocolError if a helper that knows the secret has something different from the lead."""
    _, _, job, fingerprint, spec, attempt, _ = _HELLO.unpack(hello)
    if job != _digest(identity.job_id):
        raise ProtocolError("this is another job's group", "job")
    if attempt != identity.attempt:
        raise ProtocolError(f"expected attempt {identity.attempt}, got {attempt}", "attempt")
    if fingerprint != _digest(identity.fingerprint):
        raise ProtocolError(
            "the numerics fingerprint differs from the lead's, so its bits would too", "fingerprint"
        )
    if spec != _digest(identity.spec_sha256):
        raise ProtocolError("the spec differs from the lead's", "spec")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _prove(secret: bytes, role: bytes, transcript: bytes) -> bytes:
    return hmac.digest(secret, b"lockstep proof " + role + transcript, "sha256")


def _seal(secret: bytes, sender: bytes, transcript: bytes) -> Seal:
    """What `sender` seals its frames with.

    The binding is of what the helper claims: so that a lead's refusal of it is a frame that it can read.
    """
    hello, offer = transcript[:HELLO_BYTES], transcript[HELLO_BYTES:]
    _, helpers_nonce, job, _, _, attempt, _ = _HELLO.unpack(hello)
    _, cipher, leads_nonce = _OFFER.unpack(offer)
    derivation = HKDF(
        SHA256(), KEY_BYTES, salt=helpers_nonce + leads_nonce, info=b"lockstep key " + sender + transcript
    )
    return Seal(Cipher(cipher).with_key(derivation.derive(secret)), sender, Binding(job[:16], attempt))
