/** Numbers, spans and moments in words, in one place so that the whole page says them alike. */

/** A measured number: six significant digits at most, exponents only where they help. */
export function number(value: number | string | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const n = Number(value);
  if (Number.isNaN(n)) return "NaN";
  if (!Number.isFinite(n)) return n > 0 ? "∞" : "−∞";
  if (n === 0) return "0";
  const size = Math.abs(n);
  const text =
    size >= 1e6 || size < 1e-4
      ? n.toExponential(3).replace(/\.?0+e/, "e")
      : String(Number(n.toPrecision(size < 1 ? 4 : 6)));
  return text.replace("-", "−").replace(/e\+?/, "e").replace("e-", "e−");
}

/** A count with thin spaces between thousands: 1 234 567. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function percent(fraction: number): string {
  const value = Math.max(0, Math.min(1, fraction)) * 100;
  // 99.96 % must not read as done.
  return `${value < 100 && value > 99 ? Math.floor(value) : Math.round(value)}\u202f%`;
}

/** A span of time in its two largest units: "850 ms", "3.2 s", "4 min 05 s", "2 h 10 min", "3 d 4 h". */
export function span(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const two = (big: number, small: number, units: [string, string]): string =>
    `${big} ${units[0]}${small > 0 ? ` ${String(small).padStart(2, "0")} ${units[1]}` : ""}`;
  if (whole < 3600) return two(Math.floor(whole / 60), whole % 60, ["min", "s"]);
  if (whole < 86_400) return two(Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), ["h", "min"]);
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** How long ago, for lists: "just now", "40 s ago", "5 min ago", "2 h ago", "3 d ago". */
export function ago(moment: number, now: number): string {
  const seconds = Math.max(0, (now - moment) / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Steps a second. */
export function speed(stepsPerSecond: number | null): string {
  if (stepsPerSecond === null || !Number.isFinite(stepsPerSecond)) return "–";
  if (stepsPerSecond >= 100) return `${count(stepsPerSecond)} steps/s`;
  return `${stepsPerSecond >= 10 ? Math.round(stepsPerSecond) : stepsPerSecond.toFixed(1)} steps/s`;
}

/** Signs that take room without being seen: fillers, and the empty braille pattern. */
const BLANK = /[\s\p{C}\p{Z}\p{M}\u115f\u1160\u2800\u3164\uffa0]/gu;

/** What a job goes by: its name, or its id where it has none that can be seen. */
export function nameOf(job: { readonly id: string; readonly name: string | null }): string {
  return job.name === null || job.name.replace(BLANK, "") === "" ? job.id : job.name;
}

/** Lower-case machine words as people read them: "waiting_for_workers" is "waiting for workers". */
export function words(code: string): string {
  return code.replaceAll("_", " ");
}

/** An ISO moment in milliseconds since the epoch; null when absent or unreadable. */
export function moment(iso: string | null | undefined): number | null {
  const at = iso ? Date.parse(iso) : NaN;
  return Number.isNaN(at) ? null : at;
}

/** The time of day with milliseconds, for timelines. */
export function clockTime(at: number): string {
  const date = new Date(at);
  const pad = (n: number, width = 2): string => String(n).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}
