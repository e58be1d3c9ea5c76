// Figures as a table: medians, and ratios to Holm's.

export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1];
}

const shown = (value) =>
  value === undefined
    ? ""
    : value >= 100
      ? value.toFixed(0)
      : value >= 10
        ? value.toFixed(1)
        : value.toFixed(2);

/** A figure for each row; the first contestant that has it is what the others are compared with. */
export function table(samples) {
  const contestants = Object.keys(samples);
  const figures = [...new Set(contestants.flatMap((one) => Object.keys(samples[one])))];
  const lines = [
    ["what", ...contestants].join(" | "),
    ["---", ...contestants.map(() => "---")].join(" | "),
  ];
  for (const figure of figures) {
    const medians = contestants.map((one) => {
      const values = samples[one][figure] ?? [];
      return values.length > 0 ? median(values) : undefined;
    });
    const first = medians.findIndex((value) => value !== undefined);
    const cells = medians.map((value, at) => {
      if (value === undefined) {
        return "";
      }
      const values = samples[contestants[at]][figure];
      const spread = `${shown(Math.min(...values))} to ${shown(Math.max(...values))}`;
      const ratio = at > first ? `, ${(value / medians[first]).toFixed(2)}x` : "";
      return `${shown(value)}${ratio} (${spread})`;
    });
    lines.push([figure, ...cells].join(" | "));
  }
  return lines.map((line) => `| ${line} |`).join("\n");
}
