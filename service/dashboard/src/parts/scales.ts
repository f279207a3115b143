/** The axes of a curve: ranges, labels, and which marks of a log scale are worth a line. */

import type uPlot from "uplot";
import { number } from "../pure/format.ts";

/** A label of the value axis: no trailing zeros, exponents for the very small and large. */
export function tick(value: number): string {
  return number(Number(value.toPrecision(6)));
}

/** Room for the longest label. */
export const axisSize: uPlot.Axis.Size = (_, labels) =>
  Math.max(44, 18 + 7 * Math.max(0, ...(labels ?? []).map((l) => l.length)));

export const linearRange: uPlot.Range.Function = (_, low, high) => {
  if (low == null || high == null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  // A curve of positive values is not given room below zero; a sum beyond the largest number is none.
  const bottom = low >= 0 ? Math.max(0, low - room) : low - room;
  return [Math.max(-Number.MAX_VALUE, bottom), Math.min(Number.MAX_VALUE, high + room)];
};

export const logRange: uPlot.Range.Function = (_, low, high) => {
  if (low == null || high == null || low <= 0) return [0.1, 1];
  // At least one labelled power of ten each side of a curve that spans little.
  if (high / low < 10) return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.0001))];
  return [low / 1.3, high * 1.3];
};

/** Every power of ten: beyond uPlot's own largest increment it would draw no axis. */
export const POWERS: number[] = Array.from({ length: 633 }, (_, i) => Number(`1e${i - 324}`)).filter(
  (n) => n > 0,
);

/** The most labels that a log scale gets. */
const MOST_MARKS = 8;

/**
 * The marks of a log scale: powers of ten (each n-th of many), or 1, 2 and 5 of each where there are few. uPlot's own
 * add up a rounding error that shows after some dozens of decades.
 */
export const logSplits: uPlot.Axis.Splits = (_, __, low, high) => {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.max(1, Math.ceil((to - from) / MOST_MARKS));
  const digits = Math.log10(high / low) < 2 ? [1, 2, 5] : [1];
  const marks: number[] = [];
  for (let exponent = Math.ceil(from / every) * every; exponent <= to; exponent += every) {
    marks.push(...digits.map((digit) => Number(`${digit}e${exponent}`)));
  }
  return marks.filter((mark) => mark >= low && mark <= high);
};

/** Takes every mark that `logSplits` chose. */
export const allMarks = (_: uPlot, splits: number[]): number[] => splits;
