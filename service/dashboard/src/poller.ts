/** Looks at the service again and again, at the pace that what it sees deserves. */

import { useEffect } from "preact/hooks";
import { Absent, Refused } from "./api/http.ts";
import { nextPace, START, type Limits, type Pace } from "./pure/pacing.ts";
import { outage } from "./session.ts";

export interface Seen {
  readonly outcome: "moved" | "still";
  readonly wish: number;
  /** Nothing can change any more: no further look. */
  readonly done?: boolean;
}

export type Look = (signal: AbortSignal) => Promise<Seen>;

export interface PollerOptions {
  readonly look: Look;
  readonly limits: Limits;
  /** How long to wait between two looks while nobody sees the page; without it there are none then. */
  readonly hiddenDelay?: number;
  /** Told of an answer that asking again will not mend (404, 403, ...); looking stops then. */
  readonly onRefused: (error: Refused) => void;
}

/** Runs from construction to `stop`. Rests while the page is hidden, or looks seldom, and at once when it is seen. */
export class Poller {
  private pace: Pace = START;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private looking: AbortController | null = null;
  private stopped = false;
  private readonly options: PollerOptions;
  private readonly wake = (): void => {
    if (document.visibilityState === "visible") this.soon();
    else this.later();
  };

  constructor(options: PollerOptions) {
    this.options = options;
    document.addEventListener("visibilitychange", this.wake);
    addEventListener("online", this.wake);
    this.soon();
  }

  /** Look now, unless a look is under way. */
  soon(): void {
    clearTimeout(this.timer);
    if (!this.stopped && this.looking === null) void this.once();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.looking?.abort();
    document.removeEventListener("visibilitychange", this.wake);
    removeEventListener("online", this.wake);
  }

  private async once(): Promise<void> {
    const controller = new AbortController();
    this.looking = controller;
    try {
      const seen = await this.options.look(controller.signal);
      if (this.stopped) return;
      outage.value = null;
      this.pace = nextPace(this.pace, seen.outcome, this.options.limits, seen.wish);
      if (seen.done) this.stop();
    } catch (error) {
      if (!this.stopped) this.failed(error);
    } finally {
      this.looking = null;
    }
    this.later();
  }

  private later(): void {
    clearTimeout(this.timer);
    const isSeen = document.visibilityState === "visible";
    const { hiddenDelay } = this.options;
    if (this.stopped || this.looking !== null || (!isSeen && hiddenDelay === undefined)) return;
    const delay = isSeen ? this.pace.delay : Math.max(this.pace.delay, hiddenDelay ?? 0);
    this.timer = setTimeout(() => this.soon(), delay);
  }

  private failed(error: unknown): void {
    // Asking again helps where the service is away, busy or broken; any other refusal will be repeated.
    if (error instanceof Refused && error.status !== 429 && error.status < 500) {
      outage.value = null;
      this.stop();
      this.options.onRefused(error);
      return;
    }
    if (!(error instanceof Absent) && !(error instanceof Refused)) console.error(error);
    this.pace = nextPace(this.pace, "failed", this.options.limits);
    const reason = error instanceof Error ? error.message : String(error);
    outage.value = { since: outage.value?.since ?? Date.now(), reason };
  }
}

/** Polls while the component is shown; starts afresh when `about` changes. */
export function usePolling(options: PollerOptions, about: readonly unknown[]): void {
  useEffect(() => {
    const poller = new Poller(options);
    const retry = (): void => poller.soon();
    addEventListener("lockstep-retry", retry);
    return () => {
      poller.stop();
      removeEventListener("lockstep-retry", retry);
      // The next page finds out for itself; one that asks nothing must not say that it tries again.
      outage.value = null;
    };
  }, [...about]);
}

/** Asks every poller of the page to look at once. */
export const retryNow = (): boolean => dispatchEvent(new Event("lockstep-retry"));
