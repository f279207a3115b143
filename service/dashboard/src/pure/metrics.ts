/** Metrics of a result: single numbers, and those that have a number for each class. */

import { number, words } from "./format.ts";

type Metric = number | string | null | readonly Metric[];

/** The single numbers, in their order. */
export function singles(metrics: Readonly<Record<string, Metric>>): [string, number | string | null][] {
  return Object.entries(metrics).filter((entry): entry is [string, number | string | null] => !isList(entry[1]));
}

/** The others as aligned text, each below its name; a confusion matrix has a row for each target. */
export function tables(metrics: Readonly<Record<string, Metric>>): string {
  return Object.entries(metrics)
    .flatMap(([name, value]) => (isList(value) ? [`${words(name)}\n${rowsOf(value)}`] : []))
    .join("\n\n");
}

function isList(value: Metric): value is readonly Metric[] {
  return Array.isArray(value);
}

function rowsOf(table: readonly Metric[]): string {
  const first = table[0];
  if (first !== undefined && isList(first) && first.some(isList)) {
    return table.map((each) => rowsOf(each as readonly Metric[])).join("\n\n");
  }
  const rows = first !== undefined && isList(first) ? (table as readonly (readonly Metric[])[]) : [table];
  const cells = rows.map((row) => row.map((value) => (isList(value) ? "" : number(value))));
  const width = Math.max(...cells.flat().map((cell) => cell.length));
  return cells.map((row) => row.map((cell) => cell.padStart(width)).join("  ")).join("\n");
}
