import type { FailoverAnswer } from "../../../core/api/failover/answer.ts";
import type { FailoverPreview } from "../../../core/api/failover/preview.ts";
import { stateWords } from "../../../core/failover/words.ts";
import { kindNames } from "../kind-names.ts";
import { warningLines } from "../run.ts";
import { printable, type Style } from "../style.ts";
import { table } from "../table.ts";
import { counted, durationText, instantText } from "../units.ts";

const ageText = (from: string, to: string): string =>
  durationText(Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000));

const kinds = { planned: "planned failover", unplanned: "failover", test: "test of a failover" } as const;

const lossWords = {
  planned: "The last difference is sent first: nothing is lost, once machines are off and nobody writes any more.",
  unplanned: "What was written at home after that is not there.",
  test: "No NIC is connected, and nothing of the plan is touched.",
} as const;

/** What a failover would do, and what is lost by it. */
export const failoverPreviewText = (
  { planName, kind, home, to, group, objects, objectCount, notes }: FailoverPreview,
  { style, now }: { readonly style: Style; readonly now: string },
): string => {
  const rows = table(
    objects,
    [
      { title: "KIND", value: (object) => kindNames[object.kind] },
      { title: "NAME", value: ({ name }) => name, paint: style.strong },
      { title: "NEWEST RESTORE POINT", value: ({ takenAt }) => (takenAt === null ? "none" : instantText(takenAt)) },
      { title: "AGE", value: ({ takenAt }) => (takenAt === null ? "" : ageText(takenAt, now)), align: "right" },
      { title: `AT ${to.toUpperCase()}`, value: ({ rebuilt }) => (rebuilt ? "is made" : "is not made") },
    ],
    { style, none: "no objects" },
  );
  const more = objectCount - objects.length;
  return [
    `${kinds[kind]} of ${printable(planName)} from ${home} to ${to}, of ${group.id}`,
    rows,
    ...(more > 0 ? [`and ${counted(more, "object")} more`] : []),
    lossWords[kind],
    ...warningLines(notes, style),
  ].join("\n");
};

/** `stopping: switches machines off at home`, for a log. */
export const stepLine = ({ state, does, halted, turning }: FailoverAnswer): string => {
  const then = turning === undefined ? "" : `; then ${turning}`;
  return halted === undefined ? `${state}: ${does}${then}` : `${state}: ${printable(halted.message)} (${halted.code})`;
};

/** How far a failover is, and what may be said to it. */
export const failoverText = (failover: FailoverAnswer, style: Style): string => {
  const { planName, kind, home, to, id, state, since, does, halted, retryAt, until, steps, warnings } = failover;
  const paint = halted !== undefined ? style.bad : failover.isUnderWay ? style.warn : style.good;
  const shownSteps = table(
    steps,
    [
      { title: "STEP", value: (step) => step.state },
      { title: "BEGAN", value: ({ at }) => instantText(at) },
      {
        title: "TOOK",
        value: ({ at, endedAt }) => (endedAt === undefined ? "" : ageText(at, endedAt)),
        align: "right",
      },
      { title: "RUN", value: ({ runId = "" }) => runId },
      { title: "FAILED", value: ({ reason }) => reason?.code ?? "" },
    ],
    { style, none: "no steps" },
  );
  return [
    `${kinds[kind]} of ${printable(planName)} from ${home} to ${to}  ${paint(halted === undefined ? state : `${state}, waits`)}`,
    id,
    `since ${instantText(since)}: ${does}`,
    ...(until === undefined ? [] : [`it is removed at ${instantText(until)}`]),
    shownSteps,
    ...(halted === undefined ? [] : [`${style.bad("why:")} ${printable(halted.message)} (${halted.code})`]),
    ...(retryAt === undefined ? [] : [`it tries again at ${instantText(retryAt)}`]),
    ...unstoppableLines(failover),
    ...divergedLines(failover),
    ...warningLines(warnings, style),
    ...mayLines(failover),
  ].join("\n");
};

const unstoppableLines = ({ state, home, to, unstoppable = [] }: FailoverAnswer): readonly string[] => {
  if ((state !== "confirming" && state !== "confirming-back") || unstoppable.length === 0) return [];
  const site = state === "confirming" ? home : to;
  const names = unstoppable.map(({ kind, name }) => `  ${kindNames[kind]} ${printable(name)}`);
  return [`Nobody can switch these off. Say that it goes on when nobody at ${site} uses them any more:`, ...names];
};

const divergedLines = ({ home, diverged = [], divergedCount = 0, besidePrefix }: FailoverAnswer): readonly string[] => {
  if (divergedCount === 0) return [];
  const isBeside = besidePrefix !== undefined;
  const beside = (name: string) => (isBeside ? `, and beside it ${printable(besideName(name, besidePrefix))}` : "");
  const names = diverged.map(({ kind, name }) => `  ${kindNames[kind]} ${printable(name)}${beside(name)}`);
  const more = divergedCount - diverged.length;
  return [
    `Changed at ${home} since the failover${isBeside ? ", and not overwritten: what came home is beside it" : ""}:`,
    ...names,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
};

/** A file's stays in its directory. */
const besideName = (name: string, prefix: string): string => name.replace(/[^/]*$/, (last) => `${prefix}${last}`);

const commandText = {
  continue: (plan: string) => `smtx-backup failover continue ${plan}`,
  undo: (plan: string) => `smtx-backup failover undo ${plan}`,
  failback: (plan: string) => `smtx-backup failback ${plan}`,
} as const;

/** One command where several lead to the same. */
const mayLines = ({ planName, kind, may }: FailoverAnswer): readonly string[] =>
  may
    .filter(({ leadsTo }, at) => may.findIndex((one) => one.leadsTo === leadsTo) === at)
    .map(({ command, leadsTo }) => {
      const test = kind === "test" ? " --test" : "";
      return `${commandText[command](printable(planName))}${test}  → ${leadsTo}: ${stateWords[leadsTo]}`;
    });

/** A line for each. */
export const failoversText = (items: readonly FailoverAnswer[], style: Style): string =>
  table(
    items,
    [
      { title: "PLAN", value: ({ planName }) => planName, paint: style.strong },
      { title: "KIND", value: ({ kind }) => kind },
      { title: "FROM", value: ({ home }) => home },
      { title: "TO", value: ({ to }) => to },
      { title: "BEGAN", value: ({ createdAt }) => instantText(createdAt) },
      {
        title: "STATE",
        value: ({ state, halted }) => (halted === undefined ? state : `${state}, waits (${halted.code})`),
      },
      { title: "FAILOVER", value: ({ id }) => id },
    ],
    { style, none: "There was no failover yet." },
  );
