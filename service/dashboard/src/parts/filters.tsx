/** Which jobs the list shows: a search, filters and an order, all in the address. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { changed, isFiltered, KINDS, ORDERS, pairOf, STATUSES, type Listing, type Order } from "../pure/listing.ts";
import { words } from "../pure/format.ts";
import { listing as current, showList } from "../session.ts";

/** A pause in typing after which the search begins. */
const TYPING_MS = 250;

export function Filters({ listing }: { listing: Listing }): JSX.Element {
  const show = (change: Partial<Listing>): void => showList(changed(current.peek(), change));
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <Search listing={listing} />
      <div class="statuses" role="group" aria-label="Status">
        {STATUSES.map((status) => {
          const isOn = listing.statuses.includes(status);
          const others = listing.statuses.filter((one) => one !== status);
          return (
            <button
              key={status}
              type="button"
              class="toggle"
              aria-pressed={isOn}
              onClick={() => show({ statuses: isOn ? others : [...others, status] })}
            >
              {words(status)}
            </button>
          );
        })}
      </div>
      <label class="field-inline">
        <span>Kind</span>
        <select value={listing.kind ?? ""} onChange={(event) => show({ kind: event.currentTarget.value || null })}>
          <option value="">all</option>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {kind}
            </option>
          ))}
        </select>
      </label>
      <label class="field-inline">
        <span>Sort</span>
        <select
          value={listing.order}
          onChange={(event) => show({ order: event.currentTarget.value as Order })}
        >
          {Object.entries(ORDERS).map(([order, said]) => (
            <option key={order} value={order}>
              {said}
            </option>
          ))}
        </select>
      </label>
      <Metadata listing={listing} onChange={(metadata) => show({ metadata })} />
      {isFiltered(listing) ? (
        <a class="button small quiet" href="#/">
          Clear
        </a>
      ) : null}
    </form>
  );
}

function Search({ listing }: { listing: Listing }): JSX.Element {
  const typed = useSignal(listing.name);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // Going back, and a link, change the address from outside.
  useEffect(() => {
    if (listing.name !== typed.peek().trim()) typed.value = listing.name;
  }, [listing.name]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (text: string): void => {
    typed.value = text;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const before = current.peek();
      const name = text.trim();
      // A search that begins is a place to come back from; each further letter is not.
      if (name !== before.name) showList(changed(before, { name }), before.name !== "");
    }, TYPING_MS);
  };
  return (
    <input
      type="search"
      class="search"
      placeholder="Search by name"
      aria-label="Search by name"
      maxLength={200}
      value={typed.value}
      onInput={(event) => type(event.currentTarget.value)}
    />
  );
}

interface MetadataProps {
  readonly listing: Listing;
  readonly onChange: (metadata: Listing["metadata"]) => void;
}

function Metadata({ listing, onChange }: MetadataProps): JSX.Element {
  const typed = useSignal("");
  const add = (event: KeyboardEvent): void => {
    if (event.key !== "Enter") return;
    const pair = pairOf(typed.value);
    event.preventDefault();
    if (pair === null) return;
    typed.value = "";
    onChange([...listing.metadata.filter(([key]) => key !== pair[0]), pair]);
  };
  const isUnfinished = typed.value.trim() !== "" && pairOf(typed.value) === null;
  return (
    <span class="metadata-filter">
      <input
        type="text"
        placeholder="Metadata: key=value"
        aria-label="Metadata, as key=value"
        aria-invalid={isUnfinished}
        spellcheck={false}
        autocomplete="off"
        value={typed.value}
        onInput={(event) => (typed.value = event.currentTarget.value)}
        onKeyDown={add}
      />
      {listing.metadata.map(([key, value]) => (
        <button
          key={key}
          type="button"
          class="toggle"
          aria-pressed="true"
          aria-label={`Any ${key} instead of ${value}`}
          onClick={() => onChange(listing.metadata.filter(([each]) => each !== key))}
        >
          {key}={value} ×
        </button>
      ))}
    </span>
  );
}
