/** Which part of the list of jobs is shown: filters, order and page, as the page's address has them. */

import type { Kind, Order as ServiceOrder, Status } from "../api/models.ts";
import { words } from "./format.ts";

// As keys, so that none of the service's can be missing.
const EACH_STATUS: Record<Status, true> = {
  queued: true,
  running: true,
  pausing: true,
  paused: true,
  cancelling: true,
  succeeded: true,
  failed: true,
  cancelled: true,
};
const EACH_KIND: Record<Kind, true> = { train: true, minimize: true, solve: true };
export const STATUSES = Object.keys(EACH_STATUS) as readonly Status[];
export const KINDS = Object.keys(EACH_KIND) as readonly Kind[];

/** What the list can be sorted by, in words; the first needs no place in the address. */
export const ORDERS = {
  "-created_at": "newest first",
  created_at: "oldest first",
  name: "by name",
  "-finished_at": "ended last",
  "-run_ms": "ran longest",
  run_ms: "ran shortest",
} as const satisfies Partial<Record<ServiceOrder, string>>;
export type Order = keyof typeof ORDERS;

export interface Listing {
  readonly statuses: readonly string[];
  readonly kind: string | null;
  /** A part of the name. */
  readonly name: string;
  readonly metadata: readonly (readonly [string, string])[];
  readonly order: Order;
  /** The job that the page comes after, or before; both null on the first page. */
  readonly after: string | null;
  readonly before: string | null;
  /** Counted from 1, for people. */
  readonly page: number;
}

export const ALL: Listing = {
  statuses: [],
  kind: null,
  name: "",
  metadata: [],
  order: "-created_at",
  after: null,
  before: null,
  page: 1,
};

const METADATA = /^metadata\[(.+)\]$/s;

/** Reads an address's parameters; what it does not know it leaves out. */
export function readListing(parameters: URLSearchParams): Listing {
  const known = (name: string, words: readonly string[]): string[] =>
    (parameters.get(name) ?? "").split(",").filter((word) => words.includes(word));
  const metadata = [...parameters].flatMap(([name, value]) => {
    const key = METADATA.exec(name)?.[1];
    return key === undefined ? [] : ([[key, value]] as const);
  });
  const after = parameters.get("after");
  const before = after === null ? parameters.get("before") : null;
  const page = Math.floor(Number(parameters.get("page")));
  return {
    statuses: STATUSES.filter((status) => known("status", STATUSES).includes(status)),
    kind: known("kind", KINDS)[0] ?? null,
    name: parameters.get("name") ?? "",
    metadata,
    order: (known("order", Object.keys(ORDERS))[0] as Order | undefined) ?? ALL.order,
    after,
    before,
    page: (after ?? before) === null ? 1 : page >= 1 ? page : 2,
  };
}

/** The parameters that the service's list takes. */
export function queryOf(listing: Listing): Readonly<Record<string, string | null>> {
  const name = listing.name.trim();
  return {
    status: listing.statuses.length ? listing.statuses.join() : null,
    kind: listing.kind,
    name: name === "" ? null : name,
    order: listing.order === ALL.order ? null : listing.order,
    after: listing.after,
    before: listing.before,
    ...Object.fromEntries(listing.metadata.map(([key, value]) => [`metadata[${key}]`, value])),
  };
}

/** The list's address. */
export function listLink(listing: Listing): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(queryOf(listing))) if (value !== null) parameters.set(name, value);
  if (listing.page > 1) parameters.set("page", String(listing.page));
  const query = parameters.toString();
  return query ? `#/?${query}` : "#/";
}

/** A listing with other filters or another order begins at its first page. */
export function changed(listing: Listing, change: Partial<Listing>): Listing {
  return { ...listing, after: null, before: null, page: 1, ...change };
}

/** Whether any job could be left out. */
export function isFiltered(listing: Listing): boolean {
  return (
    listing.statuses.length > 0 || listing.kind !== null || listing.name.trim() !== "" || listing.metadata.length > 0
  );
}

/** What no job is, in a sentence. */
export function noneOf(listing: Listing): string {
  const { statuses, kind, metadata } = listing;
  const other = kind !== null || listing.name.trim() !== "" || metadata.length > 0;
  if (!other && statuses.length > 0) return `No job has the status ${statuses.map(words).join(" or ")}.`;
  return "No job matches.";
}

/** "team=a" as a pair; null where it is none. */
export function pairOf(text: string): readonly [string, string] | null {
  const at = text.indexOf("=");
  const [key, value] = [text.slice(0, Math.max(at, 0)).trim(), text.slice(at + 1).trim()];
  return at > 0 && key !== "" ? [key, value] : null;
}
