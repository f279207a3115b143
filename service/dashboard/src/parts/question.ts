/** A question that may take long to answer: what it waits for, its answer, or why there is none. */

import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Asking } from "../api/calls.ts";
import { explain } from "../api/http.ts";

export type Progress<T> =
  | { readonly state: "none" }
  | { readonly state: "busy"; readonly message: string }
  | { readonly state: "done"; readonly answer: T }
  | { readonly state: "failed"; readonly message: string };

export interface Question<T> {
  readonly progress: Signal<Progress<T>>;
  /** Asks, in place of a question before that has no answer yet. */
  readonly ask: (question: (asking: Asking) => Promise<T>) => void;
  readonly stop: () => void;
}

/** One question at a time, given up when the component goes. */
export function useQuestion<T>(): Question<T> {
  const progress = useSignal<Progress<T>>({ state: "none" });
  const current = useRef<AbortController | null>(null);
  const stop = (): void => {
    current.current?.abort();
    if (progress.peek().state === "busy") progress.value = { state: "none" };
  };
  const ask = (question: (asking: Asking) => Promise<T>): void => {
    stop();
    const { signal } = (current.current = new AbortController());
    const tell = (next: Progress<T>): void => {
      if (!signal.aborted) progress.value = next;
    };
    tell({ state: "busy", message: "" });
    question({ signal, onPending: (message) => tell({ state: "busy", message }) }).then(
      (answer) => tell({ state: "done", answer }),
      (error: unknown) => tell({ state: "failed", message: explain(error) }),
    );
  };
  useEffect(() => () => current.current?.abort(), []);
  return { progress, ask, stop };
}
