/** A question before something that cannot be undone. The browser's own dialog keeps focus and the Escape key right. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { ComponentChildren, JSX, RefObject } from "preact";

interface ConfirmProps {
  readonly open: boolean;
  readonly title: string;
  readonly yes: string;
  readonly no: string;
  readonly onYes: () => void;
  readonly onNo: () => void;
  readonly children: ComponentChildren;
}

/**
 * Opens and closes a dialog. On its own, so that the effect, which lives as long as its component, keeps nothing of a
 * render alive: children are part of the page's tree of then, which would hold on to every tree that came after it.
 */
export function useModal(dialog: RefObject<HTMLDialogElement | null>, open: boolean): void {
  useLayoutEffect(() => {
    if (open && dialog.current?.open === false) dialog.current.showModal();
    if (!open && dialog.current?.open) dialog.current.close();
  }, [open]);
}

export function Confirm(props: ConfirmProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useModal(dialog, props.open);
  return (
    <dialog ref={dialog} class="dialog" aria-label={props.title} onClose={props.onNo}>
      <h2>{props.title}</h2>
      {props.children}
      <div class="actions">
        <button type="button" class="button" onClick={props.onNo}>
          {props.no}
        </button>
        <button type="button" class="button danger" onClick={props.onYes}>
          {props.yes}
        </button>
      </div>
    </dialog>
  );
}
