/** A job's spec in words: what a person wants to know first, with everything else left to the JSON below it. */

import { count, number } from "./format.ts";
import type { Json, JsonObject } from "./json.ts";

export interface Description {
  /** The layers in order, or the one expression. */
  readonly model: readonly string[];
  readonly isExpression: boolean;
  readonly rows: readonly (readonly [string, string])[];
}

export function describe(spec: JsonObject): Description {
  const model = fields(spec["model"]);
  const formula = spec["objective"] ?? spec["expression"];
  const expression = formula ?? model["expression"];
  const rows: [string, string][] = [];
  const add = (name: string, text: string): void => {
    if (text !== "") rows.push([name, text]);
  };
  if (typeof expression === "string") add("Start", pairs(fields(spec["start"] ?? model["parameters"])));
  if (spec["solve_for"] !== undefined) add("Solved for", plain(spec["solve_for"]));
  if (spec["target"] !== undefined) add("Target", `${plain(spec["target"])} ± ${plain(spec["tolerance"] ?? 0)}`);
  if (spec["refresh_gradient"] === false) add("Gradient", "that of the start throughout");
  add("Data", dataOf(fields(spec["data"])));
  add("Loss", named(spec["loss"]));
  add("Optimizer", named(spec["optimizer"]));
  add("Schedule", named(withoutWarmup(fields(spec["schedule"]))));
  add("Clipping", pairs(fields(spec["clip"])));
  add("Penalty", pairs(fields(spec["penalty"])));
  add("Metrics", Array.isArray(spec["metrics"]) ? (spec["metrics"] as readonly Json[]).map(named).join("; ") : "");
  add("Batches", batchesOf(spec));
  add("Epochs", typeof spec["epochs"] === "number" ? count(spec["epochs"]) : "");
  add("Steps", typeof spec["steps"] === "number" ? `at most ${count(spec["steps"])}` : "");
  add("Stops early", stopOf(fields(spec["stop"])));
  return {
    model: typeof expression === "string" ? [expression] : layersOf(model["layers"] ?? []),
    isExpression: typeof expression === "string",
    rows,
  };
}

