// What the build puts into the page.

declare const __HOLM_VERSION__: string;
