import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsOf } from "../src/pure/findings.ts";

const told = (code: string, layer: string | null, step: number) => ({
  type: "finding",
  message: `${code} in ${layer}`,
  data: { code, layer, step },
});

test("one finding for each kind, with all its layers", () => {
  const status = { type: "status", message: "the job is running", data: { status: "running" } };
  const events = [status, told("dead_units", "1", 40), told("plateau", null, 50), told("dead_units", "3", 60)];
  assert.deepEqual(findingsOf(events), [
    { code: "dead_units", title: "dead units", message: "dead_units in 1", layers: ["1", "3"], step: 40 },
    { code: "plateau", title: "plateau", message: "plateau in null", layers: [], step: 50 },
  ]);
  assert.deepEqual(findingsOf([status]), []);
});
