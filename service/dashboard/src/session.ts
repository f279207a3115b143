/** What the whole page shares: the key, whether the service answers, the address, and the time. */

import { signal } from "@preact/signals";
import { readFragment, type Route } from "./pure/route.ts";

const KEY = "lockstep.key";

export const key = signal<string | null>(sessionStorage.getItem(KEY));
/** Why the page asks for a key: none yet, or the service refused the last one. */
export const keyRefused = signal(false);
export const route = signal<Route>({ page: "jobs" });

export interface Outage {
  readonly since: number;
  readonly reason: string;
}
/** Set while the service does not answer. */
export const outage = signal<Outage | null>(null);
/** Milliseconds since the epoch, for ages; moves once a second while the page is seen. */
export const now = signal(Date.now());

export function enter(newKey: string): void {
  sessionStorage.setItem(KEY, newKey);
  keyRefused.value = false;
  key.value = newKey;
}

export function leave(refused: boolean): void {
  sessionStorage.removeItem(KEY);
  keyRefused.value = refused;
  key.value = null;
}

/** Follows the address, and takes a key out of it, so that it stays out of bookmarks and histories. */
export function followAddress(): void {
  const read = (): void => {
    const fragment = readFragment(location.hash);
    if (fragment.key) {
      enter(fragment.key);
      history.replaceState(null, "", `${location.pathname}${location.search}${fragment.rest}`);
    }
    const moved = JSON.stringify(fragment.route) !== JSON.stringify(route.value);
    if (moved) {
      route.value = fragment.route;
      window.scrollTo(0, 0);
    }
  };
  addEventListener("hashchange", read);
  read();
}

export function startClock(): void {
  setInterval(() => {
    if (document.visibilityState === "visible") now.value = Date.now();
  }, 1000);
}
