"""Only who knows the secret gets keys, and nothing that was overheard is of use."""

from dataclasses import replace

import pytest

from lockstep.core.group.frames import FrameKind, ProtocolError, Stamp
from lockstep.core.group.handshake import (
    CHALLENGE_BYTES,
    HELLO_BYTES,
    PROOF_BYTES,
    Codec,
    answer_challenge,
    check_proof,
    make_challenge,
    make_hello,
    reason_to_refuse,
)
from lockstep.core.group.terms import GroupIdentity
from tests.core.group.team import HAND_SHAKE_BYTES, IDENTITY

HELPER_NONCE, LEAD_NONCE = b"h" * 32, b"l" * 32
STRANGER = replace(IDENTITY, secret=bytes(32))


def shake(helper: GroupIdentity, lead: GroupIdentity) -> tuple[Codec, Codec]:
    hello = make_hello(helper, HELPER_NONCE)
    proof, helpers = answer_challenge(helper, hello, make_challenge(lead, hello, LEAD_NONCE))
    return helpers, check_proof(lead, hello, LEAD_NONCE, proof)


def test_both_sides_get_codecs_that_fit() -> None:
    helper, lead = shake(IDENTITY, IDENTITY)
    for sender, receiver in ((helper, lead), (lead, helper)):
        header, tag = sender.sealer.seal(FrameKind.OVER, Stamp(), b"x")
        assert receiver.opener.read_header(header, Stamp()) == (FrameKind.OVER, 1)
        receiver.opener.verify(memoryview(b"x"), memoryview(tag))
    header, tag = helper.sealer.seal(FrameKind.OVER, Stamp(), b"x")
    with pytest.raises(ProtocolError):  # reflected to the helper: another key, another direction
        helper.opener.verify(memoryview(b"x"), memoryview(tag))


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
    for proof in (bytes(32), challenge[32:]):  # a guess; the lead's own proof, sent back
        with pytest.raises(ProtocolError, match="does not know the secret"):
            check_proof(IDENTITY, hello, LEAD_NONCE, proof)


def test_a_proof_serves_one_greeting_and_one_challenge() -> None:
    hello = make_hello(IDENTITY, HELPER_NONCE)
    proof, _ = answer_challenge(IDENTITY, hello, make_challenge(IDENTITY, hello, LEAD_NONCE))
    check_proof(IDENTITY, hello, LEAD_NONCE, proof)
    with pytest.raises(ProtocolError):
        check_proof(IDENTITY, hello, b"m" * 32, proof)
    for changed in (replace(IDENTITY, attempt=4), replace(IDENTITY, fingerprint="x")):
        with pytest.raises(ProtocolError):
            check_proof(IDENTITY, make_hello(changed, HELPER_NONCE), LEAD_NONCE, proof)


def test_what_is_no_greeting_gets_no_answer() -> None:
    with pytest.raises(ProtocolError, match="expected the greeting"):
        make_challenge(IDENTITY, b"GET / HTTP/1.1\r\n".ljust(HELLO_BYTES), LEAD_NONCE)


@pytest.mark.parametrize(
    ("helper", "reason"),
    [
        (IDENTITY, None),
        (replace(IDENTITY, job_id="job_2"), "this is another job's group"),
        (replace(IDENTITY, attempt=4), "expected attempt 3, got 4"),
        (replace(IDENTITY, fingerprint="x"), "the numerics fingerprint differs"),
        (replace(IDENTITY, spec_sha256="x"), "the spec differs"),
    ],
)
def test_a_helper_that_is_in_the_know_but_does_not_fit(helper: GroupIdentity, reason: str | None) -> None:
    answer = reason_to_refuse(IDENTITY, make_hello(helper, HELPER_NONCE))
    assert answer == reason if reason is None else (answer or "").startswith(reason)


def test_the_secret_is_not_shown_and_has_a_fixed_size() -> None:
    assert "secret" not in repr(IDENTITY)
    with pytest.raises(ValueError, match="expected a secret of 32 bytes, got 5"):
        replace(IDENTITY, secret=b"short")
