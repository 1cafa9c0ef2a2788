import type { PlanStatus, StatusAnswer, TargetHealth, TargetStatus } from "../../core/api/status.ts";
import { targetHealthSchema } from "../../core/api/status.ts";
import { damageText } from "./group.ts";
import { cycleText } from "./plan.ts";
import { stateStyle } from "./progress.ts";
import { printable, type Style } from "./style.ts";
import { type Column, table } from "./table.ts";
import { counted, durationText, instantText } from "./units.ts";

/** What a screen holds. */
const rowsShownMax = 40;
/** So many are named of those that a sentence is about. */
const namedMax = 3;

/** The worst first. */
const order = targetHealthSchema.options;

interface Row {
  readonly plan: PlanStatus;
  readonly target: TargetStatus;
}

const rowsOf = (items: readonly PlanStatus[]): readonly Row[] =>
  items.flatMap((plan) => plan.targets.map((target) => ({ plan, target })));

/** How many targets of plans are in which state. */
export const statusCounts = (items: readonly PlanStatus[]): Readonly<Record<TargetHealth, number>> => {
  const rows = rowsOf(items);
  const count = (state: TargetHealth) => rows.filter(({ target }) => target.state === state).length;
  return Object.fromEntries(order.map((state) => [state, count(state)])) as Record<TargetHealth, number>;
};

const words: Partial<Record<TargetHealth, string>> = { "never-run": "never run" };
const wordOf = (state: TargetHealth): string => words[state] ?? state;

const stateText = ({ state, isLate, isFailing }: TargetStatus): string =>
  isLate && isFailing ? "late, failing" : wordOf(state);

const paintOf = (state: TargetHealth, style: Style) => {
  if (state === "late" || state === "failing" || state === "damaged") return style.bad;
  if (state === "well") return style.good;
  return state === "running" ? style.strong : style.warn;
};

/** `1 late, 2 well` */
const countsText = (counts: Readonly<Record<TargetHealth, number>>): string =>
  order
    .filter((state) => counts[state] > 0)
    .map((state) => `${counts[state]} ${wordOf(state)}`)
    .join(", ");

const columns = (style: Style): readonly Column<Row>[] => [
  { title: "PLAN", value: ({ plan }) => plan.planName, paint: style.strong },
  { title: "SITE", value: ({ target }) => target.site },
  {
    title: "STATE",
    value: ({ target }) => stateText(target),
    paint: (text, { target }) => paintOf(target.state, style)(text),
  },
  {
    title: "NEWEST RESTORE POINT",
    value: ({ target }) => (target.newest === null ? "none" : instantText(target.newest.takenAt)),
  },
  {
    title: "AGE",
    align: "right",
    value: ({ target }) => (target.newest === null ? "–" : durationText(target.newest.ageSeconds)),
  },
  { title: "RUNS", value: ({ plan }) => cycleText(plan.schedule) },
  {
    title: "LAST RUN",
    value: ({ target: { last } }) => (last === null ? "–" : `${last.state} ${instantText(last.slot)}`),
    paint: (text, { target: { last } }) => (last === null ? text : stateStyle(last.state, style)(text)),
  },
];

/** A sentence about a target, and where more is told of it. */
interface Note {
  readonly row: Row;
  readonly text: string;
  readonly see?: string;
}

const lastWords = { cancelled: "was cancelled", succeeded: "succeeded" } as const;

const runShown = (runId: string): string => `smtx-backup run show ${runId}`;

const notesOf = (row: Row): readonly Note[] => {
  const { isLate, isFailing, lateFrom, newest, last, current } = row.target;
  const notes: Note[] = [];
  if (isLate && lateFrom !== null) {
    const what =
      newest === null
        ? "there is no restore point yet"
        : "the newest restore point is older than the plan's cycle allows";
    notes.push({ row, text: `late since ${instantText(lateFrom)}: ${what}` });
  }
  if (isFailing && !isLate && newest === null && last !== null && last.state !== "failed") {
    const text = `there is no restore point, and the last run ${lastWords[last.state]}`;
    notes.push({ row, text, see: `smtx-backup plan run ${row.plan.planId} --wait` });
  }
  if (newest?.damage !== undefined) {
    const text = `the newest restore point is damaged: ${damageText(newest.damage)}`;
    notes.push({ row, text, see: `smtx-backup group list --plan ${row.plan.planId}` });
  }
  if (last !== null && last.reason !== null) {
    const { code, message } = last.reason;
    notes.push({ row, text: `${last.state}: ${message} (${code})`, see: runShown(last.runId) });
  }
  if (last !== null && last.warning !== null) {
    notes.push({ row, text: `warning: ${last.warning.message} (${last.warning.code})`, see: runShown(last.runId) });
  }
  if (current !== null && current.waitsFor !== null) {
    notes.push({ row, text: `waiting: ${current.waitsFor}`, see: runShown(current.runId) });
  }
  return notes;
};

