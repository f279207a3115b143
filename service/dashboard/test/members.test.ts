import assert from "node:assert/strict";
import { test } from "node:test";
import { presentFirst, workersOf } from "../src/pure/members.ts";

const job = (
  workers: { wanted: number; active: number; most: number; advised?: number },
  is_terminal: boolean,
  started_at: string | null = "2026",
) => ({ is_terminal, started_at, workers: { advised: null, ...workers } });

test("a job that is over tells on how many workers it ran", () => {
  assert.equal(workersOf(job({ wanted: 2, active: 1, most: 2 }, false)), "1 of 2");
  assert.equal(workersOf(job({ wanted: 1, active: 0, most: 1 }, true)), "1");
  assert.equal(workersOf(job({ wanted: 2, active: 0, most: 1 }, true)), "1 at most, 2 wanted");
  assert.equal(workersOf(job({ wanted: 2, active: 0, most: 2 }, true)), "2");
  assert.equal(workersOf(job({ wanted: 8, active: 0, most: 3 }, true)), "3 at most, 8 wanted");
  assert.equal(workersOf(job({ wanted: 2, active: 0, most: 0 }, true, null)), "none, 2 wanted");
});

test("a job that has measured it tells how many workers pay", () => {
  assert.equal(workersOf(job({ wanted: 4, active: 2, most: 3, advised: 2 }, false)), "2 of 4 (2 advised)");
});

test("members who are there come first", () => {
  const [lead, gone, here] = [{ left: null, id: 0 }, { left: "died", id: 1 }, { left: null, id: 2 }];
  assert.deepEqual(presentFirst([lead, gone, here]), [lead, here, gone]);
});
