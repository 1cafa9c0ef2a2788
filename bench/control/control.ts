import { parseArgs } from "node:util";
import { styleFor } from "../../cli/render/style.ts";
import { type Size, volumesOf } from "./backups.ts";
import { judge } from "./bounds.ts";
import { measure } from "./measure.ts";
import { render } from "./render.ts";

/*
 * What runs take of the control plane: its real code over models of DynamoDB, the queues
 * and the sites, which count as AWS does. `npm run bench:control [-- --json |
 * --markdown] [--to N] [--check]`
 */

const sizes: readonly Size[] = [
  { objects: 1, targets: 1 },
  { objects: 10, targets: 1 },
  { objects: 100, targets: 1 },
  { objects: 1000, targets: 1 },
  { objects: 1000, targets: 4 },
  { objects: 1000, targets: 16 },
  { objects: 1000, targets: 1, disks: 4 },
  { objects: 1000, targets: 16, disks: 4 },
];

const usage = `Counts what runs take of the control plane, in some ten minutes.

  npm run bench:control -- [OPTIONS]

  --to N      leaves out sizes of more volumes times targets (64000)
  --json      prints JSON
  --markdown  prints tables in Markdown
  --check     ends with 1 when a bound is not kept
  --help      this text
`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    /** Leaves out sizes of more volumes and targets than this, which take long. */
    to: { type: "string", default: "64000" },
    /** Ends with 1 when a bound is not kept. */
    check: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}

const runs = sizes.filter((size) => volumesOf(size) * size.targets <= Number(values.to));
const reports = { objects: 100, targets: 16 };
const reclaims = { objects: 1000, targets: 3 };
const figures = await measure({ runs, reports, reclaims }, (text) => void process.stderr.write(`${text}\n`));
const style = styleFor({ isTerminal: process.stdout.isTTY, env: process.env });
const text = values.json
  ? JSON.stringify({ ...figures, verdicts: judge(figures) }, undefined, 2)
  : render(figures, style, { asMarkdown: values.markdown });
process.stdout.write(`${text}\n`);
if (values.check && judge(figures).some(({ passed }) => !passed)) process.exitCode = 1;
