/** The page's addresses: everything after `#`. The key may come along once; it never stays in the address bar. */

import { readListing, type Listing } from "./listing.ts";

export type Route =
  | { readonly page: "jobs"; readonly listing: Listing }
  | { readonly page: "job"; readonly id: string }
  | { readonly page: "workers" }
  | { readonly page: "new"; readonly from: string | null }
  | { readonly page: "lost"; readonly path: string };

export interface Fragment {
  readonly key: string | null;
  /** The fragment without the key, to put back into the address bar: "#/jobs/job_1" or "". */
  readonly rest: string;
  readonly route: Route;
}

/** Reads "#key=K", "#/?status=failed", "#/jobs/ID", "#/jobs/ID?key=K", "#/new?from=ID", "#/workers". */
export function readFragment(hash: string): Fragment {
  const text = hash.replace(/^#/, "");
  const [path = "", query = ""] = text.startsWith("/") ? splitOnce(text, "?") : ["", text];
  const parameters = new URLSearchParams(query);
  const key = parameters.get("key");
  parameters.delete("key");
  const kept = path === "" ? "" : parameters.toString();
  return {
    key,
    rest: path === "" ? "" : `#${path}${kept ? `?${kept}` : ""}`,
    route: routeOf(path, parameters),
  };
}

function routeOf(path: string, parameters: URLSearchParams): Route {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0 || (parts.length === 1 && parts[0] === "jobs")) {
    return { page: "jobs", listing: readListing(path === "" ? new URLSearchParams() : parameters) };
  }
  if (parts.length === 2 && parts[0] === "jobs") return { page: "job", id: decode(parts[1] ?? "") };
  if (parts.length === 1 && parts[0] === "workers") return { page: "workers" };
  if (parts.length === 1 && parts[0] === "new") return { page: "new", from: parameters.get("from") };
  return { page: "lost", path };
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const jobLink = (id: string): string => `#/jobs/${encodeURIComponent(id)}`;
export const againLink = (id: string): string => `#/new?from=${encodeURIComponent(id)}`;
