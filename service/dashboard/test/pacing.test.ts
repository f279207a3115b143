import assert from "node:assert/strict";
import { test } from "node:test";
import { JOB_LIMITS, nextPace, START, wishOf } from "../src/pure/pacing.ts";

test("a job that moves is looked at twice a second", () => {
  assert.equal(nextPace(START, "moved", JOB_LIMITS).delay, 500);
  assert.equal(nextPace({ delay: 8_000, failures: 0 }, "moved", JOB_LIMITS).delay, 500);
});

test("looks slow down while nothing moves and stay at the slowest", () => {
  let pace = START;
  const delays = Array.from({ length: 12 }, () => (pace = nextPace(pace, "still", JOB_LIMITS)).delay);
  assert.deepEqual(
    delays,
    [...delays].sort((a, b) => a - b),
  );
  assert.equal(delays[0], 500);
  assert.equal(delays.at(-1), 10_000);
});

test("an absent service is asked ever less, and its first answer starts afresh", () => {
  let pace = nextPace(START, "moved", JOB_LIMITS);
  const delays = Array.from({ length: 6 }, () => (pace = nextPace(pace, "failed", JOB_LIMITS)).delay);
  assert.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  assert.deepEqual(nextPace(pace, "still", JOB_LIMITS), { delay: 500, failures: 0 });
});

test("the service's own wish is a floor", () => {
  assert.equal(nextPace(START, "moved", JOB_LIMITS, 3_000).delay, 3_000);
  assert.equal(nextPace({ delay: 9_000, failures: 0 }, "still", JOB_LIMITS, 3_000).delay, 10_000);
});

test("a poll interval is read as seconds, and nonsense is ignored", () => {
  assert.equal(wishOf("0.5"), 500);
  assert.equal(wishOf("86400"), 60_000);
  for (const nonsense of [null, "", "soon", "-1", "0", "Infinity"]) assert.equal(wishOf(nonsense), 0);
});
