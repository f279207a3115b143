/** What the service noticed about a job: its findings come as events, one for each layer concerned. */

import { words } from "./format.ts";

export interface Finding {
  readonly code: string;
  readonly title: string;
  /** What was seen and what to try; of the layer in which it was seen first. */
  readonly message: string;
  /** The layers in which it was seen; empty for the model as a whole. */
  readonly layers: readonly string[];
  /** The last step that was looked at when it was told first. */
  readonly step: number | null;
}

interface Told {
  readonly type: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** One for each kind of finding, in the order in which they were told. */
export function findingsOf(events: readonly Told[]): readonly Finding[] {
  const found = new Map<string, Finding>();
  for (const { message, data } of events.filter((event) => event.type === "finding")) {
    const code = String(data["code"] ?? "finding");
    const layer = typeof data["layer"] === "string" ? [data["layer"]] : [];
    const known = found.get(code);
    const step = typeof data["step"] === "number" ? data["step"] : null;
    found.set(
      code,
      known
        ? { ...known, layers: [...known.layers, ...layer] }
        : { code, title: words(code), message, layers: layer, step },
    );
  }
  return [...found.values()];
}
