/** A job's recorded curves: which series, log or linear, zoom, and the values under the pointer. */

import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { words } from "../pure/format.ts";
import { EMPTY, explodes, families, type History, type Series } from "../pure/history.ts";
import { CurveChart, type Window } from "./chart.ts";
import { Legend, Notes, summary } from "./legend.tsx";

interface CurveProps {
  readonly history: Signal<History>;
  /** Denser points of a window, for a zoomed curve. */
  readonly detail: (low: number, high: number, stop: AbortSignal) => Promise<History>;
}

const LOG = "lockstep.log";
const HEIGHT = 320;
const NARROW_HEIGHT = 240;

/** Below this many points in a zoomed window it is worth asking for denser ones. */
const SPARSE = 400;

export function Curve({ history, detail }: CurveProps): JSX.Element {
  const found = families(Object.keys(history.value).filter((name) => history.value[name]?.steps.length));
  const wanted = useSignal("loss");
  const chosen = useSignal(sessionStorage.getItem(LOG));
  const smooth = useSignal(true);
  const family = found.has(wanted.value) ? wanted.value : ([...found.keys()][0] ?? "loss");
  const names = found.get(family) ?? [];
  // Until somebody chooses, an explosion is shown on the scale that can show it.
  const log =
    chosen.value === null
      ? names.some((name) => explodes(history.value[name] ?? EMPTY))
      : chosen.value === "1";
  const setLog = (on: boolean): void => {
    chosen.value = on ? "1" : "0";
    sessionStorage.setItem(LOG, chosen.value);
  };
  return (
    <>
      <div class="curve-tools">
        {found.size > 1 ? (
          <label class="field-inline">
            <span class="curve-label">Series</span>
            <select value={family} onChange={(event) => (wanted.value = event.currentTarget.value)}>
              {[...found.keys()].map((name) => (
                <option key={name} value={name}>
                  {words(name)}
                </option>
              ))}
            </select>
          </label>
        ) : null}
        <button
          type="button"
          class="toggle"
          aria-pressed={smooth.value}
          onClick={() => (smooth.value = !smooth.value)}
        >
          Trend
        </button>
        <div class="switch" role="group" aria-label="Scale of the values">
          <button type="button" aria-pressed={!log} onClick={() => setLog(false)}>
            Linear
          </button>
          <button type="button" aria-pressed={log} onClick={() => setLog(true)}>
            Log
          </button>
        </div>
      </div>
      <Plot
        key={`${names.join()} ${log} ${smooth.value}`}
        names={names}
        log={log}
        smooth={smooth.value}
        history={history}
        detail={detail}
      />
    </>
  );
}

interface PlotProps extends CurveProps {
  readonly names: readonly string[];
  readonly log: boolean;
  readonly smooth: boolean;
}

/** One chart for one choice of series and scale. */
function Plot({ names, log, smooth, history, detail }: PlotProps): JSX.Element {
  const parent = useRef<HTMLDivElement>(null);
  const chart = useRef<CurveChart | null>(null);
  const zoom = useSignal<Window | null>(null);
  const step = useSignal<number | null>(null);
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const dense = useSignal<History | null>(null);
  const shown = zoom.value && dense.value ? dense.value : history.value;

  useEffect(() => {
    const element = parent.current;
    if (!element) return undefined;
    const make = (): void => {
      chart.current?.destroy();
      chart.current = new CurveChart(element, {
        names,
        log,
        smooth,
        height: element.clientWidth < 560 ? NARROW_HEIGHT : HEIGHT,
        onZoom: (window) => (zoom.value = window),
        onStep: (at) => (step.value = at),
      });
      chart.current.draw(history.peek(), hidden.peek());
      zoom.value = null;
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
  }, []);

  useEffect(() => chart.current?.draw(shown, hidden.value), [shown, hidden.value]);
  useDetail(zoom, dense, { names, history, detail });

  return (
    <div class="curve">
      <Legend names={names} shown={shown} step={step.value} hidden={hidden} />
      <div
        class="curve-plot"
        ref={parent}
        role="img"
        tabIndex={0}
        aria-label={`${summary(names, history.value)} Keys: plus and minus zoom, arrows move, 0 shows everything.`}
        onKeyDown={(event) => onKey(event, chart.current)}
      />
      <div class="curve-foot">
        <Notes names={names} history={history.value} log={log} />
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
            disabled={!zoom.value}
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
  props: Omit<PlotProps, "log" | "smooth">,
): void {
  const window = zoom.value;
  useEffect(() => {
    dense.value = null;
    const series = props.history.peek()[props.names[0] ?? ""];
    if (!window || !series || !isSparse(series, window)) return undefined;
    const controller = new AbortController();
    // A pause, so that a hand on the zoom button does not ask for each stop on the way.
    const timer = setTimeout(() => {
      props.detail(window.low, window.high, controller.signal).then(
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
