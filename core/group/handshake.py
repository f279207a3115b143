"""How a helper and a lead prove to each other that they belong to the same group. Pure: bytes in, bytes out.

    helper -> lead   HELLO      magic, the helper's nonce, digests of job, fingerprint and spec, attempt
    lead -> helper   CHALLENGE  the lead's nonce, the lead's proof
    helper -> lead   PROOF      the helper's proof
    lead -> helper   a frame, ACCEPTED or OVER with the reason (frames.py)

A proof is HMAC-SHA256 of the role and the transcript (HELLO and the lead's nonce) under the group's
secret: nobody can make one without the secret, use one again, or turn the lead's into a helper's. The
keys of the frames are derived from the same secret and transcript, so both nonces make them fresh for
each connection, and all that HELLO claims is bound to them.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass

from lockstep.core.group.frames import Binding, Opener, ProtocolError, Sealer
from lockstep.core.group.terms import GroupIdentity

NONCE_BYTES = 32
PROOF_BYTES = 32
_MAGIC = b"LKSTEP01"
_HELLO = struct.Struct("!8s32s32s32s32sQ")
HELLO_BYTES = _HELLO.size
CHALLENGE_BYTES = NONCE_BYTES + PROOF_BYTES

_LEAD, _HELPER = b"lead", b"help"


@dataclass(frozen=True)
class Codec:
    """The two directions of one connection, as one side sees them."""

    sealer: Sealer
    opener: Opener


def make_hello(identity: GroupIdentity, nonce: bytes) -> bytes:
    """The helper's first message."""
    return _HELLO.pack(
        _MAGIC,
        nonce,
        _digest(identity.job_id),
        _digest(identity.fingerprint),
        _digest(identity.spec_sha256),
        identity.attempt,
    )


def make_challenge(identity: GroupIdentity, hello: bytes, nonce: bytes) -> bytes:
    """The lead's answer. Raises ProtocolError if `hello` is none."""
    if not hello.startswith(_MAGIC):
        raise ProtocolError(f"expected the greeting of a helper, got bytes that start with {hello[:8]!r}")
    return nonce + _prove(identity.secret, _LEAD, hello + nonce)


def answer_challenge(identity: GroupIdentity, hello: bytes, challenge: bytes) -> tuple[bytes, Codec]:
    """The helper's proof and its codec. Raises ProtocolError if the lead does not know the secret."""
    nonce, proof = challenge[:NONCE_BYTES], challenge[NONCE_BYTES:]
    transcript = hello + nonce
    if not hmac.compare_digest(proof, _prove(identity.secret, _LEAD, transcript)):
        raise ProtocolError("who listens at the lead's address does not know the secret of the group")
    codec = Codec(
        _sealer(identity.secret, _HELPER, transcript),
        _opener(identity.secret, _LEAD, transcript),
    )
    return _prove(identity.secret, _HELPER, transcript), codec


def check_proof(identity: GroupIdentity, hello: bytes, nonce: bytes, proof: bytes) -> Codec:
    """The lead's codec. Raises ProtocolError if the helper does not know the secret."""
    transcript = hello + nonce
    if not hmac.compare_digest(proof, _prove(identity.secret, _HELPER, transcript)):
        raise ProtocolError("the stranger does not know the secret of the group")
    return Codec(
        _sealer(identity.secret, _LEAD, transcript),
        _opener(identity.secret, _HELPER, transcript),
    )


def reason_to_refuse(identity: GroupIdentity, hello: bytes) -> str | None:
    """What a helper that knows the secret has different from the lead; None if nothing."""
    _, _, job, fingerprint, spec, attempt = _HELLO.unpack(hello)
    if job != _digest(identity.job_id):
        return "this is another job's group"
    if attempt != identity.attempt:
        return f"expected attempt {identity.attempt}, got {attempt}"
    if fingerprint != _digest(identity.fingerprint):
        return "the numerics fingerprint differs from the lead's, so its bits would too"
    if spec != _digest(identity.spec_sha256):
        return "the spec differs from the lead's"
    return None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _prove(secret: bytes, role: bytes, transcript: bytes) -> bytes:
    return hmac.digest(secret, b"lockstep proof " + role + transcript, "sha256")


def _key(secret: bytes, sender: bytes, transcript: bytes) -> bytes:
    return hmac.digest(secret, b"lockstep key " + sender + transcript, "sha256")


def _binding(hello: bytes) -> Binding:
    """Of what the helper claims: so that a lead's refusal of it is a frame that it can read."""
    _, _, job, _, _, attempt = _HELLO.unpack(hello)
    return Binding(job[:16], attempt)


def _sealer(secret: bytes, sender: bytes, transcript: bytes) -> Sealer:
    return Sealer(_key(secret, sender, transcript), sender, _binding(transcript[:HELLO_BYTES]))


def _opener(secret: bytes, sender: bytes, transcript: bytes) -> Opener:
    return Opener(_key(secret, sender, transcript), sender, _binding(transcript[:HELLO_BYTES]))
