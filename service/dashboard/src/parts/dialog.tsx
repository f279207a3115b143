/** Questions, and small forms. The browser's own dialog keeps focus and the Escape key right. */

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { ComponentChildren, JSX, RefObject } from "preact";
import { explainAll } from "../api/http.ts";

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

interface FormProps {
  readonly open: boolean;
  readonly title: string;
  readonly submit: string;
  /** Rejects with what went wrong, which is said; the dialog closes when it resolves. */
  readonly act: () => Promise<void>;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function FormDialog(props: FormProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const problem = useSignal("");
  const busy = useSignal(false);
  useModal(dialog, props.open);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    problem.value = "";
    try {
      await props.act();
      props.onClose();
    } catch (error) {
      problem.value = explainAll(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <dialog ref={dialog} class="dialog" aria-label={props.title} onClose={props.onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>{props.title}</h2>
        {props.children}
        <p class="problem-text" role="alert">
          {problem.value}
        </p>
        <div class="actions">
          <button type="button" class="button" onClick={props.onClose}>
            Close
          </button>
          <button type="submit" class="button primary" aria-disabled={busy.value}>
            {props.submit}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** A question before something that cannot be undone. */
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
