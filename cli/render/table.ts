import { columnsOf, printable, type Style } from "./style.ts";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers stand at the right. */
  readonly align?: "left" | "right";
  readonly paint?: (text: string, row: Row) => string;
}

const gap = "  ";

/**
 * Rows under their titles, each column as wide as its widest value. Nothing for no rows but `none`.
 */
export const table = <Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: { readonly style: Style; readonly none: string },
): string => {
  if (rows.length === 0) return options.none;
  const cells = rows.map((row) => columns.map(({ value }) => printable(value(row))));
  const widths = columns.map(({ title }, index) =>
    Math.max(columnsOf(title), ...cells.map((values) => columnsOf(values[index] ?? ""))),
  );
  const line = (texts: readonly string[], paint: (text: string, index: number) => string) =>
    texts
      .map((text, index) => {
        const padding = " ".repeat((widths[index] ?? 0) - columnsOf(text));
        const painted = paint(text, index);
        if (columns[index]?.align === "right") return padding + painted;
        return index === texts.length - 1 ? painted : painted + padding;
      })
      .join(gap);
  const titles = line(
    columns.map(({ title }) => title),
    options.style.heading,
  );
  const lines = rows.map((row, at) =>
    line(cells[at] ?? [], (text, index) => columns[index]?.paint?.(text, row) ?? text),
  );
  return [titles, ...lines].join("\n");
};

/**
 * Names and values, one a line, the values under each other; those that are undefined are left out.
 */
export const fields = (
  entries: readonly (readonly [name: string, value: string | undefined])[],
  style: Style,
): string => {
  const shown = entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  const width = Math.max(...shown.map(([name]) => columnsOf(name)));
  const indent = `\n${" ".repeat(width + gap.length)}`;
  return shown
    .map(([name, value]) => {
      const padding = " ".repeat(width - columnsOf(name));
      return `${style.heading(name)}${padding}${gap}${value.replaceAll("\n", indent)}`;
    })
    .join("\n");
};
