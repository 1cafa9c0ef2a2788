import type { HistoryEntry, RunAnswer, RunListEntry, RunSummary, RunTarget } from "../../core/api/answers.ts";
import type { Reason } from "../../core/api/reason.ts";
import { secondsBetween } from "../../core/ports/clock.ts";
import { planNameText } from "./plan-name.ts";
import { stateStyle, stateText, targetLines } from "./progress.ts";
import { printable, type Style } from "./style.ts";
import { type Column, fields, table } from "./table.ts";
import { bytesText, counted, durationText, instantText } from "./units.ts";

type Status = RunAnswer["status"];

export const statusStyle = (status: Status, style: Style) => {
  if (status === "succeeded") return style.good;
  if (status === "failed" || status === "partly") return style.bad;
  return status === "cancelled" || status === "skipped" ? style.warn : style.strong;
};

const statusWords: Partial<Record<Status, string>> = { partly: "partly failed" };
export const statusText = (status: Status): string => statusWords[status] ?? status;

/** Whether there is nothing more to come of it. */
export const runHasEnded = ({ status }: Pick<RunAnswer, "status">): boolean =>
  status !== "queued" && status !== "running";

const took = ({ startedAt, endedAt }: Pick<RunTarget, "startedAt" | "endedAt">): string =>
  startedAt === null || endedAt === null ? "–" : durationText(secondsBetween(startedAt, endedAt));

/** `3.2`: bytes of changed content for one that was sent. */
export const ratioText = ({ bytesChanged, bytesSent }: Pick<RunTarget["progress"], "bytesChanged" | "bytesSent">) =>
  bytesSent === 0 || bytesChanged === 0 ? "–" : `${(bytesChanged / bytesSent).toFixed(1)}×`;

const nameAndState = (style: Style): readonly Column<RunTarget>[] => [
  { title: "TARGET", value: ({ site }) => site },
  { title: "STATE", value: stateText, paint: (text, { state }) => stateStyle(state, style)(text) },
];

const number = (title: string, value: (target: RunTarget) => string): Column<RunTarget> => ({
  title,
  value,
  align: "right",
});

const transferred: readonly Column<RunTarget>[] = [
  number("EXTENTS", ({ progress }) => String(progress.extentsTotal)),
  number("UNCHANGED", ({ progress }) => String(progress.extentsUnchanged)),
  number("HOLES", ({ progress }) => String(progress.extentsHole)),
  number("CHANGED", ({ progress }) => bytesText(progress.bytesChanged)),
  number("SENT", ({ progress }) => bytesText(progress.bytesSent)),
  number("RATIO", ({ progress }) => ratioText(progress)),
];

const baseTexts = {
  "first-backup": "in full, for it is the first backup",
  increment: "only what is new or has changed since the last one",
  "base-gone-from-source": "what the target lacks: the snapshot to compare with is gone from the source",
  "base-gone-from-target": "in full where the target has lost what it would be compared with",
  shared: "only what differs from a restore point that both sites have",
  seed: "only what differs from a restore point that it has",
  "nothing-there": "in full, for it has nothing of the plan",
} as const;

/**
 * The run's warnings are told once for all of its targets; a target's begins with one of them,
 * unless it has another.
 */
const ownWarnings = ({ warning }: RunTarget, ofRun: readonly Reason[] = []): readonly Reason[] =>
  warning === null || ofRun.some(({ code, message }) => code === warning.code && warning.message.startsWith(message))
    ? []
    : [warning];

/** Of a run that was given up only the plan is known, unless its data was all sent by then. */
const sentVerb = ({ state, progress }: RunTarget): string =>
  state === "succeeded" || progress.objectsDone === progress.objectsTotal ? "sent" : "was to be sent";

const remarks = (target: RunTarget, { warnings }: RunAnswer, style: Style): readonly string[] => [
  ...(target.base === null ? [] : [`${target.site}: ${sentVerb(target)} ${baseTexts[target.base.why]}`]),
  ...(target.reason === null || target.state === "succeeded"
    ? []
    : [`${target.site}: ${printable(target.reason.message)} (${target.reason.code})`]),
  ...warningLines(ownWarnings(target, warnings), style, `${target.site}: `),
];

/** What is to be known although nothing failed. */
export const warningLines = (warnings: readonly Reason[], style: Style, where = ""): readonly string[] =>
  warnings.map(({ code, message }) => `${style.warn("warning:")} ${where}${printable(message)} (${code})`);

