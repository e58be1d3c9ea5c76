// Dialogs: the browser's own, which keep the focus and close on Escape.

import { button, element } from "./dom.js";

let count = 0;

/** Opens a dialog with a title and what is in it. */
export function openDialog(title: string, content: Node[], size = ""): HTMLDialogElement {
  count += 1;
  const heading = element("h2", { text: title, attributes: { id: `dialog-${count}` } });
  const dialog = element(
    "dialog",
    { class: `dialog ${size}`.trim(), attributes: { "aria-labelledby": heading.id } },
    element(
      "header",
      {},
      heading,
      button("Close", () => dialog.close(), {
        icon: "close",
        iconOnly: true,
        class: "icon-button",
      }),
    ),
    ...content,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks whether to go on. */
export function ask(title: string, text: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    let sure = false;
    const cancel = button("Cancel", () => dialog.close());
    const go = button(
      yes,
      () => {
        sure = true;
        dialog.close();
      },
      { class: "button danger solid" },
    );
    const dialog = openDialog(
      title,
      [element("p", { text }), element("div", { class: "tools end" }, cancel, go)],
      "small",
    );
    dialog.addEventListener("close", () => resolve(sure));
    cancel.focus();
  });
}
