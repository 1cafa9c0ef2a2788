import type { Style } from "../cli/render/style.ts";
import { type Column, table } from "../cli/render/table.ts";
import { cases, rivalCase } from "./cases/cases.ts";
import type { ClusterTimes } from "./cluster/cluster-times.ts";
import type { IscsiRate } from "./iscsi/iscsi-rates.ts";
import type { MachineRates } from "./measure/machine-rates.ts";
import { type BenchmarkReport, finder, ourName, type Result } from "./results.ts";
import { judge, type TargetVerdict } from "./targets.ts";

const MiB = 1024 * 1024;

/** Three digits that mean something. */
const number = (value: number): string => {
  if (Number.isNaN(value)) return "–";
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toPrecision(3).includes("e") ? value.toExponential(1) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
};
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 10e6 ? 2 : 0);

interface Row extends Result {
  readonly wallRatio: number;
  readonly wireRatio: number;
}

/** The rival that the ratios are of: that which does not compress, where we don't either. */
export const measureOf = (caseName: string): string => (caseName === "full-raw" ? "rsync" : "rsync -z");

const rowsOf = (results: readonly Result[]): readonly Row[] => {
  const find = finder(results);
  return results.map((result) => {
    const known = cases.find(({ name }) => name === result.case);
    const rivals = known === undefined ? undefined : rivalCase(known)?.name;
    const theirs = find(rivals ?? result.case, measureOf(result.case));
    const of = (figure: "wallSeconds" | "wireBytes") => result[figure] / (theirs?.[figure] ?? Number.NaN);
    return { ...result, wallRatio: of("wallSeconds"), wireRatio: of("wireBytes") };
  });
};

const columns = (style: Style): readonly Column<Row>[] => {
  const strong = (text: string, { tool }: Row) => (tool === ourName ? style.strong(text) : text);
  const right = { align: "right", paint: strong } as const;
  return [
    { title: "CASE", value: (row) => row.case, paint: strong },
    { title: "TOOL", value: ({ tool }) => tool, paint: strong },
    { title: "WALL s", value: ({ wallSeconds }) => number(wallSeconds), ...right },
    { title: "CPU s", value: ({ cpuSeconds }) => number(cpuSeconds), ...right },
    { title: "PEAK MiB", value: ({ peakBytes }) => peakBytes.map((b) => (b / MiB).toFixed(0)).join(" / "), ...right },
    { title: "WIRE MB", value: ({ wireBytes }) => megabytes(wireBytes), ...right },
    { title: "WALL ×", value: ({ wallRatio }) => number(wallRatio), ...right },
    { title: "WIRE ×", value: ({ wireRatio }) => number(wireRatio), ...right },
  ];
};

const measuredText = ({ what, limit, measured }: TargetVerdict): string => {
  if (what === "memory") return `${(measured / MiB).toFixed(0)} MiB`;
  if (limit.includes(" of ")) return number(measured);
  return what === "wire" ? `${megabytes(measured)} MB` : `${number(measured)} s`;
};
const passedText = ({ passed }: TargetVerdict): string => {
  if (passed === undefined) return "not measured";
  return passed ? "pass" : "FAIL";
};

const verdictColumns = (style: Style): readonly Column<TargetVerdict>[] => [
  { title: "CASE", value: (verdict) => verdict.case },
  { title: "FIGURE", value: ({ what }) => what },
  { title: "TARGET", value: ({ limit }) => limit },
  { title: "MEASURED", value: measuredText, align: "right" },
  {
    title: "",
    value: passedText,
    paint: (text, { passed }) => (passed === undefined ? style.faint(text) : (passed ? style.good : style.bad)(text)),
  },
];

const rateNames: Readonly<Record<keyof MachineRates, string>> = {
  pageCacheRead: "reading the image from the page cache",
  compare: "comparing equal buffers of 1 MiB, in cache",
  zstd: "Zstandard, level 1, blocks of 64 KiB",
  tls: "mutual TLS over loopback, in Node",
};
const rateRows = (rates: MachineRates) =>
  (Object.keys(rateNames) as (keyof MachineRates)[]).map((name) => ({ name: rateNames[name], rate: rates[name] }));
type RateRow = ReturnType<typeof rateRows>[number];
const rateColumns: readonly Column<RateRow>[] = [
  { title: "WHAT THIS MACHINE CAN DO AT MOST, ONE THREAD", value: ({ name }) => name },
  { title: "MB/s", value: ({ rate }) => (rate / 1e6).toFixed(0), align: "right" },
];