const deadLetterNote = ({ id, deadLetters }: RunAnswer): readonly string[] =>
  deadLetters === 0
    ? []
    : [`${counted(deadLetters, "report")} about it could not be taken in. To try again: smtx-backup run redrive ${id}`];

const takenCodes: ReadonlySet<string> = new Set(["VOLUME_NAME_TAKEN", "OBJECT_NAME_TAKEN"]);

/** A restore point that is rebuilt a second time needs other names. */
const nameTakenNote = ({ kind, restore, targets }: RunAnswer): readonly string[] =>
  restore === undefined
    ? []
    : targets
        .filter(({ reason }) => reason !== null && takenCodes.has(reason.code))
        .map(
          ({ site }) =>
            `To rebuild it under another name: smtx-backup ${againText(kind, restore, site)}${restore.objects === undefined ? "" : " --object NAME"} --prefix TEXT`,
        );

/** The way back of a rollback. What it has written counts as a change since the safety group. */
const undoNote = ({ kind, status, groupId }: RunAnswer): readonly string[] =>
  kind === "rollback" && status === "succeeded"
    ? [`To undo it: smtx-backup rollback ${groupId} --discard-changes`]
    : [];

/** The same restore once more, but for what else was wished for. */
const againText = (
  kind: RunAnswer["kind"],
  { fromGroupId, fromSiteId }: NonNullable<RunAnswer["restore"]>,
  site: string,
): string =>
  kind === "clone"
    ? `clone ${fromGroupId} --from ${fromSiteId ?? "SITE"} --to ${site}`
    : `rebuild ${fromGroupId} --site ${site}`;

/** A deletion counts groups and not objects: its preview has told which. */
const middleColumns = ({ kind, sender }: RunAnswer): readonly Column<RunTarget>[] => {
  if (kind === "deletion") return [];
  if (kind === "backup" || sender !== undefined) return transferred;
  return [number("OBJECTS", ({ progress }) => String(progress.objectsTotal))];
};

/**
 * What a run came to, target by target: what was skipped, what had changed,
 * what went over the wire.
 */
export const runTotals = (run: RunAnswer, style: Style): string => {
  const columns = [...nameAndState(style), ...middleColumns(run), number("DURATION", took)];
  const notes = [
    ...run.targets.flatMap((target) => remarks(target, run, style)),
    ...warningLines(run.warnings ?? [], style),
    ...nameTakenNote(run),
    ...undoNote(run),
    ...deadLetterNote(run),
  ];
  return [table(run.targets, columns, { style, none: "no targets" }), ...notes].join("\n");
};

/** The run's own line: `run_…  succeeded`. */
export const runHeading = (run: RunAnswer, style: Style): string =>
  `${style.strong(run.id)}  ${statusStyle(run.status, style)(statusText(run.status))}`;

const kinds = {
  snapshot: "snapshot",
  backup: "backup",
  rebuild: "rebuild",
  rollback: "rollback",
  clone: "clone",
  deletion: "deletion",
  attach: "attachment",
  failover: "failover",
} as const;

/** `rebuild`; of what a failover orders, `failover (stop)`. */
const kindText = ({ kind, order }: Pick<RunAnswer, "kind" | "order">): string =>
  order === undefined ? kinds[kind] : `${kinds[kind]} (${order})`;

/** Everything about a run as it is now. Nothing is drawn over it, so no line has to be cut. */
export const runText = (run: RunAnswer, style: Style): string => {
  const head = fields(
    [
      ["Plan", planNameText(run)],
      ["Run", `${kindText(run)} of ${countText(run)}, asked for by ${askedBy(run)}`],
      ["Slot", instantText(run.slot)],
      ["Group", groupTextOf(run)],
      ["Taken at", run.at],
      ["Sent by", run.sender],
    ],
    style,
  );
  const rest = runHasEnded(run) ? runTotals(run, style) : runNow(run, style);
  return `${runHeading(run, style)}\n${head}\n\n${rest}`;
};

const groupTextOf = ({ groupId, restore, kind, status }: RunAnswer): string => {
  if (restore === undefined) return groupId;
  const { fromGroupId, attach } = restore;
  // One that was refused has taken no safety group.
  const before = status === "succeeded" ? `; what was there before is in ${groupId}` : "";
  if (kind === "failover") return `its objects are those of ${fromGroupId}`;
  if (kind === "rollback") return `back to ${fromGroupId}${before}`;
  if (attach !== undefined) return `${fromGroupId}, until ${instantText(attach.until)}`;
  return `${kind === "clone" ? "cloned" : "rebuilt"} from ${fromGroupId}`;
};

