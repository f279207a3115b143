/** Words around a curve: its series with their values, what could not be drawn, and a summary for the ear. */

import type { Signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { JSX } from "preact";
import { count, number } from "../pure/format.ts";
import { EMPTY, explodes, firstNonFinite, lowest, type History, type Series } from "../pure/history.ts";
import { colorOf, isDashed } from "./chart.ts";

type Label = (name: string) => string;

interface LegendProps {
  readonly names: readonly string[];
  readonly label: Label;
  readonly shown: History;
  readonly step: number | null;
  readonly hidden: Signal<ReadonlySet<string>>;
}

export function Legend({ names, label, shown, step, hidden }: LegendProps): JSX.Element {
  const toggle = (name: string): void => {
    const next = new Set(hidden.value);
    if (!next.delete(name)) next.add(name);
    hidden.value = next;
  };
  return (
    <div class="legend">
      {names.map((name, i) => (
        <button key={name} type="button" aria-pressed={!hidden.value.has(name)} onClick={() => toggle(name)}>
          <span
            class={isDashed(i) ? "legend-line is-dashed" : "legend-line"}
            style={{ color: colorOf(i) }}
            aria-hidden="true"
          />
          {label(name)} <Reading series={shown[name] ?? EMPTY} step={step} />
        </button>
      ))}
      <span class="legend-step mono">{step === null ? "latest" : `step ${count(step)}`}</span>
    </div>
  );
}

/** The value at a step, or the last one before it: an epoch's series has one point for many steps. */
function Reading({ series, step }: { series: Series; step: number | null }): JSX.Element {
  const { steps, values, buckets } = series;
  if (step === null) return <b class="mono">{number(values.at(-1))}</b>;
  const at = steps.findLastIndex((each) => each <= step);
  if (!buckets || (buckets.count[at] ?? 1) === 1) return <b class="mono">{number(values[at])}</b>;
  return (
    <>
      <span class="muted">mean</span> <b class="mono">{number(buckets.mean[at])}</b>{" "}
      <span class="mono muted">
        {number(buckets.min[at])} to {number(buckets.max[at])}
      </span>
    </>
  );
}

export function Notes({
  names,
  label,
  history,
  log,
}: {
  names: readonly string[];
  label: Label;
  history: History;
  log: boolean;
}): JSX.Element {
  const grows = !log && names.some((name) => explodes(history[name] ?? EMPTY));
  const notes = useMemo(
    () =>
      names.flatMap((name) => {
        const series = history[name] ?? EMPTY;
        const bad = firstNonFinite(series);
        const low = log && (series.buckets?.min ?? series.values).some((value) => value <= 0);
        return [
          ...(bad ? [`${label(name)} is ${number(bad.value)} at step ${count(bad.step)}: not drawn.`] : []),
          ...(low ? [`${label(name)}: values of 0 and below have no place on a log scale.`] : []),
        ];
      }),
    [names.join(), history, log],
  );
  return (
    <span class="note">
      {grows ? "It grows beyond what a linear scale can show: choose Log. " : ""}
      {notes.length ? notes.join(" ") : "Drag to zoom, double-click for the whole run."}
    </span>
  );
}

export function summary(names: readonly string[], label: Label, history: History): string {
  const said = names.map((name) => {
    const series = history[name] ?? EMPTY;
    const { steps, values } = series;
    return `${label(name)}: ${number(values[0])} at step ${steps[0] ?? 0}, ${number(values.at(-1))} at step ${steps.at(-1) ?? 0}, lowest ${number(lowest(series))}.`;
  });
  return said.length ? `Curve. ${said.join(" ")}` : "Curve without points yet.";
}
