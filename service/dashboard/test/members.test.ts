import assert from "node:assert/strict";
import { test } from "node:test";
import { workersOf } from "../src/pure/members.ts";

const joined = (world_size: number) => ({ type: "member_joined", data: { world_size, rank: 1 } });
const left = { type: "member_left", data: { rank: 1, left: "released" } };
const job = (wanted: number, active: number, is_terminal: boolean, started_at: string | null = "2026") => ({
  is_terminal,
  started_at,
  workers: { wanted, active },
});

test("a job that is over tells on how many workers it ran", () => {
  assert.equal(workersOf(job(2, 1, false), [joined(2), left]), "1 of 2");
  assert.equal(workersOf(job(1, 0, true), []), "1");
  assert.equal(workersOf(job(2, 0, true), []), "1 at most, 2 wanted");
  assert.equal(workersOf(job(2, 0, true), [joined(2), left]), "2");
  assert.equal(workersOf(job(8, 0, true), [joined(2), joined(3), left, joined(3)]), "3 at most, 8 wanted");
  assert.equal(workersOf(job(2, 0, true), [{ type: "member_joined", data: {} }]), "1 at most, 2 wanted");
  assert.equal(workersOf(job(2, 0, true, null), []), "none, 2 wanted");
});
