/** Numbers of an explained step in little room: arrays by their first values or their norm, norms as shares. */

import { count, number } from "./format.ts";

/** As many values as a narrow line holds. */
const MOST_VALUES = 4;

/** A number, a short list, or a larger array by its shape and norm. Arrays come as nested lists or as a summary. */
export function brief(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number" || typeof value === "string") return number(value);
  if (!Array.isArray(value)) {
    const { shape, norm } = value as { shape?: unknown; norm?: unknown };
    return Array.isArray(shape) ? large(shape as number[], Number(norm)) : "–";
  }
  const flat = value.flat(Infinity).map(Number);
  if (flat.length <= MOST_VALUES) return `[${flat.map(number).join(", ")}]`;
  return large(shapeOf(value), Math.hypot(...flat));
}

function large(shape: readonly number[], norm: number): string {
  return `${shape.map(count).join(" × ")} numbers, norm ${number(norm)}`;
}

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}

export interface Bar {
  readonly name: string;
  readonly norm: number | string;
  /** Of the largest finite norm, 0 to 1. */
  readonly share: number;
}

/** The norms in the order of their names' numbers, each with its share of the largest. */
export function barsOf(norms: Readonly<Record<string, number | string>>): readonly Bar[] {
  const finite = Object.values(norms).map(Number).filter(Number.isFinite);
  const most = Math.max(0, ...finite);
  return Object.entries(norms)
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
    .map(([name, norm]) => ({ name, norm, share: shareOf(Number(norm), most) }));
}

function shareOf(norm: number, most: number): number {
  if (!Number.isFinite(norm)) return 1;
  return most > 0 ? norm / most : 0;
}
