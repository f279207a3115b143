"""Only who knows the secret gets keys, and nothing that was overheard is of use."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from lockstep.core.group.frames import FRAME_BYTES, HEADER_BYTES, FrameKind, ProtocolError, Stamp
from lockstep.core.group.handshake import (
    CHALLENGE_BYTES,
    HELLO_BYTES,
    OPENING,
    PROOF_BYTES,
    Codec,
    answer_challenge,
    check_fit,
    check_opening,
    check_proof,
    make_challenge,
    make_hello,
)
from lockstep.core.group.terms import GroupIdentity
from tests.core.group.team import HAND_SHAKE_BYTES, IDENTITY

HELPER_NONCE, LEAD_NONCE = b"h" * 32, b"l" * 32
STRANGER = replace(IDENTITY, secret=bytes(32))


def shake(helper: GroupIdentity, lead: GroupIdentity) -> tuple[Codec, Codec]:
    hello = make_hello(helper, HELPER_NONCE)
    challenge = make_challenge(lead, hello, LEAD_NONCE)
    proof, helpers = answer_challenge(helper, hello, challenge)
    return helpers, check_proof(lead, hello, challenge, proof)


def sealed(sender: Codec, payload: bytes = b"x") -> bytes:
    frame = memoryview(bytearray(FRAME_BYTES + len(payload)))
    sender.sealer.seal_into(frame, FrameKind.OVER, Stamp(), payload)
    return bytes(frame)


def opened(receiver: Codec, frame: bytes) -> bytes:
    _, length = receiver.opener.read_header(frame[:HEADER_BYTES])
    payload = bytearray(length)
    receiver.opener.open_into(memoryview(frame)[HEADER_BYTES:], memoryview(payload))
    return bytes(payload)


def test_both_sides_get_codecs_that_fit() -> None:
    helper, lead = shake(IDENTITY, IDENTITY)
    for sender, receiver in ((helper, lead), (lead, helper)):
        assert opened(receiver, sealed(sender)) == b"x"
    frame = sealed(helper)
    with pytest.raises(ProtocolError):  # reflected to the helper: another key, another direction
        opened(helper, frame)


@pytest.mark.parametrize("helper_has_aes", [True, False])
@pytest.mark.parametrize("lead_has_aes", [True, False])
def test_aes_where_both_processors_have_it_else_chacha20(helper_has_aes: bool, lead_has_aes: bool) -> None:
    helper, lead = shake(replace(IDENTITY, has_aes=helper_has_aes), replace(IDENTITY, has_aes=lead_has_aes))
    key = AESGCM if helper_has_aes and lead_has_aes else ChaCha20Poly1305
    for codec in (helper, lead):
        assert isinstance(codec.sealer._key, key)
        assert isinstance(codec.opener._key, key)
    assert opened(lead, sealed(helper)) == b"x"
    assert opened(helper, sealed(lead)) == b"x"


def flipped(message: bytes, position: int, bits: int = 1) -> bytes:
    return message[:position] + bytes([message[position] ^ bits]) + message[position + 1 :]


def test_whoever_changes_what_a_side_says_of_aes_or_the_cipher_breaks_the_proofs() -> None:
    hello = make_hello(replace(IDENTITY, has_aes=True), HELPER_NONCE)
    weaker = flipped(hello, HELLO_BYTES - 1)
    challenge = make_challenge(IDENTITY, weaker, LEAD_NONCE)
    with pytest.raises(ProtocolError, match="does not know the secret"):
        answer_challenge(IDENTITY, hello, challenge)
    challenge = make_challenge(IDENTITY, hello, LEAD_NONCE)
    with pytest.raises(ProtocolError, match="does not know the secret"):
        answer_challenge(IDENTITY, hello, flipped(challenge, 8, bits=3))  # AES-256-GCM made ChaCha20


def test_each_bit_of_both_messages_is_bound_to_the_proofs() -> None:
    hello = make_hello(IDENTITY, HELPER_NONCE)
    challenge = make_challenge(IDENTITY, hello, LEAD_NONCE)
    proof, _ = answer_challenge(IDENTITY, hello, challenge)
    for position in range(HELLO_BYTES):
        with pytest.raises(ProtocolError):
            check_proof(IDENTITY, flipped(hello, position), challenge, proof)
    for position in range(CHALLENGE_BYTES):
        with pytest.raises(ProtocolError):
            answer_challenge(IDENTITY, hello, flipped(challenge, position))


def test_each_connection_and_direction_has_a_key_of_its_own() -> None:
    frames = set()
    for nonce in (HELPER_NONCE, b"other".ljust(32)):
        hello = make_hello(IDENTITY, nonce)
        challenge = make_challenge(IDENTITY, hello, LEAD_NONCE)
        proof, helper = answer_challenge(IDENTITY, hello, challenge)
        lead = check_proof(IDENTITY, hello, challenge, proof)
        frames |= {sealed(codec, bytes(32))[HEADER_BYTES:] for codec in (helper, lead)}
    assert len(frames) == 4


@pytest.mark.parametrize(
    ("first", "message", "refused"),
    [
        (b"LKSTEP01", "it speaks group protocol 1, this one 2", "version"),
        (b"LKSTEP37", "it speaks group protocol 37, this one 2", "version"),
        (b"LKSTEP+2", "expected the greeting of a member", "greeting"),
        (b"GET / HT", "expected the greeting of a member", "greeting"),
    ],
)
def test_another_version_is_refused_by_name_on_both_sides(first: bytes, message: str, refused: str) -> None:
    check_opening(OPENING)
    hello = make_hello(IDENTITY, HELPER_NONCE)
    for refuse in (
        lambda: check_opening(first),
        lambda: make_challenge(IDENTITY, first + hello[8:], LEAD_NONCE),
        lambda: answer_challenge(IDENTITY, hello, first + bytes(CHALLENGE_BYTES - 8)),
    ):
        with pytest.raises(ProtocolError, match=message) as caught:
            refuse()
        assert caught.value.refused == refused


def test_messages_are_of_fixed_size() -> None:
    assert HELLO_BYTES + PROOF_BYTES == HAND_SHAKE_BYTES
    hello = make_hello(IDENTITY, HELPER_NONCE)
    assert len(hello) == HELLO_BYTES
    assert len(make_challenge(IDENTITY, hello, LEAD_NONCE)) == CHALLENGE_BYTES


def test_a_lead_without_the_secret_is_found_out_before_the_helper_proves_anything() -> None:
    hello = make_hello(IDENTITY, HELPER_NONCE)
    with pytest.raises(ProtocolError, match="at the lead's address does not know the secret"):
        answer_challenge(IDENTITY, hello, make_challenge(STRANGER, hello, LEAD_NONCE))


def test_a_helper_without_the_secret_is_found_out() -> None:
    hello = make_hello(STRANGER, HELPER_NONCE)
    challenge = make_challenge(IDENTITY, hello, LEAD_NONCE)
    for proof in (bytes(32), challenge[-32:]):  # a guess; the lead's own proof, sent back
        with pytest.raises(ProtocolError, match="does not know the secret"):
            check_proof(IDENTITY, hello, challenge, proof)


def test_a_proof_serves_one_greeting_and_one_challenge() -> None:
    hello = make_hello(IDENTITY, HELPER_NONCE)
    challenge = make_challenge(IDENTITY, hello, LEAD_NONCE)
    proof, _ = answer_challenge(IDENTITY, hello, challenge)
    check_proof(IDENTITY, hello, challenge, proof)
    with pytest.raises(ProtocolError):
        check_proof(IDENTITY, hello, make_challenge(IDENTITY, hello, b"m" * 32), proof)
    for changed in (replace(IDENTITY, attempt=4), replace(IDENTITY, fingerprint="x")):
        with pytest.raises(ProtocolError):
            check_proof(IDENTITY, make_hello(changed, HELPER_NONCE), challenge, proof)


def test_what_is_no_greeting_gets_no_answer() -> None:
    with pytest.raises(ProtocolError, match="expected the greeting"):
        make_challenge(IDENTITY, b"GET / HTTP/1.1\r\n".ljust(HELLO_BYTES), LEAD_NONCE)


@pytest.mark.parametrize(
    ("helper", "message", "refused"),
    [
        (replace(IDENTITY, job_id="job_2"), "this is another job's group", "job"),
        (replace(IDENTITY, attempt=4), "expected attempt 3, got 4", "attempt"),
        (replace(IDENTITY, fingerprint="x"), "the numerics fingerprint differs", "fingerprint"),
        (replace(IDENTITY, spec_sha256="x"), "the spec differs", "spec"),
    ],
)
def test_a_helper_that_is_in_the_know_but_does_not_fit(
    helper: GroupIdentity, message: str, refused: str
) -> None:
    check_fit(IDENTITY, make_hello(IDENTITY, HELPER_NONCE))
    with pytest.raises(ProtocolError, match=message) as caught:
        check_fit(IDENTITY, make_hello(helper, HELPER_NONCE))
    assert caught.value.refused == refused


def test_the_secret_is_not_shown_and_has_a_fixed_size() -> None:
    assert "secret" not in repr(IDENTITY)
    with pytest.raises(ValueError, match="expected a secret of 32 bytes, got 5"):
        replace(IDENTITY, secret=b"short")
