/** The door: asks for the key, and says plainly when one was refused. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { tryKey } from "../api/calls.ts";
import { explain, Refused } from "../api/http.ts";
import { enter, focusMain, keyRefused } from "../session.ts";

export function KeyPage(): JSX.Element {
  const typed = useSignal("");
  const problem = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Key · Lockstep";
    field.current?.focus();
  }, []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wanted = typed.value.trim();
    problem.value = "";
    // A header cannot hold other characters, and the browser's own message about that helps nobody.
    if (!/^[\x21-\x7e]+$/.test(wanted)) {
      problem.value =
        wanted === ""
          ? "Type or paste the key first."
          : "A key has only letters, digits and signs, without spaces.";
      return;
    }
    try {
      await tryKey(wanted);
      enter(wanted);
      requestAnimationFrame(focusMain);
    } catch (error) {
      keyRefused.value = error instanceof Refused && error.status === 401;
      if (!keyRefused.value) problem.value = explain(error);
      field.current?.select();
    }
  };
  const refused = keyRefused.value
    ? "The service does not know this key. Check it, or take the link that lockstep up prints."
    : "";
  return (
    <form class="door" onSubmit={(event) => void submit(event)}>
      <h1>Which key?</h1>
      <p>
        <code>lockstep up</code> prints a link that carries it. It also lies in <code>.lockstep/api-key</code>
        ; with docker compose it is <code>LOCKSTEP_API_KEY</code> in <code>.env</code>.
      </p>
      <label class="field">
        <span>API key</span>
        <input
          ref={field}
          type="password"
          class="mono"
          autocomplete="off"
          spellcheck={false}
          value={typed.value}
          aria-invalid={refused !== "" || problem.value !== ""}
          aria-describedby="key-problem"
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      </label>
      <p id="key-problem" class="problem-text" role="alert">
        {problem.value || refused}
      </p>
      <button type="submit" class="button primary">
        Enter
      </button>
      <p class="note">
        The key stays in this tab, and in others that you open from here. It is forgotten when the last of them is
        closed.
      </p>
    </form>
  );
}
