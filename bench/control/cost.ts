import { parseArgs } from "node:util";
import { styleFor } from "../../cli/render/style.ts";
import { type Column, table } from "../../cli/render/table.ts";
import { markdown } from "../render.ts";
import { countHour, type Load } from "./hour.ts";
import { type CostLine, month, siteMonth } from "./month.ts";
import { measureRuns } from "./runs.ts";

/*
 * What a site costs in a month on AWS: an hour of two sites is played with the real gateways'
 * agents and the real control plane, all requests are counted, and a dated list of prices says what
 * they cost. `npm run cost [-- --json | --markdown] [--check]`
 */

const usage = `Works out what a site costs in a month on AWS, in some 40 seconds.

  npm run cost -- [OPTIONS]

  --json      prints JSON
  --markdown  prints a table in Markdown
  --check     ends with 1 when a site costs more than it may
  --help      this text
`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    /** Ends with 1 when a site of a thousand costs more than it may. */
    check: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}

const manySites = 1000;
/**
 * What a site of so many may cost, without runs and with ten hourly plans; docs/aws.md says what
 * for.
 */
const bounds = { idle: 0.6, busy: 1.6 };

const loads = {
  idle: { plans: 0, objects: 1, transferSeconds: 0 },
  busy: { plans: 10, objects: 1, transferSeconds: 300 },
  large: { plans: 10, objects: 100, transferSeconds: 10 },
} satisfies Record<string, Load>;

const seconds = 3600;
const count = (load: Load) => {
  process.stderr.write(`an hour with ${load.plans} plans of ${load.objects} objects\n`);
  return countHour(load, seconds);
};
const idle = await count(loads.idle);
const busy = await count(loads.busy);
const large = await count(loads.large);

const none = { writeUnits: 0, readUnits: 0 };
const forgottenOf = async ({ objects }: Load) => (await measureRuns({ objects, targets: 1 })).forgotten;
const scenarios = {
  idle: { idle, busy: idle, forgotten: none, seconds },
  busy: { idle, busy, forgotten: await forgottenOf(loads.busy), seconds },
  large: { idle, busy: large, forgotten: await forgottenOf(loads.large), seconds },
};
type Name = keyof typeof scenarios;

interface Row {
  readonly what: string;
  readonly values: readonly number[];
}

const shown: readonly { readonly title: string; readonly name: Name; readonly sites: number }[] = [
  { title: "1 SITE, NO RUNS", name: "idle", sites: 1 },
  { title: "TEN PLANS", name: "busy", sites: 1 },
  { title: "A SITE OF 1,000, NO RUNS", name: "idle", sites: manySites },
  { title: "TEN PLANS", name: "busy", sites: manySites },
  { title: "OF 100 OBJECTS", name: "large", sites: manySites },
];

const columnsOf = shown.map(({ name, sites }) => ({ lines: month(scenarios[name], sites), sites }));
const rows: readonly Row[] = [
  ...(columnsOf[0]?.lines ?? []).map(({ what }: CostLine, index) => ({
    what,
    values: columnsOf.map(({ lines, sites }) => (lines[index]?.site ?? 0) + (lines[index]?.fixed ?? 0) / sites),
  })),
  { what: "a site", values: columnsOf.map(({ lines, sites }) => siteMonth(lines, sites)) },
];

const columns: readonly Column<Row>[] = [
  { title: "US DOLLARS A MONTH AND SITE", value: ({ what }) => what },
  ...shown.map(
    ({ title }, index): Column<Row> => ({
      title,
      value: (row) => (row.values[index] ?? 0).toFixed(row.what === "a site" ? 2 : 3),
      align: "right",
    }),
  ),
];

const costs = {
  idle: siteMonth(month(scenarios.idle, manySites), manySites),
  busy: siteMonth(month(scenarios.busy, manySites), manySites),
};
const verdict = (name: keyof typeof bounds) =>
  `${costs[name].toFixed(2)} of ${bounds[name].toFixed(2)}: ${costs[name] <= bounds[name] ? "pass" : "FAIL"}`;
const style = styleFor({ isTerminal: process.stdout.isTTY, env: process.env });
const text = values.json
  ? JSON.stringify({ counted: { idle, busy, large }, rows, costs, bounds }, undefined, 2)
  : [
      values.markdown ? markdown(rows, columns) : table(rows, columns, { style, none: "" }),
      `A site of ${manySites.toLocaleString("en-US")} without runs costs ${verdict("idle")}; with ten hourly plans ${verdict("busy")}.`,
    ].join("\n\n");
process.stdout.write(`${text}\n`);
if (values.check && (costs.idle > bounds.idle || costs.busy > bounds.busy)) process.exitCode = 1;
