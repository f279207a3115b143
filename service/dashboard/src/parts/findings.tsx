/** What the service noticed about a job, with what to try. */

import type { JSX } from "preact";
import { count } from "../pure/format.ts";
import type { Finding } from "../pure/findings.ts";

export function Findings({ findings }: { findings: readonly Finding[] }): JSX.Element | null {
  if (findings.length === 0) return null;
  return (
    <section class="told" aria-label="Findings">
      <h2>{findings.length === 1 ? "One thing stands out" : `${findings.length} things stand out`}</h2>
      <ul>
        {findings.map(({ code, title, layers, step, message }) => (
          <li key={code}>
            <strong>{title}</strong>
            {step === null ? null : <span class="muted"> at step {count(step)}</span>}
            <p>
              {message}
              {layers.length > 1 ? ` The same holds for ${layersOf(layers.slice(1))}.` : ""}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function layersOf(layers: readonly string[]): string {
  if (layers.length === 1) return `layer ${layers[0]}`;
  return `layers ${layers.slice(0, -1).join(", ")} and ${layers.at(-1)}`;
}
