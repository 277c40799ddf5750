import asyncio
import os
import re
import runpy
import sys
import threading

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core import passwords as module
from app.core.config import Settings
from app.core.errors import Invalid, Unavailable
from app.core.passwords import MAX_WAITING, NICENESS, Passwords
from tests.support.waiting import PATIENCE, eventually

EMAIL = "grace.hopper@example.com"
LOWERED = NICENESS if sys.platform == "linux" else 0  # elsewhere threads have no priority


def with_policy(settings: Settings, policy: str) -> Passwords:
    return Passwords(settings.model_copy(update={"PASSWORD_POLICY": policy}))


@pytest.fixture
def stronger(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Passwords:
    hasher = Argon2Hasher(time_cost=4, memory_cost=8, parallelism=1)
    monkeypatch.setattr(module, "HASHER", hasher)
    return Passwords(settings)


@pytest.fixture
def passwords(settings: Settings) -> Passwords:
    return Passwords(settings)


async def test_password_matches_only_its_own_hash(passwords: Passwords) -> None:
    hashed = await passwords.hash("Correct-Horse-7!")

    assert await passwords.verify("Correct-Horse-7!", hashed) == (True, None)
    assert await passwords.verify("correct-horse-7!", hashed) == (False, None)


async def test_hash_is_argon2id_and_salted(passwords: Passwords) -> None:
    hashes = {await passwords.hash("Correct-Horse-7!") for _ in range(2)}

    assert len(hashes) == 2
    assert all(hashed.startswith("$argon2id$") for hashed in hashes)


def test_shipped_hash_is_the_owasp_minimum() -> None:
    """The tests replace the hasher, so run the module again."""
    hasher: Argon2Hasher = runpy.run_path(module.__file__)["HASHER"]

    assert "$m=19456,t=2,p=1$" in hasher.hash("Correct-Horse-7!")


async def test_every_character_of_a_long_password_counts(passwords: Passwords) -> None:
    hashed = await passwords.hash("A1!" + "x" * 124 + "y")

    assert not (await passwords.verify("A1!" + "x" * 125, hashed))[0]


async def test_missing_hash_never_matches(passwords: Passwords) -> None:
    assert await passwords.verify("Correct-Horse-7!", None) == (False, None)


@pytest.mark.parametrize("hashed", ["$2b$12$" + "x" * 53, "$argon2id$", "x"])
async def test_hash_of_another_kind_never_matches(passwords: Passwords, hashed: str) -> None:
    assert await passwords.verify("Correct-Horse-7!", hashed) == (False, None)


async def test_missing_hash_takes_as_long_as_a_current_one(
    stronger: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the response time would reveal which emails are registered."""
    verified = []
    verify = Argon2Hasher.verify

    def watched(hasher: Argon2Hasher, password: str, hashed: str) -> bool:
        verified.append(hashed)
        return verify(hasher, password, hashed)

    monkeypatch.setattr(Argon2Hasher, "verify", watched)
    await stronger.verify("Correct-Horse-7!", None)

    [hashed] = verified
    assert "$m=8,t=4,p=1$" in hashed


async def test_outdated_hash_is_renewed(passwords: Passwords, stronger: Passwords) -> None:
    old = await passwords.hash("Correct-Horse-7!")

    matches, renewed = await stronger.verify("Correct-Horse-7!", old)

    assert matches
    assert renewed is not None
    assert ",t=4," in renewed
    assert await stronger.verify("Correct-Horse-7!", renewed) == (True, None)


async def test_hashing_does_not_block_the_event_loop(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, work_done = threading.Event(), threading.Event()

    def hash_slowly(*_: object, **__: object) -> str:
        begun.set()
        in_time = threading.current_thread() is not threading.main_thread()
        return str(in_time and work_done.wait(PATIENCE))

    monkeypatch.setattr(Argon2Hasher, "hash", hash_slowly)
    hashing = asyncio.create_task(passwords.hash("Correct-Horse-7!"))
    await eventually(lambda: begun.is_set() or hashing.done())
    work_done.set()

    assert await hashing == "True"


async def test_processes_share_the_cores(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    passwords = Passwords(settings.model_copy(update={"WORKERS": 4}))
    work_done = threading.Event()
    monkeypatch.setattr(Argon2Hasher, "hash", lambda *_, **__: work_done.wait(PATIENCE))
    others = set(threading.enumerate())

    logins = asyncio.gather(*(passwords.hash("Correct-Horse-7!") for _ in range(8)))
    await asyncio.sleep(0)  # until each is queued
    own = set(threading.enumerate()) - others
    work_done.set()
    await logins

    assert len(own) == 2


async def test_hashing_yields_to_the_event_loop(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Argon2Hasher, "hash", lambda *_, **__: os.nice(0))

    assert int(await passwords.hash("Correct-Horse-7!")) == min(os.nice(0) + LOWERED, 19)


async def test_closing_drops_queued_hashes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_one_thread = Passwords(settings.model_copy(update={"WORKERS": 1000}))
    work_done = threading.Event()
    monkeypatch.setattr(Argon2Hasher, "hash", lambda *_, **__: work_done.wait(PATIENCE))
    logins = [asyncio.create_task(with_one_thread.hash("Correct-Horse-7!")) for _ in range(2)]
    await asyncio.sleep(0)  # until each is queued

    with_one_thread.close()
    work_done.set()
    await asyncio.wait(logins)

    assert logins[-1].cancelled()


async def test_hashing_queue_is_bounded(passwords: Passwords) -> None:
    logins = [passwords.hash("Correct-Horse-7!") for _ in range(MAX_WAITING + 50)]

    outcomes = await asyncio.gather(*logins, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [str] * MAX_WAITING + [Unavailable] * 50


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("lower-case-7!", "an uppercase letter"),
        ("No-Digit-Here!", "a digit"),
        ("NoSpecial7seven", "one of !@#$%^&*"),
        ("No-Special-7-of-those", "one of !@#$%^&*"),
        ("P@ssw0rd123!", "too easy"),
        ("Qwerty123!", "too easy"),
        ("Trustno1!!", "too easy"),
        ("#1Superm@n", "too easy"),
        ("M0nk3y2026!", "too easy"),
        ("Password123456!", "too easy"),
        ("Abcd1234!!", "too easy"),
        ("A1!A1!A1!", "too easy"),
        ("Grace.Hopper7!", "the name in it"),
        ("Grace.Hopper@example.com7", "the email address"),
    ],
)
async def test_composition_policy_rejects(passwords: Passwords, password: str, reason: str) -> None:
    with pytest.raises(Invalid, match=re.escape(reason)) as refusal:
        await passwords.check_new(password, email=EMAIL)

    assert refusal.value.field == "password"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("Short-Horse-7!", "at least 15 characters"),
        ("123456789012345", "too easy"),
        ("passwordpassword", "too easy"),
        ("password12345678", "too easy"),
        ("qwertyuiopasdfgh", "too easy"),
        ("abcdefghijklmnop", "too easy"),
        ("1q2w3e4r5t6y7u8i", "too easy"),
        ("aaaaaaaaaaaaaaaaaaaa", "too easy"),
        ("grace.hopper.1234567", "the name in it"),
        ("grace.hopper@example.com", "the email address"),
        ("passwordpasswordpassword", "too easy"),
        ("password1password1", "too easy"),
    ],
)
async def test_length_policy_rejects(settings: Settings, password: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        await with_policy(settings, "length").check_new(password, email=EMAIL)


@pytest.mark.parametrize(
    ("policy", "password", "email"),
    [
        ("composition", "Correct-Horse-7!", EMAIL),
        ("composition", "Ünïcödé-7!", EMAIL),
        ("composition", "Thunder-281736445!", EMAIL),
        ("composition", "TestPass123!", EMAIL),
        ("length", "a 8471 2093 5566 1", EMAIL),
        ("length", "purple monkey dishwasher", EMAIL),
        ("length", "correct horse battery staple", EMAIL),
        ("length", "847362514095837", "1234@example.com"),
    ],
)
async def test_good_password_is_accepted(
    settings: Settings, policy: str, password: str, email: str
) -> None:
    await with_policy(settings, policy).check_new(password, email=email)
