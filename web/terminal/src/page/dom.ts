// Elements made in one expression.

type Child = Node | string | undefined | false;

interface Properties {
  class?: string;
  text?: string;
  title?: string;
  /** Attributes as they are written in HTML. */
  attributes?: Readonly<Record<string, string>>;
  on?: Partial<{ [Name in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[Name]) => void }>;
}

/** Makes an element with what is in it. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (properties.class !== undefined) made.className = properties.class;
  if (properties.text !== undefined) made.textContent = properties.text;
  if (properties.title !== undefined) made.title = properties.title;
  for (const [name, value] of Object.entries(properties.attributes ?? {}))
    made.setAttribute(name, value);
  for (const [name, listener] of Object.entries(properties.on ?? {})) {
    made.addEventListener(name, listener as EventListener);
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** A button with words, and an icon in front when there is one. */
export function button(
  text: string,
  onClick: () => void,
  options: { icon?: IconName; class?: string; label?: string; iconOnly?: boolean } = {},
): HTMLButtonElement {
  const made = element("button", {
    class: options.class ?? "button",
    attributes: { type: "button" },
    on: { click: onClick },
  });
  if (options.icon) made.append(icon(options.icon));
  if (options.iconOnly) {
    made.setAttribute("aria-label", options.label ?? text);
    made.title = text;
  } else {
    made.append(element("span", { text }));
    if (options.label !== undefined) made.setAttribute("aria-label", options.label);
  }
  return made;
}

const ICONS = {
  files:
    "M3 6.5A1.5 1.5 0 0 1 4.5 5h4l2 2.5h9A1.5 1.5 0 0 1 21 9v8.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z",
  processes: "M4 5h16v5H4zM4 14h16v5H4zM7.5 7.5h.01M7.5 16.5h.01",
  trace: "M3 12h4l2.5-7 5 14 2.5-7h4",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.6 9.3a2.5 2.5 0 1 1 3.6 2.5c-.8.4-1.2.9-1.2 1.9M12 16.8h.01",
  add: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M4.2 4.2l1.5 1.5M18.3 18.3l1.5 1.5M2.5 12h2M19.5 12h2M4.2 19.8l1.5-1.5M18.3 5.7l1.5-1.5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5",
  view: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  run: "M7 4.5l12 7.5-12 7.5z",
  stop: "M6.5 6.5h11v11h-11z",
  refresh: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 3.5v4h-4",
  folder:
    "M3 6.5A1.5 1.5 0 0 1 4.5 5h4l2 2.5h9A1.5 1.5 0 0 1 21 9v8.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z",
  file: "M6 3.5h8l4.5 4.5v12.5H6zM14 3.5V8h4.5",
  program: "M4 4.5h16v15H4zM7.5 9l3 3-3 3M12.5 15h4",
  chevron: "M9 5.5l6.5 6.5L9 18.5",
  pause: "M8.5 5.5v13M15.5 5.5v13",
  paste: "M8.5 5H6v15.5h12V5h-2.5M9 3.5h6v3H9z",
  copy: "M8.5 8.5h11v11h-11zM15.5 8.5v-4h-11v11h4",
} as const;

export type IconName = keyof typeof ICONS;

/** A drawing that says nothing to a screen reader. */
export function icon(name: IconName): SVGSVGElement {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}
