/*
 * The list of keys and gestures, opened with "?" or its button. The browser keeps the focus in it.
 */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "./icon-button.js";

export function KeysDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [lists, setLists] = useState<ComponentChildren>("Loading …");
  const open = () => {
    if (!dialog.current?.open) dialog.current?.showModal();
    import("./key-lists.js").then(
      ({ KeyLists }) => setLists(<KeyLists />),
      () => setLists("The list is unavailable. Try again, or reload."),
    );
  };

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isText = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
      if (event.key !== "?" || event.defaultPrevented || isText) return;
      event.preventDefault();
      open();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);

  return (
    <>
      <IconButton
        name="Keys and gestures"
        shortcut="?"
        icon="M5.5 6a2.5 2.5 0 115 0c0 1.7-2.5 1.9-2.5 3.7M8 12.7v.1"
        id="keys-open"
        onPress={open}
      />
      {/* The keys of the board do nothing while the list is open. */}
      <dialog
        ref={dialog}
        class="keys-dialog"
        aria-labelledby="keys-title"
        data-testid="keys-dialog"
        onKeyDown={(event) => event.stopPropagation()}
        onClick={(event) => event.target === dialog.current && dialog.current?.close()}
      >
        <div class="keys-content">
          <button type="button" class="keys-close" data-testid="keys-close" onClick={() => dialog.current?.close()}>
            Close
          </button>
          <h2 id="keys-title">Keys</h2>
          {lists}
        </div>
      </dialog>
    </>
  );
}
