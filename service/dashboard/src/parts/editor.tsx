/** A text area for JSON with line numbers; lines with a problem are marked, and a problem leads to its place. */

import type { RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { JSX } from "preact";

export interface Mark {
  readonly line: number;
  readonly message: string;
}

interface EditorProps {
  readonly text: string;
  readonly marks: readonly Mark[];
  readonly area: RefObject<HTMLTextAreaElement | null>;
  readonly describedBy: string;
  readonly onText: (text: string) => void;
  readonly onSubmit: () => void;
}

export function Editor({ text, marks, area, describedBy, onText, onSubmit }: EditorProps): JSX.Element {
  const gutter = useRef<HTMLDivElement>(null);
  const lines = text.split("\n").length;
  // One text for all numbers: a spec with its data inside may have a hundred thousand lines.
  const numbers = useMemo(() => Array.from({ length: lines }, (_, i) => i + 1).join("\n"), [lines]);
  const follow = (): void => {
    if (gutter.current && area.current) gutter.current.scrollTop = area.current.scrollTop;
  };
  return (
    <div class="editor">
      <div class="editor-gutter" ref={gutter} aria-hidden="true">
        {numbers}
        {marks.map((mark) => (
          <span
            key={mark.line}
            title={mark.message}
            style={{ top: `calc(12px + ${mark.line - 1} * 1.55em)` }}
          >
            {mark.line}
          </span>
        ))}
      </div>
      <textarea
        ref={area}
        id="spec"
        value={text}
        spellcheck={false}
        autocomplete="off"
        wrap="off"
        aria-describedby={describedBy}
        aria-invalid={marks.length > 0}
        onInput={(event) => onText(event.currentTarget.value)}
        onScroll={follow}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            onSubmit();
          }
        }}
      />
    </div>
  );
}

/** Selects a part of the text and brings its line into view. */
export function reveal(area: HTMLTextAreaElement, start: number, end: number, line: number): void {
  area.focus();
  area.setSelectionRange(start, end);
  const height = Number.parseFloat(getComputedStyle(area).lineHeight) || 20;
  area.scrollTop = Math.max(0, (line - 4) * height);
}