const iscsiColumns: readonly Column<IscsiRate>[] = [
  { title: "ISCSI, 1 MIB REQUESTS, 16 IN FLIGHT", value: ({ what }) => what },
  { title: "OURS MB/s", value: ({ ours }) => (ours / 1e6).toFixed(0), align: "right" },
  { title: "QEMU-IMG BENCH MB/s", value: ({ qemu }) => (qemu / 1e6).toFixed(0), align: "right" },
  { title: "×", value: ({ ours, qemu }) => number(ours / qemu), align: "right" },
];

const clusterColumns: readonly Column<ClusterTimes>[] = [
  { title: "CLUSTER, STAND-IN", value: () => "5 %" },
  { title: "EXTENTSTORE s", value: ({ extentstoreSeconds }) => number(extentstoreSeconds), align: "right" },
  { title: "CLUSTER s", value: ({ clusterSeconds }) => number(clusterSeconds), align: "right" },
  { title: "×", value: (times) => number(times.clusterSeconds / times.extentstoreSeconds), align: "right" },
  { title: "CHANGED EXTENTS MB", value: ({ bytesOfChanged }) => megabytes(bytesOfChanged), align: "right" },
  { title: "READ MB", value: ({ bytesRead }) => megabytes(bytesRead), align: "right" },
  { title: "SENT BY NODES MB", value: ({ bytesSent }) => megabytes(bytesSent), align: "right" },
  { title: "AT TARGET'S NODES MB", value: ({ bytesAtTarget }) => megabytes(bytesAtTarget), align: "right" },
];

const notes = `Wall: of ours, from the snapshot to the published restore point. CPU: user and system time at both ends. Peak: the most resident
memory, of ours source / target, of others their largest process. Wire: of ours and rsync, bytes through the loopback interface,
with all headers; of restic and borg, by how much the repository grew. ×: of ${measureOf("full")}, for full-raw of ${measureOf("full-raw")}; cases
that are the same to rsync share its figures.`;

const machineText = ({ machine, parameters }: BenchmarkReport): string => {
  const { cores, processor, memoryBytes, kernel, node, tools } = machine;
  const versions = Object.entries(tools).map(([name, version]) => `${name} ${version}`);
  const gateways = `gateways ${parameters.cold ? "cold" : "warm"}`;
  const sizes = `image of ${parameters.sizeBytes / MiB} MiB, ${(parameters.allocatedBytes / MiB).toFixed(0)} MiB of it allocated`;
  return [
    `${cores} cores (${processor}), ${(memoryBytes / 1024 / MiB).toFixed(0)} GiB, Linux ${kernel}, Node ${node}, ${gateways}`,
    `${versions.join(", ")}; ${sizes}; seed ${parameters.seed}, runs ${parameters.runs}`,
  ].join("\n");
};

/** All that was measured, for a terminal. */
export const reportText = (report: BenchmarkReport, style: Style): string =>
  [
    machineText(report),
    table(rateRows(report.machineRates), rateColumns, { style, none: "" }),
    table(report.iscsi ?? [], iscsiColumns, { style, none: "iSCSI was not measured." }),
    table(report.cluster ? [report.cluster] : [], clusterColumns, { style, none: "A cluster was not measured." }),
    table(rowsOf(report.results), columns(style), { style, none: "Nothing was measured." }),
    style.faint(notes),
    table(judge(report), verdictColumns(style), { style, none: "There is no target for what was measured." }),
  ].join("\n\n");

/** The same as tables of Markdown. */
export const reportMarkdown = (report: BenchmarkReport, style: Style): string =>
  [
    machineText(report),
    markdown(rateRows(report.machineRates), rateColumns),
    ...(report.iscsi === undefined ? [] : [markdown(report.iscsi, iscsiColumns)]),
    ...(report.cluster === undefined ? [] : [markdown([report.cluster], clusterColumns)]),
    markdown(rowsOf(report.results), columns(style)),
    markdown(judge(report), verdictColumns(style)),
  ].join("\n\n");

export const markdown = <R>(rows: readonly R[], shown: readonly Column<R>[]): string => {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  const rules = shown.map(({ align }) => (align === "right" ? "---:" : "---"));
  return [
    line(shown.map(({ title }) => title)),
    line(rules),
    ...rows.map((row) => line(shown.map(({ value }) => value(row)))),
  ].join("\n");
};
