import assert from "node:assert/strict";
import { test } from "node:test";
import { barsOf, compareDigest } from "../src/pure/digest.ts";
import { ago, count, nameOf, number, percent, span, speed } from "../src/pure/format.ts";
import { sight, speedOf, type Sighting } from "../src/pure/speed.ts";

test("numbers are short and never wrong in kind", () => {
  assert.equal(number(0.12345678), "0.1235");
  assert.equal(number(123.456789), "123.457");
  assert.equal(number(-2), "−2");
  assert.equal(number(1.5e-7), "1.5e−7");
  assert.equal(number(3e12), "3e12");
  assert.equal(number("NaN"), "NaN");
  assert.equal(number("-Infinity"), "−∞");
  assert.equal(number(null), "–");
  assert.equal(count(1234567), "1\u202f234\u202f567");
  assert.equal(count(999), "999");
});

test("unfinished work never reads as 100 %", () => {
  assert.equal(percent(0.9996), "99\u202f%");
  assert.equal(percent(1), "100\u202f%");
  assert.equal(percent(-1), "0\u202f%");
});

test("spans take two units at most", () => {
  const said = [0.0042, 0.9999, 3.21, 42, 59.97, 245, 3600, 7860, 273_600].map(span);
  assert.deepEqual(said, [
    "4 ms",
    "1.0 s",
    "3.2 s",
    "42 s",
    "1 min",
    "4 min 05 s",
    "1 h",
    "2 h 11 min",
    "3 d 4 h",
  ]);
  assert.equal(span(NaN), "–");
});

test("ages", () => {
  const said = [0, 42, 300, 7_200, 200_000].map((seconds) => ago(0, seconds * 1000));
  assert.deepEqual(said, ["just now", "42 s ago", "5 min ago", "2 h ago", "2 d ago"]);
  assert.equal(ago(10_000, 0), "just now");
});

test("speed is measured over the last seconds and starts afresh after a resume", () => {
  let seen: readonly Sighting[] = [];
  for (let second = 0; second <= 20; second += 1)
    seen = sight(seen, { at: second * 1000, step: second * 50 });
  assert.equal(speedOf(seen), 50);
  assert.ok(seen.length < 9);
  seen = sight(seen, { at: 21_000, step: 10 });
  assert.equal(speedOf(seen), null);
  assert.equal(speed(null), "–");
  assert.equal(speed(3.14159), "3.1 steps/s");
  assert.equal(speed(12_345), "12\u202f345 steps/s");
});

test("equal digests look equal, others do not", () => {
  const digest = "3f".repeat(32);
  assert.deepEqual(barsOf(digest), barsOf(`sha256:${digest}`));
  assert.notDeepEqual(barsOf(digest), barsOf(`40${digest.slice(2)}`));
  assert.equal(compareDigest(digest, ` SHA256:${digest.toUpperCase()}\n`), "same");
  assert.equal(compareDigest(digest, "40".repeat(32)), "different");
  assert.equal(compareDigest(digest, "3f3f"), "unreadable");
});

test("a job goes by its name, and by its id where none can be seen", () => {
  for (const blank of [null, "", "  ", "\u200b", "\u2028\u00a0", "\u3164", "\u2800", "\u0301", "\ufeff"]) {
    assert.equal(nameOf({ id: "job_1", name: blank }), "job_1");
  }
  for (const name of ["a", " a ", "∂", "🙂", "名"]) assert.equal(nameOf({ id: "job_1", name }), name);
});
