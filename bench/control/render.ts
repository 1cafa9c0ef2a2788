import type { Style } from "../../cli/render/style.ts";
import { type Column, table } from "../../cli/render/table.ts";
import { markdown } from "../render.ts";
import { type BoundVerdict, type Figures, judge, sizeText, slopes, unitsMax } from "./bounds.ts";
import type { Contention } from "./contention.ts";
import type { Kind, SizeFigures } from "./runs.ts";

/** Three digits that mean something; thousands apart. */
export const number = (value: number): string => {
  if (Number.isNaN(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
};

interface Row extends SizeFigures {
  readonly writeSlope: number;
  readonly readSlope: number;
}

const right = { align: "right" } as const;

const runColumns = (kind: Kind): readonly Column<Row>[] => {
  const share = (units: "writeUnits" | "readUnits") => (row: Row) =>
    number(row[kind][units] / row.targets / row.objects);
  return [
    { title: "OBJECTS × TARGETS", value: sizeText },
    { title: "WRITE UNITS", value: (row) => number(row[kind].writeUnits), ...right },
    { title: "OF THE INDEX", value: (row) => number(row[kind].indexWriteUnits), ...right },
    { title: "A TARGET", value: (row) => number(row[kind].writeUnits / row.targets), ...right },
    { title: "AN OBJECT AND TARGET", value: share("writeUnits"), ...right },
    { title: "ONE MORE", value: ({ writeSlope }) => number(writeSlope), ...right },
    { title: "READ UNITS", value: (row) => number(row[kind].readUnits), ...right },
    { title: "A TARGET", value: (row) => number(row[kind].readUnits / row.targets), ...right },
    { title: "AN OBJECT AND TARGET", value: share("readUnits"), ...right },
    { title: "ONE MORE", value: ({ readSlope }) => number(readSlope), ...right },
    { title: "BOUND", value: (row) => number(unitsMax(row)), ...right },
    { title: "REQUESTS", value: (row) => number(row[kind].requests), ...right },
    { title: "LARGEST ITEM KB", value: ({ itemBytesMax }) => number(itemBytesMax / 1024), ...right },
    { title: "LARGEST MESSAGE KB", value: ({ messageBytesMax }) => number(messageBytesMax / 1024), ...right },
  ];
};

const rowsOf = (runs: readonly SizeFigures[], kind: Kind): readonly Row[] => {
  const [writes, reads] = [slopes(runs, kind, "writeUnits"), slopes(runs, kind, "readUnits")];
  return runs.map((size, index) => ({
    ...size,
    writeSlope: writes[index] ?? Number.NaN,
    readSlope: reads[index] ?? Number.NaN,
  }));
};

const forgottenColumns: readonly Column<SizeFigures>[] = [
  { title: "OBJECTS × TARGETS", value: sizeText },
  { title: "WRITE UNITS", value: ({ forgotten }) => number(forgotten.writeUnits), ...right },
  {
    title: "AN OBJECT AND TARGET",
    value: ({ forgotten, objects, targets }) => number(forgotten.writeUnits / objects / targets),
    ...right,
  },
  { title: "READ UNITS", value: ({ forgotten }) => number(forgotten.readUnits), ...right },
];

const contentionColumns: readonly Column<Contention>[] = [
  { title: "AT ONCE", value: ({ what }) => what },
  { title: "SECONDS", value: ({ seconds }) => number(seconds), ...right },
  { title: "CONFLICTS", value: ({ conflicts }) => conflicts.toString(), ...right },
  { title: "LONGEST CALL s", value: ({ longestInvocationSeconds }) => number(longestInvocationSeconds), ...right },
  { title: "CALLS", value: ({ invocations }) => invocations.toString(), ...right },
  { title: "REPORTS THAT CAME AGAIN", value: ({ failedReports }) => failedReports.toString(), ...right },
];

const verdictColumns = (style: Style): readonly Column<BoundVerdict>[] => [
  { title: "FIGURE", value: ({ what }) => what },
  { title: "BOUND", value: ({ bound }) => number(bound), ...right },
  { title: "MEASURED", value: ({ measured }) => number(measured), ...right },
  {
    title: "",
    value: ({ passed }) => (passed ? "pass" : "FAIL"),
    paint: (text, { passed }) => (passed ? style.good : style.bad)(text),
  },
];

/** All that was measured, for a terminal or as Markdown. */
export const render = (figures: Figures, style: Style, { asMarkdown }: { readonly asMarkdown: boolean }): string => {
  const { runs, reports, reclaims } = figures;
  const shown = <R>(rows: readonly R[], columns: readonly Column<R>[]): string =>
    asMarkdown ? markdown(rows, columns) : table(rows, columns, { style, none: "Nothing was measured." });
  return [
    "The first run of a plan:",
    shown(rowsOf(runs, "first"), runColumns("first")),
    "The second, which also deletes the restore points of the first, and says when what is known of it expires:",
    shown(rowsOf(runs, "next"), runColumns("next")),
    "Three months later, when what is known of the first is deleted:",
    shown(runs, forgottenColumns),
    "In virtual time: a request takes 5 ms, a transaction 10, and a partition 1,000 write and 3,000 read units a second:",
    shown([reports, ...reclaims], contentionColumns),
    shown(judge(figures), verdictColumns(style)),
  ].join("\n\n");
};
