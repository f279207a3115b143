import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonSyntaxError, lineOf, nearestPlace, placesOf } from "../src/pure/pointer.ts";
import { ALL, changed, listLink, noneOf, pairOf, queryOf, type Listing } from "../src/pure/listing.ts";
import { readFragment } from "../src/pure/route.ts";

const LIST = { page: "jobs", listing: ALL };

test("the key is taken out of the address", () => {
  assert.deepEqual(readFragment("#key=abc-_1"), { key: "abc-_1", rest: "", route: LIST });
  const deep = readFragment("#/jobs/job_7?key=abc");
  assert.deepEqual(deep, { key: "abc", rest: "#/jobs/job_7", route: { page: "job", id: "job_7" } });
  assert.equal(readFragment("#/new?from=job_7&key=abc").rest, "#/new?from=job_7");
});

test("addresses", () => {
  assert.deepEqual(readFragment("").route, LIST);
  assert.deepEqual(readFragment("#/workers").route, { page: "workers" });
  assert.deepEqual(readFragment("#/new").route, { page: "new", from: null });
  assert.deepEqual(readFragment("#/new?from=job_1").route, { page: "new", from: "job_1" });
  assert.deepEqual(readFragment("#/jobs/%E0%A4%A").route, { page: "job", id: "%E0%A4%A" });
  assert.deepEqual(readFragment("#/what/is/this").route, { page: "lost", path: "/what/is/this" });
});

const FULL: Listing = {
  statuses: ["running", "failed"],
  kind: "train",
  name: "digits & more #1",
  metadata: [
    ["team", "a=b"],
    ["a key]", "ü"],
  ],
  order: "-run_ms",
  after: "job_1",
  before: null,
  page: 3,
};

test("a list's address says all of it", () => {
  for (const listing of [ALL, FULL, { ...FULL, after: null, before: "job_2" }, changed(FULL, { kind: null })]) {
    const { route, rest } = readFragment(listLink(listing));
    assert.deepEqual(route, { page: "jobs", listing });
    assert.deepEqual(readFragment(rest).route, route);
  }
  assert.equal(listLink(ALL), "#/");
  assert.deepEqual(changed(FULL, { name: "x" }), { ...FULL, name: "x", after: null, page: 1 });
  assert.equal(readFragment("#/?status=failed&key=k").rest, "#/?status=failed");
});

test("what an address says wrongly is left out", () => {
  const address = "#/?status=lost,failed,&kind=x&order=loss&page=-2&before=job_1&after=job_2&metadata[]=x&other=1";
  const { route } = readFragment(address);
  assert.deepEqual(route, {
    page: "jobs",
    listing: { ...ALL, statuses: ["failed"], after: "job_2", page: 2 },
  });
});

test("the service is asked for what the address says", () => {
  assert.deepEqual(queryOf(FULL), {
    status: "running,failed",
    kind: "train",
    name: "digits & more #1",
    order: "-run_ms",
    after: "job_1",
    before: null,
    "metadata[team]": "a=b",
    "metadata[a key]]": "ü",
  });
  assert.ok(Object.values(queryOf({ ...ALL, name: "  " })).every((value) => value === null));
  assert.equal(noneOf({ ...ALL, statuses: ["queued", "failed"] }), "No job has the status queued or failed.");
  assert.equal(noneOf(FULL), "No job matches.");
});

test("metadata are typed as key=value", () => {
  assert.deepEqual(pairOf(" team = a=b "), ["team", "a=b"]);
  assert.deepEqual(pairOf("team="), ["team", ""]);
  assert.equal(pairOf("team"), null);
  assert.equal(pairOf("=a"), null);
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
