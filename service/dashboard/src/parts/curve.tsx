/** A group of a job's series: log or linear, zoom, and the values under the pointer. */

import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import type { Group } from "../pure/groups.ts";
import { EMPTY, explodes, type History, type Series } from "../pure/history.ts";
import type { SeriesWatch } from "../watch.ts";
import { CurveChart, type Window } from "./chart.ts";
import { Legend, Notes, summary } from "./legend.tsx";

interface CurveProps {
  readonly group: Group;
  readonly watch: SeriesWatch;
  /** A line's words in the legend. */
  readonly label: (name: string) => string;
  /** Whether a trend is offered, for series that have a value at every step. */
  readonly restless?: boolean;
}

const LOG = "lockstep.log";
const heightOf = (width: number): number => (width < 560 ? 240 : width < 1000 ? 320 : 420);

/** Below this many points in a zoomed window it is worth asking for denser ones. */
const SPARSE = 400;

export function Curve({ group, watch, label, restless }: CurveProps): JSX.Element {
  const history = watch.history;
  const names = group.names.filter((name) => history.value[name]?.steps.length);
  const kept = `${LOG}.${group.key}`;
  const chosen = useSignal(sessionStorage.getItem(kept));
  const smooth = useSignal(restless === true);
  // Until somebody chooses, an explosion is shown on the scale that can show it.
  const log =
    chosen.value === null
      ? group.log || names.some((name) => explodes(history.value[name] ?? EMPTY))
      : chosen.value === "1";
  const setLog = (on: boolean): void => {
    chosen.value = on ? "1" : "0";
    sessionStorage.setItem(kept, chosen.value);
  };
  return (
    <>
      <div class="curve-tools">
        {restless ? (
          <button
            type="button"
            class="toggle"
            aria-pressed={smooth.value}
            onClick={() => (smooth.value = !smooth.value)}
          >
            Trend
          </button>
        ) : null}
        <div class="switch" role="group" aria-label={`Scale of the ${group.label}`}>
          <button type="button" aria-pressed={!log} onClick={() => setLog(false)}>
            Linear
          </button>
          <button type="button" aria-pressed={log} onClick={() => setLog(true)}>
            Log
          </button>
        </div>
      </div>
      <Plot names={names} log={log} smooth={smooth.value} watch={watch} label={label} />
    </>
  );
}

interface PlotProps extends Pick<CurveProps, "watch" | "label"> {
  readonly names: readonly string[];
  readonly log: boolean;
  readonly smooth: boolean;
}

/** The chart. Another choice of series or scale makes a new one in its place; zoom, focus and hidden lines stay. */
function Plot({ names, log, smooth, watch, label }: PlotProps): JSX.Element {
  const history = watch.history;
  const parent = useRef<HTMLDivElement>(null);
  const chart = useRef<CurveChart | null>(null);
  const zoom = useSignal<Window | null>(null);
  const step = useSignal<number | null>(null);
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const dense = useSignal<History | null>(null);
  const shown = zoom.value && dense.value ? dense.value : history.value;
  const choice = `${names.join()} ${log} ${smooth}`;

  useEffect(() => {
    const element = parent.current;
    if (!element) return undefined;
    const make = (): void => {
      chart.current?.destroy();
      chart.current = new CurveChart(element, {
        names,
        log,
        smooth,
        height: heightOf(element.clientWidth),
        onZoom: (window) => (zoom.value = window),
        onStep: (at) => (step.value = at),
      });
      chart.current.draw(history.peek(), hidden.peek());
      if (zoom.peek()) chart.current.show(zoom.peek());
    };
    make();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", make);
    const observer = new ResizeObserver(() => chart.current?.resize(element.clientWidth));
    observer.observe(element);
    return () => {
      dark.removeEventListener("change", make);
      observer.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [choice]);

  useEffect(() => chart.current?.draw(shown, hidden.value), [choice, shown, hidden.value]);
  useDetail(zoom, dense, watch, names);

  return (
    <div class="curve">
      <Legend names={names} label={label} shown={shown} step={step.value} hidden={hidden} />
      <div
        class="curve-plot"
        ref={parent}
        role="img"
        tabIndex={0}
        aria-label={`${summary(names, label, history.value)} Keys: plus and minus zoom, arrows move, 0 shows everything.`}
        onKeyDown={(event) => onKey(event, chart.current)}
      />
      <div class="curve-foot">
        <Notes names={names} label={label} history={history.value} log={log} />
        <span class="curve-zoom">
          <button
            type="button"
            class="button small quiet"
            aria-label="Zoom in"
            onClick={() => chart.current?.move(0.5, 0)}
          >
            +
          </button>
          <button
            type="button"
            class="button small quiet"
            aria-label="Zoom out"
            onClick={() => chart.current?.move(2, 0)}
          >
            −
          </button>
          <button
            type="button"
            class="button small quiet"
            aria-disabled={!zoom.value}
            onClick={() => chart.current?.show(null)}
          >
            Whole run
          </button>
        </span>
      </div>
    </div>
  );
}

/** Fetches denser points of the zoomed window when the ones at hand are too few for it. */
function useDetail(
  zoom: Signal<Window | null>,
  dense: Signal<History | null>,
  watch: SeriesWatch,
  names: readonly string[],
): void {
  const window = zoom.value;
  useEffect(() => {
    dense.value = null;
    const series = watch.history.peek()[names[0] ?? ""];
    if (!window || !series || !isSparse(series, window)) return undefined;
    const controller = new AbortController();
    // A pause, so that a hand on the zoom button does not ask for each stop on the way.
    const timer = setTimeout(() => {
      watch.detail(window.low, window.high, controller.signal).then(
        (found) => (dense.value = found),
        // The coarse curve stays; the poller is the one to say that the service is away.
        () => undefined,
      );
    }, 200);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [window]);
}

function isSparse(series: Series, { low, high }: Window): boolean {
  const inside = series.steps.filter((step) => step >= low && step <= high).length;
  return inside < Math.min(SPARSE, (high - low) * 0.9);
}

function onKey(event: KeyboardEvent, chart: CurveChart | null): void {
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    "+": [0.5, 0],
    "=": [0.5, 0],
    "-": [2, 0],
    ArrowLeft: [1, -0.2],
    ArrowRight: [1, 0.2],
  };
  const move = moves[event.key];
  if (event.key === "0" || event.key === "Escape") chart?.show(null);
  else if (move && !event.ctrlKey && !event.metaKey) chart?.move(...move);
  else return;
  event.preventDefault();
}
