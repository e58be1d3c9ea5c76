// What a panel is.

import type { IconName } from "../page/dom.js";

/** A part of the page beside the terminal. */
export interface Panel {
  readonly name: string;
  readonly title: string;
  readonly icon: IconName;
  readonly body: HTMLElement;
  /** It comes into view. */
  shown(): void;
  /** It is out of view, and does no more work. */
  hidden(): void;
}
