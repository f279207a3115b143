/** What the whole page shares: the key, whether the service answers, the address, and the time. */

import { signal } from "@preact/signals";
import { ownName } from "./place.ts";
import { ALL, listLink, type Listing } from "./pure/listing.ts";
import { readFragment, type Route } from "./pure/route.ts";

const KEY = ownName("lockstep.key");
/** How long a tab without a key waits for another tab's before it asks a person. */
const SEEK_MS = 300;

export const key = signal<string | null>(sessionStorage.getItem(KEY));
/** Whether other tabs are being asked for the key. */
export const seeking = signal(false);
/** Why the page asks for a key: none yet, or the service refused the last one. */
export const keyRefused = signal(false);
export const route = signal<Route>({ page: "jobs", listing: ALL });
/** The list as it was seen last, to go back to. */
export const listing = signal<Listing>(ALL);

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

/** Forgets the key; so do the other tabs that have it, unless the service refused it here. */
export function leave(refused: boolean): void {
  if (!refused && key.value !== null) tabs.postMessage({ kind: "forget", key: key.value } satisfies TabMessage);
  forget();
  keyRefused.value = refused;
}

function forget(): void {
  sessionStorage.removeItem(KEY);
  key.value = null;
}

/** What tabs of this page tell one another; the browser passes it on to the same origin alone, whose other services have other names. */
type TabMessage =
  | { readonly kind: "seek" }
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "forget"; readonly key: string };

const tabs = new BroadcastChannel(ownName("lockstep.tabs"));

/** Asks the other tabs for the key where this one has none, and answers theirs. */
export function shareKey(): void {
  tabs.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => {
    if (data.kind === "seek" && key.value !== null) {
      tabs.postMessage({ kind: "key", key: key.value } satisfies TabMessage);
    }
    if (data.kind === "key" && seeking.value) {
      seeking.value = false;
      enter(data.key);
    }
    if (data.kind === "forget" && data.key === key.value) forget();
  });
  if (key.value !== null) return;
  seeking.value = true;
  tabs.postMessage({ kind: "seek" } satisfies TabMessage);
  setTimeout(() => (seeking.value = false), SEEK_MS);
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
      const before = route.value;
      route.value = fragment.route;
      if (before.page !== "jobs" || fragment.route.page !== "jobs") window.scrollTo(0, 0);
    }
    if (fragment.route.page === "jobs") listing.value = fragment.route.listing;
  };
  addEventListener("hashchange", read);
  read();
}

/** Shows another list; `replace`: in place of this one, so that back does not go through each letter of a search. */
export function showList(wanted: Listing, replace = false): void {
  if (!replace) {
    location.hash = listLink(wanted);
    return;
  }
  history.replaceState(null, "", `${location.pathname}${location.search}${listLink(wanted)}`);
  listing.value = wanted;
  route.value = { page: "jobs", listing: wanted };
}

/** Where to go on from with the keyboard when what had the focus is gone. */
export function focusMain(): void {
  document.getElementById("main")?.focus({ preventScroll: true });
}

export function startClock(): void {
  setInterval(() => {
    if (document.visibilityState === "visible") now.value = Date.now();
  }, 1000);
}