/** What is said of several targets is said once. */
const noteLines = (rows: readonly Row[], style: Style): readonly string[] => {
  const byText = Map.groupBy(rows.flatMap(notesOf), ({ text }) => text);
  return [...byText].map(([text, notes]) => {
    const named = notes.slice(0, namedMax).map(({ row }) => `${row.plan.planName} at ${row.target.site}`);
    const more = notes.length > namedMax ? [`${notes.length - namedMax} more`] : [];
    const see = notes[0]?.see;
    const who = style.strong(printable([...named, ...more].join(", ")));
    return `${who}: ${printable(text)}${see === undefined ? "" : `\n  see: ${see}`}`;
  });
};

/** Of a plan whose objects are not at home, or on their way. */
const awayLines = (plan: PlanStatus, style: Style): readonly string[] => [
  ...whereLines(plan, style),
  ...(plan.warnings ?? []).map(
    ({ code, message }) =>
      `${style.strong(printable(plan.planName))}: ${style.warn("warning:")} ${printable(message)} (${code})\n  see: smtx-backup failover show ${plan.planId}`,
  ),
];

const whereLines = ({ planId, planName, source, place, moving }: PlanStatus, style: Style): readonly string[] => {
  const who = style.strong(printable(planName));
  const see = `\n  see: smtx-backup plan show ${planId}`;
  if (moving !== undefined)
    return [
      `${who}: the failover ${moving} is moving its objects, or waits for a person, and no slot gets a run\n  see: smtx-backup failover show ${planId}`,
    ];
  if (place === undefined || place.siteId === source) return [];
  const since = `since ${instantText(place.since)}`;
  return [`${who}: its objects are at site ${place.siteId} ${since}, and are copied to ${source} in its stead${see}`];
};

const absentLine = (site: string, style: Style): string =>
  `${style.warn(`site ${site}`)}: no gateway was heard of lately, so what has work there waits\n  see: smtx-backup gateway list --site ${site}`;

/** All plans at all targets on a screen: what is wrong first. */
export const statusText = (
  { items, absentSites, unreadable }: Pick<StatusAnswer, "items" | "absentSites"> & { readonly unreadable: number },
  { style, all, isFiltered }: { readonly style: Style; readonly all: boolean; readonly isFiltered: boolean },
): string => {
  const rows = rowsOf(items).toSorted(
    (one, other) => order.indexOf(one.target.state) - order.indexOf(other.target.state),
  );
  const damaged = unreadable === 0 ? [] : [unreadableText(unreadable, style)];
  if (rows.length === 0) return damaged[0] ?? noneText(isFiltered);
  const shown = all ? rows : rows.slice(0, rowsShownMax);
  const hidden = rows.slice(shown.length);
  const head = `${counted(items.length, "plan")} at ${counted(rows.length, "target")}: ${countsText(statusCounts(items))}`;
  const body = table(shown, columns(style), { style, none: "" });
  const more = hidden.length === 0 ? [] : [`and ${hidden.length} more lines: ${hiddenText(hidden)}; --all shows them`];
  const notes = [
    ...damaged,
    ...noteLines(shown, style),
    ...items.flatMap((plan) => awayLines(plan, style)),
    ...absentSites.map((site) => absentLine(site, style)),
  ];
  return [head, [body, ...more].join("\n"), ...(notes.length === 0 ? [] : [notes.join("\n")])].join("\n\n");
};

const noneText = (isFiltered: boolean): string =>
  isFiltered ? "No plan has a target there." : "No plans yet. Make one with: smtx-backup plan create -f plan.yaml";

const unreadableText = (count: number, style: Style): string =>
  `${style.bad(`${counted(count, "plan")} can't be read`)}, so nothing is known of how they are; the control plane's log says which`;

const hiddenText = (rows: readonly Row[]): string =>
  countsText(statusCounts(rows.map(({ plan, target }) => ({ ...plan, targets: [target] }))));
