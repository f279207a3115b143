/** The curve itself: uPlot with the page's colours, log or linear, zoom by mouse, touch pad, buttons and keys. */

import uPlot from "uplot";
import { count } from "../pure/format.ts";
import { EMPTY, type History } from "../pure/history.ts";
import { linesOf, type Lines } from "../pure/lines.ts";
import { allMarks, axisSize, linearRange, logRange, logSplits, POWERS, tick } from "./scales.ts";

export interface ChartOptions {
  readonly names: readonly string[];
  readonly log: boolean;
  /** Draw a line through the middle of noisy series. */
  readonly smooth: boolean;
  readonly height: number;
  readonly onZoom: (window: Window | null) => void;
  /** The step under the pointer, or null. */
  readonly onStep: (step: number | null) => void;
}

/** A window of steps. */
export interface Window {
  readonly low: number;
  readonly high: number;
}

const AXIS_FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

const css = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** How many colours the style sheet has; further lines are dashed. */
const COLORS = 8;

const nameOf = (index: number): string => `--series-${(index % COLORS) + 1}`;

/** Whether the n-th line has the colour of one before it. */
export const isDashed = (index: number): boolean => Math.floor(index / COLORS) % 2 === 1;

/** The colour of the n-th series, for styles; the style sheet defines it. */
export const colorOf = (index: number): string => `var(${nameOf(index)})`;

/** The same for a canvas, which knows no variables. */
const seriesColor = (index: number): string => css(nameOf(index));

const faded = (color: string, percent: number): string =>
  `color-mix(in srgb, ${color} ${percent}%, transparent)`;

/** Where the n-th series' greatest, least, faint and bold values are in uPlot's table. */
const columnsOf = (index: number): [number, number, number, number] => [
  1 + 4 * index,
  2 + 4 * index,
  3 + 4 * index,
  4 + 4 * index,
];

const isLine = (column: number): boolean => column % 4 === 0;

function seriesOptions(index: number): uPlot.Series[] {
  const color = seriesColor(index);
  const edge: uPlot.Series = { stroke: "transparent", width: 0, points: { show: false } };
  return [
    edge,
    edge,
    { stroke: faded(color, 30), width: 1.5, points: { show: false } },
    {
      stroke: color,
      width: 2,
      points: { size: 5, fill: color },
      ...(isDashed(index) ? { dash: [5, 4] } : {}),
    },
  ];
}

export class CurveChart {
  private readonly plot: uPlot;
  private readonly options: ChartOptions;
  private window: Window | null = null;
  private setting = false;
  constructor(parent: HTMLElement, options: ChartOptions) {
    this.options = options;
    this.plot = new uPlot(this.plotOptions(parent.clientWidth), [[]], parent);
  }

  /** Draws `history`; a zoomed window stays where it is. */
  draw(history: History, hidden: ReadonlySet<string>): void {
    const tables = this.options.names.map((name) =>
      this.table(linesOf(history[name] ?? EMPTY, this.options.smooth)),
    );
    this.setting = true;
    this.plot.batch(() => {
      this.options.names.forEach((name, i) => {
        const show = !hidden.has(name);
        for (const at of columnsOf(i)) {
          if (this.plot.series[at]?.show !== show) this.plot.setSeries(at, { show });
        }
      });
      this.plot.setData(uPlot.join(tables), this.window === null);
      if (this.window) this.plot.setScale("x", { min: this.window.low, max: this.window.high });
    });
    this.setting = false;
  }

  resize(width: number): void {
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.options.height });
  }

  /** Shows a window, or everything. */
  show(window: Window | null): void {
    const steps = this.plot.data[0];
    const first = steps[0] ?? 0;
    const last = steps.at(-1) ?? 1;
    this.window = window === null || window.high - window.low >= last - first ? null : window;
    this.setting = true;
    this.plot.setScale(
      "x",
      this.window ? { min: this.window.low, max: this.window.high } : { min: first, max: last },
    );
    this.setting = false;
    this.options.onZoom(this.window);
  }

  /** Zooms by `factor` (< 1: closer) about the middle, and moves by `shift` of the width, within the run. */
  move(factor: number, shift: number): void {
    const { min, max } = this.plot.scales["x"] ?? {};
    const steps = this.plot.data[0];
    if (min == null || max == null || steps.length < 2) return;
    const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 1];
    const width = Math.max(4, (max - min) * factor);
    const middle = (min + max) / 2 + shift * (max - min);
    const low = Math.max(first, Math.min(last - width, middle - width / 2));
    this.show({ low, high: Math.min(last, low + width) });
  }

  destroy(): void {
    this.plot.destroy();
  }

  /** Lines as uPlot takes them; what cannot be drawn (not finite; not positive on a log scale) leaves a gap. */
  private table({ steps, line, range, points }: Lines): uPlot.AlignedData {
    const drawable = (value: number): boolean => Number.isFinite(value) && (!this.options.log || value > 0);
    const column = (values: readonly number[] | undefined): (number | null)[] =>
      values ? values.map((value) => (drawable(value) ? value : null)) : steps.map(() => null);
    // On a log scale a range that begins at or below 0 begins where the line's least value is.
    const least = this.options.log ? line.filter(drawable).reduce((a, b) => Math.min(a, b), Infinity) : 0;
    const low = range?.low.map((value) => (this.options.log && value <= 0 ? least : value));
    return [[...steps], column(range?.high), column(low), column(points), column(line)];
  }

  private plotOptions(width: number): uPlot.Options {
    const axis = {
      stroke: css("--muted"),
      font: AXIS_FONT,
      grid: { stroke: css("--grid"), width: 1 },
      ticks: { show: false },
    };
    return {
      width,
      height: this.options.height,
      padding: [12, 12, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false },
        y: this.options.log ? { distr: 3, range: logRange } : { range: linearRange },
      },
      axes: [
        {
          ...axis,
          values: (_, splits) => splits.map((step) => (Number.isInteger(step) ? count(step) : "")),
          size: 32,
          space: 70,
        },
        {
          ...axis,
          values: (_, splits) => splits.map((value) => (value === null ? "" : tick(value))),
          size: axisSize,
          ...(this.options.log ? { incrs: POWERS, splits: logSplits, filter: allMarks } : {}),
        },
      ],
      cursor: {
        y: false,
        drag: { x: true, y: false, dist: 4 },
        points: { size: (_, at) => (isLine(at) ? 7 : 0) },
      },
      series: [
        {},
        ...this.options.names.flatMap((_, i) => seriesOptions(i)),
      ],
      bands: this.options.names.map((_, i) => {
        const [high, low] = columnsOf(i);
        return { series: [high, low], fill: faded(seriesColor(i), 25) };
      }),
      hooks: {
        setScale: [(plot, scale) => this.scaled(plot, scale)],
        setCursor: [
          (plot) =>
            this.options.onStep(plot.cursor.idx == null ? null : (plot.data[0][plot.cursor.idx] ?? null)),
        ],
      },
    };
  }

  /** Tells of a zoom that a person made with the mouse (drag; double click for everything). */
  private scaled(plot: uPlot, scale: string): void {
    const { min, max } = plot.scales["x"] ?? {};
    if (scale !== "x" || this.setting || min == null || max == null) return;
    const steps = plot.data[0];
    const whole = min <= (steps[0] ?? 0) && max >= (steps.at(-1) ?? 0);
    this.window = whole ? null : { low: min, high: max };
    this.options.onZoom(this.window);
  }
}
