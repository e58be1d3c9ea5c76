// Short messages over the page, with something to do about them.

import { button, element } from "./dom.js";

const SHOWN_MS = 6_000;

/** A message that is shown. */
export interface Notice {
  update(text: string): void;
  close(): void;
}

/** Shows messages in the corner, and reads them out. */
export class Notices {
  readonly #place: HTMLElement;

  constructor(place: HTMLElement) {
    this.#place = place;
  }

  /** Shows a message; `stays` until it is closed, or else for some seconds. */
  show(
    text: string,
    options: { action?: { text: string; run: () => void }; stays?: boolean } = {},
  ): Notice {
    const words = element("p", { text });
    const close = button("Dismiss", () => notice.close(), {
      icon: "close",
      iconOnly: true,
      class: "icon-button",
    });
    const shown = element("div", { class: "notice" }, words);
    const { action } = options;
    if (action) {
      const act = button(
        action.text,
        () => {
          notice.close();
          action.run();
        },
        { class: "button primary" },
      );
      shown.append(act);
    }
    shown.append(close);
    const notice: Notice = {
      update: (next) => {
        words.textContent = next;
      },
      close: () => shown.remove(),
    };
    this.#place.append(shown);
    while (this.#place.childElementCount > 4) this.#place.firstElementChild?.remove();
    if (!options.stays) this.#leave(shown);
    return notice;
  }

  /** Takes a message away after a while, but not while somebody reads or reaches for it. */
  #leave(shown: HTMLElement): void {
    const check = (): void => {
      if (shown.matches(":hover, :focus-within")) setTimeout(check, 2_000);
      else shown.remove();
    };
    setTimeout(check, SHOWN_MS);
  }
}
