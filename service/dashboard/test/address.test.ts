import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonSyntaxError, lineOf, nearestPlace, placesOf } from "../src/pure/pointer.ts";
import { readFragment } from "../src/pure/route.ts";

test("the key is taken out of the address", () => {
  assert.deepEqual(readFragment("#key=abc-_1"), { key: "abc-_1", rest: "", route: { page: "jobs" } });
  const deep = readFragment("#/jobs/job_7?key=abc");
  assert.deepEqual(deep, { key: "abc", rest: "#/jobs/job_7", route: { page: "job", id: "job_7" } });
  assert.equal(readFragment("#/new?from=job_7&key=abc").rest, "#/new?from=job_7");
});

test("addresses", () => {
  assert.deepEqual(readFragment("").route, { page: "jobs" });
  assert.deepEqual(readFragment("#/workers").route, { page: "workers" });
  assert.deepEqual(readFragment("#/new").route, { page: "new", from: null });
  assert.deepEqual(readFragment("#/new?from=job_1").route, { page: "new", from: "job_1" });
  assert.deepEqual(readFragment("#/jobs/%E0%A4%A").route, { page: "job", id: "%E0%A4%A" });
  assert.deepEqual(readFragment("#/what/is/this").route, { page: "lost", path: "/what/is/this" });
});

const TEXT = `{
  "model": {"layers": [
    {"type": "linear", "in": 64, "out": 32},
    {"type": "relu", "a/b": 1, "c~d": "x\\"y"}
  ]},
  "epochs": 20
}`;

test("a pointer's place in the text", () => {
  const places = placesOf(TEXT);
  const at = (pointer: string): string => {
    const place = places.get(pointer);
    return place ? TEXT.slice(place.start, place.end) : "nowhere";
  };
  assert.equal(at("/model/layers/0/in"), "64");
  assert.equal(at("/model/layers/1/a~1b"), "1");
  assert.equal(at("/model/layers/1/c~0d"), '"x\\"y"');
  assert.equal(at(""), TEXT);
  assert.equal(lineOf(TEXT, places.get("/epochs")?.start ?? 0), 6);
  assert.deepEqual(nearestPlace(places, "/model/layers/1/in"), places.get("/model/layers/1"));
  assert.deepEqual(nearestPlace(places, "/loss"), places.get(""));
});

test("what JSON.parse takes is taken, what it refuses is refused at a place", () => {
  for (const good of ["0", "-1.5e+3", '"\\u00e9"', "[]", "{}", ' [1, [2, {"a": null}], true] ']) {
    assert.ok(placesOf(good).has(""), good);
  }
  const bad: [string, number][] = [
    ["", 0],
    ["{'a': 1}", 1],
    ['{"a": 1,}', 8],
    ["[1 2]", 2],
    ["[1, 2", 5],
    ["01", 0],
    ["1 1", 2],
    ['{"a" 1}', 5],
    ['"a', 0],
    ["NaN", 0],
  ];
  for (const [text, offset] of bad) {
    assert.throws(() => JSON.parse(text), text);
    assert.throws(
      () => placesOf(text),
      (error) => error instanceof JsonSyntaxError && error.offset === offset,
      text,
    );
  }
  assert.throws(() => placesOf("[".repeat(100_000)), JsonSyntaxError);
});