/** `2 objects`, `2 objects with 5 volumes` */
const countText = ({ objectCount, targets }: RunAnswer): string => {
  const volumes = targets.find(({ progress }) => progress.volumesTotal !== undefined)?.progress.volumesTotal;
  const objects = counted(objectCount, "object");
  return volumes === undefined || volumes === objectCount ? objects : `${objects} with ${counted(volumes, "volume")}`;
};

const askedBy = ({ trigger }: RunAnswer) => askers[trigger];
const askers = {
  person: "a person",
  schedule: "its schedule",
  clock: "its schedule, once more since a clock was wrong",
} as const;

const runNow = ({ targets, warnings }: RunAnswer, style: Style): string => {
  const siteColumns = Math.max(...targets.map(({ site }) => site.length));
  const screen = { style, columns: Number.POSITIVE_INFINITY, siteColumns };
  const lines = targets.flatMap((target) => targetLines(target, screen));
  return [...lines, ...warningLines(warnings ?? [], style)].join("\n");
};

const endOf = ({ targets }: RunSummary): string | null => {
  const ends = Object.values(targets).map(({ endedAt }) => endedAt);
  return ends.includes(null) ? null : (ends.sort().at(-1) ?? null);
};

/** What went over the wire to all targets. */
const sentText = ({ targets }: RunSummary): string => {
  const moved = Object.values(targets).flatMap((target) => target.moved ?? []);
  return moved.length === 0 ? "–" : bytesText(moved.reduce((sum, { bytesSent }) => sum + bytesSent, 0));
};

const historyColumns = (style: Style, nowMs: number): readonly Column<RunListEntry>[] => [
  { title: "PLAN", value: planNameText, paint: style.strong },
  { title: "SLOT", value: (entry) => instantText(entry.type === "run" ? entry.run.slot : entry.skip.firstSlot) },
  {
    title: "STATUS",
    value: (entry) => (entry.type === "run" ? statusText(entry.run.status) : "no run"),
    paint: (text, entry) => (entry.type === "run" ? statusStyle(entry.run.status, style)(text) : style.faint(text)),
  },
  { title: "KIND", value: (entry) => (entry.type === "run" ? kindText(entry.run) : "–") },
  {
    title: "TOOK",
    align: "right",
    value: (entry) => {
      const end = entry.type === "run" ? endOf(entry.run) : null;
      return entry.type === "run" && end !== null
        ? durationText((Date.parse(end) - Date.parse(entry.run.createdAt)) / 1000)
        : "–";
    },
  },
  { title: "SENT", align: "right", value: (entry) => (entry.type === "run" ? sentText(entry.run) : "–") },
  {
    title: "TARGETS",
    value: (entry) =>
      entry.type === "run"
        ? Object.entries(entry.run.targets)
            .map(([site, { state }]) => `${site} ${state}`)
            .join(", ")
        : skipText(entry.skip, nowMs),
  },
  { title: "RUN", value: (entry) => (entry.type === "run" ? entry.run.id : "–") },
];

const skipReasons = {
  suspended: "the plan was suspended",
  missed: "the time had gone by",
  deleted: "it was deleted",
  clock: "a clock was wrong",
  failover: "a failover was moving the plan's objects",
  absent: "no site that copies go to answered",
};

type Skip = Extract<HistoryEntry, { type: "skip" }>["skip"];

const skipText = ({ count, firstSlot, lastSlot, reason }: Skip, nowMs: number): string => {
  const until = count > 1 ? ` until ${instantText(lastSlot)}` : "";
  // A clock that was ahead has recorded what is still to come.
  const why = Date.parse(firstSlot) > nowMs ? "a clock was ahead; they run when they come" : skipReasons[reason];
  return `${counted(count, "slot")}${until}: ${why}`;
};

/** Runs and skipped slots of plans, the newest first. */
export const historyTable = (
  entries: readonly RunListEntry[],
  { style, nowMs, none }: { readonly style: Style; readonly nowMs: number; readonly none: string },
): string => table(entries, historyColumns(style, nowMs), { style, none });
