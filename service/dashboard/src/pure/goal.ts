/** Whether a search came where it wanted, in words. */

import { number } from "./format.ts";

interface Ended {
  readonly value?: number | string | null;
  readonly reached?: boolean | null;
}
type Fields = { readonly [key: string]: unknown };

const RULES = { value_below: "a value below", gradient_norm_below: "a gradient shorter than" };

/** Null where the search wanted nothing, and for a training. */
export function goalWords(spec: Fields, result: Ended): string | null {
  if (result.reached === null || result.reached === undefined) return null;
  return `${result.reached ? "reached" : "not reached"}: ${compared(spec, Number(result.value))}`;
}

function compared(spec: Fields, value: number): string {
  if (spec["kind"] === "solve") {
    const apart = Math.abs(value - Number(spec["target"]));
    return `the value is ${number(apart)} from the target, and may be ${number(Number(spec["tolerance"]))}`;
  }
  const stop = (spec["stop"] ?? {}) as Fields;
  const wanted = Object.entries(RULES).flatMap(([key, words]) => {
    const rule = stop[key];
    return typeof rule === "number" ? [`${words} ${number(rule)}`] : [];
  });
  return `wanted was ${wanted.join(" or ")}`;
}
