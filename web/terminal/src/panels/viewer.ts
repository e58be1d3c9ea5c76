// A file's content in a dialog: as text, or as bytes.

import type { Holm } from "@holm/web";
import { openDialog } from "../page/dialogs.js";
import { button, element } from "../page/dom.js";
import { formatSize } from "../shell/format.js";
import { baseName } from "../shell/paths.js";
import { printable } from "../shell/width.js";

/** How much of a file is shown: more would only slow the page. */
const TEXT_MOST = 256 * 1024;
const HEX_MOST = 16 * 1024;

/** Shows a file. */
export async function viewFile(holm: Holm, path: string): Promise<void> {
  const bytes = await holm.files.read(path);
  const content = element("pre", {
    class: "viewer",
    attributes: { tabindex: "0", "aria-label": `Content of ${printable(path)}` },
  });
  const note = element("p", { class: "quiet" });
  const text = asText(bytes.subarray(0, TEXT_MOST));
  const show = (hex: boolean): void => {
    const most = hex ? HEX_MOST : TEXT_MOST;
    content.textContent = hex ? hexOf(bytes.subarray(0, HEX_MOST)) : (text ?? "");
    content.classList.toggle("hex", hex);
    note.textContent =
      bytes.length > most
        ? `the first ${formatSize(most)} of ${formatSize(bytes.length)}`
        : formatSize(bytes.length);
    for (const [at, each] of [asTextButton, asHexButton].entries())
      each.setAttribute("aria-pressed", String((at === 1) === hex));
  };
  const asTextButton = button("Text", () => show(false));
  const asHexButton = button("Bytes", () => show(true));
  asTextButton.disabled = text === undefined;
  const tools = element(
    "div",
    { class: "tools" },
    element(
      "div",
      { class: "segments", attributes: { role: "group", "aria-label": "Shown as" } },
      asTextButton,
      asHexButton,
    ),
    note,
    element("span", { class: "stretch" }),
    button("Download", () => saveFile(baseName(path), bytes), { icon: "download" }),
  );
  show(text === undefined);
  openDialog(printable(path), [tools, content], "wide");
}

/** The text that bytes are, if they are. */
function asText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    // Cut inside a character: the last few bytes may be a part of one.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

function hexOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16));
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const left = hex.slice(0, 8).join(" ");
    const right = hex.slice(8).join(" ");
    const letters = row
      .map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·"))
      .join("");
    lines.push(
      `${at.toString(16).padStart(8, "0")}  ${left.padEnd(23)}  ${right.padEnd(23)}  ${letters}`,
    );
  }
  return lines.join("\n");
}

/** Hands a file to the browser's downloads. */
export function saveFile(name: string, bytes: Uint8Array): void {
  const url = URL.createObjectURL(new Blob([bytes.slice()], { type: "application/octet-stream" }));
  const link = element("a", { attributes: { href: url, download: name } });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
