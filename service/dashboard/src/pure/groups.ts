/** A job's series in groups that belong on one axis, with words for the group and for each of its lines. */

import { words } from "./format.ts";

export interface Group {
  readonly key: string;
  readonly label: string;
  /** What it shows, in a sentence; empty where the label says it. */
  readonly about: string;
  /** The series, in the order of their colours. */
  readonly names: readonly string[];
  /** Whether its values commonly lie powers of ten apart. */
  readonly log: boolean;
}

/** What every job's curve shows: asked for with each look. Those that a job does not have are left out. */
export const MAIN = ["loss", "validation_loss", "epoch_loss", "train_loss", "value"] as const;

/** More lines than these no eye tells apart. */
export const MOST_LINES = 40;

const isMain = (name: string): boolean => (MAIN as readonly string[]).includes(name);

interface Words {
  readonly label: string;
  readonly about: string;
  readonly log: boolean;
}

/** In the order in which they are offered. */
const KINDS: Readonly<Record<string, Words>> = {
  learning_rate: { label: "learning rate", about: "How far the optimizer goes at each step.", log: false },
  unknowns: { label: "unknowns", about: "The numbers that are searched for.", log: false },
  parameters: { label: "parameters", about: "The numbers that are learned, before each step.", log: false },
  grad: { label: "gradient", about: "How the value, or the loss, changes with each number.", log: false },
  gradient_norm: {
    label: "gradient norm",
    about: "How strong a signal reaches each layer on the way back.",
    log: true,
  },
  weight_norm: { label: "weight norm", about: "How large each layer's weights are.", log: false },
  update_ratio: {
    label: "update ratio",
    about: "How far a step moves each layer's weights, as a share of their size; often about 0.001.",
    log: true,
  },
  dead_units: {
    label: "dead units",
    about: "The share of each layer's units that give 0 for all rows looked at.",
    log: false,
  },
  saturated_units: {
    label: "saturated units",
    about: "The share of each layer's outputs that are at a limit, where the slope is almost 0.",
    log: false,
  },
};

/** The group that is always in sight. */
export const MAIN_GROUP: Group = { key: "main", label: "main curve", about: "", names: MAIN, log: false };

/**
 * All the others: metrics come after the learning rate, and what goes on within layers after those. A training of a
 * formula has `parameters`; null is a search, all of whose numbers are unknowns.
 */
export function groupsOf(names: readonly string[], parameters: readonly string[] | null): readonly Group[] {
  const found = new Map<string, string[]>();
  for (const name of names.filter((each) => !isMain(each)).sort(byNumber)) {
    const key = keyOf(name, parameters);
    found.set(key, [...(found.get(key) ?? []), name]);
  }
  const order = Object.keys(KINDS);
  const rank = (key: string): number => (key in KINDS ? order.indexOf(key) : 0.5);
  return [...found]
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .map(([key, each]) => ({
      key,
      ...(KINDS[key] ?? { label: words(key), about: "", log: false }),
      names: each.slice(0, MOST_LINES),
    }));
}

const byNumber = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });

function keyOf(name: string, parameters: readonly string[] | null): string {
  const dot = name.indexOf(".");
  if (dot > 0) return name.slice(0, dot);
  if (parameters?.includes(name)) return "parameters";
  if (parameters === null && name !== "learning_rate") return "unknowns";
  return name.replace(/^(train|training|validation|test)_/, "");
}

/** A line's words: the layer's for "gradient_norm.0" ("0 linear", if the spec tells its type), else the series'. */
export function lineWords(name: string, layers: unknown): string {
  const dot = name.indexOf(".");
  if (dot < 0) return words(name);
  const place = name.slice(dot + 1);
  const type = typeAt(layers, place.split("."));
  return type ? `${place} ${words(type)}` : place;
}

/** The type of the layer at a path of indices; null for names below a layer, and for layers without a type. */
function typeAt(layers: unknown, path: readonly string[]): string | null {
  let at: unknown = layers;
  for (const part of path) at = (Array.isArray(at) ? at : inner(at))?.[Number(part)];
  return hasType(at) ? at.type : null;
}

function inner(layer: unknown): readonly unknown[] | null {
  if (typeof layer !== "object" || layer === null) return null;
  const { layers, branches } = layer as { layers?: unknown; branches?: unknown };
  const found = layers ?? branches;
  return Array.isArray(found) ? found : null;
}

function hasType(layer: unknown): layer is { type: string } {
  return typeof layer === "object" && layer !== null && "type" in layer && typeof layer.type === "string";
}