function fields(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function layersOf(layers: Json): string[] {
  if (!Array.isArray(layers)) return [];
  return (layers as readonly Json[]).flatMap((layer) =>
    Array.isArray(layer) ? layersOf(layer) : [layerOf(fields(layer))],
  );
}

/** What a layer does unless it is told otherwise. */
const USUAL: JsonObject = {
  stride: 1,
  padding: 0,
  dilation: 1,
  groups: 1,
  eps: 1e-5,
  layer_norm_eps: 1e-5,
  momentum: 0.1,
  affine: true,
  elementwise_affine: true,
  num_layers: 1,
};

/** Sizes along several axes are usual where each of them is. */
function isUsual([name, value]: readonly [string, Json]): boolean {
  return Array.isArray(value) ? value.length > 0 && value.every((each) => each === USUAL[name]) : value === USUAL[name];
}

function layerOf(layer: JsonObject): string {
  const { type, in: input, out, bias, layers, branches, ...settings } = layer;
  const rest = Object.fromEntries(Object.entries(settings).filter((each) => !isUsual(each)));
  const width = input !== undefined && out !== undefined ? ` ${plain(input)} → ${plain(out)}` : "";
  const within = Array.isArray(branches) ? branches.map((each) => layersOf([each]).join(" → ")).join(" | ") : "";
  const extra = [layersOf(layers ?? []).join(" → "), within, pairs(rest), bias === false ? "no bias" : ""]
    .filter((part) => part !== "")
    .join(", ");
  return `${plain(type ?? "layer").replaceAll("_", " ")}${width}${extra ? ` (${extra})` : ""}`;
}

function dataOf(data: JsonObject): string {
  const parts: string[] = [];
  if (typeof data["builtin"] === "string") parts.push(data["builtin"]);
  else if (typeof data["generator"] === "string") {
    const { generator, test_fraction: _t, validation_fraction: _v, standardize: _s, augment: _a, ...rest } = data;
    parts.push(`generated ${plain(generator ?? "")}`, pairs(rest));
  } else if (data["inline"] !== undefined) parts.push(inlineOf(fields(data["inline"])));
  const share = (name: string, what: string): void => {
    const value = data[name];
    if (typeof value === "number" && value > 0) parts.push(`${number(value * 100)} % for ${what}`);
  };
  share("validation_fraction", "validation");
  share("test_fraction", "test");
  if (data["standardize"] === true) parts.push("standardized");
  const augment = Array.isArray(data["augment"]) ? (data["augment"] as readonly Json[]).map(named) : [];
  if (augment.length > 0) parts.push(`augmented by ${augment.join("; ")}`);
  return parts.filter((part) => part !== "").join(", ");
}

function inlineOf(inline: JsonObject): string {
  const x = inline["x"];
  if (!Array.isArray(x)) return "inline";
  const first = (x as readonly Json[])[0];
  const columns = Array.isArray(first) ? first.length : 1;
  const rows = `${count(x.length)} ${x.length === 1 ? "row" : "rows"}`;
  return `inline, ${rows} × ${columns} ${columns === 1 ? "column" : "columns"}`;
}

function batchesOf(spec: JsonObject): string {
  const size = spec["batch_size"];
  if (size === undefined) return "";
  if (size === "full") return "all rows at once";
  return `${plain(size)} rows, ${spec["shuffle"] === false ? "in order" : "shuffled"}`;
}

/** A schedule; its warm-up is worth a word only where there is one. */
function withoutWarmup({ warmup_steps: steps, warmup_start_factor: factor, ...schedule }: JsonObject): JsonObject {
  return steps ? { ...schedule, warmup_steps: steps, warmup_start_factor: factor ?? null } : schedule;
}

/** A least improvement matters only to patience. */
function stopOf({ min_delta: least, loss_below: goal, ...stop }: JsonObject): string {
  const others = pairs(least && stop["patience"] ? { ...stop, min_delta: least } : stop);
  return [goalOf(goal), others].filter((part) => part !== "").join(", ");
}

/** "loss below 0.1", or whose: "step loss below 0.1". */
function goalOf(goal: Json | undefined): string {
  if (goal === undefined || goal === null) return "";
  if (typeof goal !== "object") return `loss below ${plain(goal)}`;
  const { value, of } = fields(goal);
  return `${plain(of ?? "")} loss below ${plain(value ?? "")}`.trim();
}

/** Settings of an optimizer that are off at zero. */
const SWITCHES = ["momentum", "dampening", "weight_decay"];

/** "adam, learning rate 0.01, betas 0.9 0.999": a name, or an object with a type. */
function named(value: Json | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value.replaceAll("_", " ");
  const { type, ...rest } = fields(value);
  for (const name of SWITCHES) if (rest[name] === 0) delete (rest as Record<string, Json>)[name];
  return [plain(type ?? "").replaceAll("_", " "), pairs(rest)].filter((part) => part !== "").join(", ");
}

/** Names and values, without those that are switched off (null, false) or hold nothing. */
function pairs(values: JsonObject): string {
  return Object.entries(values)
    .filter(([, value]) => value !== null && value !== false && plain(value) !== "")
    .map(([name, value]) =>
      value === true ? name.replaceAll("_", " ") : `${name.replaceAll("_", " ")} ${plain(value)}`,
    )
    .join(", ");
}

function plain(value: Json): string {
  if (Array.isArray(value)) return (value as readonly Json[]).map(plain).join(" ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

const MOST_ITEMS = 16;

/** Indented JSON in which a list longer than `most` shows its first items and says how many more there are. */
export function shortJson(value: Json, most = MOST_ITEMS, indent = ""): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    const rest = items.length > most ? `, … ${count(items.length - most)} more` : "";
    const shown = items.slice(0, most).map((item) => shortJson(item, most, inner));
    if (items.every((item) => typeof item !== "object" || item === null))
      return `[${shown.join(", ")}${rest}]`;
    return `[\n${shown.map((item) => inner + item).join(",\n")}${rest}\n${indent}]`;
  }
  const entries = Object.entries(value as JsonObject);
  if (entries.length === 0) return "{}";
  const flat = entries.every(([, item]) => typeof item !== "object" || item === null);
  const text = entries.map(([name, item]) => `${JSON.stringify(name)}: ${shortJson(item, most, inner)}`);
  if (flat && text.join(", ").length < 70) return `{${text.join(", ")}}`;
  return `{\n${text.map((line) => inner + line).join(",\n")}\n${indent}}`;
}
