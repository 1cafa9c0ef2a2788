import type { PlanAnswer, PlanListEntry, RetentionAnswer } from "../../core/api/answers.ts";
import type { PlanStage } from "../../core/api/failover/stage.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type Plan, type PlanEntry, type Schedule } from "../../core/api/plan.ts";
import { ruleText } from "../../core/object/rule.ts";
import { monthsLeftOut } from "../../core/schedule/months.ts";
import { statusStyle, statusText } from "./run.ts";
import { printable, type Style } from "./style.ts";
import { fields, table } from "./table.ts";
import { bytesText, counted, instantText } from "./units.ts";

const units = { hourly: "hour", daily: "day", weekly: "week", monthly: "month" } as const;

const whenText = (schedule: Schedule): string => {
  switch (schedule.cycle) {
    case "hourly":
      return ` at minute ${schedule.minute}`;
    case "daily":
      return ` at ${schedule.at}`;
    case "weekly":
      return ` on ${schedule.on.join(", ")} at ${schedule.at}`;
    case "monthly":
      return ` on ${schedule.day === "last" ? "the last day" : `day ${schedule.day}`} at ${schedule.at}`;
  }
};

/** `every 2 weeks` */
export const cycleText = (schedule: Schedule | undefined): string => {
  if (schedule === undefined) return "by hand";
  const unit = units[schedule.cycle];
  return schedule.every === 1 ? `every ${unit}` : `every ${schedule.every} ${unit}s`;
};

/** `every 2 weeks on mon, fri at 01:00, Europe/Berlin, until …` */
export const scheduleText = (schedule: Schedule | undefined): string => {
  if (schedule === undefined) return "none: it runs when it is told to";
  const until = schedule.endsAt === undefined ? "" : `, until ${instantText(schedule.endsAt)}`;
  return `${cycleText(schedule)}${whenText(schedule)}, ${schedule.timeZone}${until}`;
};

/** In the order that runs have them. */
const bySite = (targets: Plan["targets"]): Plan["targets"] =>
  targets.toSorted((one, other) => (one.site < other.site ? -1 : 1));

const sitesText = ({ targets }: Pick<Plan, "targets">): string =>
  bySite(targets)
    .map(({ site }) => site)
    .join(", ");

const targetText = ({ site, retention, switches, pool }: Plan["targets"][number]): string => {
  const mapped = Object.entries(switches)
    .sort()
    .map(([from, to]) => printable(`${from} → ${to}`));
  return [
    site,
    `keeps ${counted(retention.keepLast, "group")}`,
    ...(pool === undefined ? [] : [printable(`in the pool ${pool}`)]),
    ...(mapped.length === 0 ? [] : [`switches ${mapped.join(", ")}`]),
  ].join(", ");
};

/** Where its objects are, when they are not all the originals at home. */
const placeText = ({ source, place, moving }: Pick<Plan, "source" | "place" | "moving">): string | undefined => {
  const isAway = place !== undefined && place.siteId !== source;
  const there = isAway
    ? `${place.siteId}, since ${instantText(place.since)}: its runs are taken there, and copied to ${source} in its stead`
    : `${source}, where ${place?.standIns.join(", ")} made some of them anew`;
  const lines = [
    ...(place === undefined ? [] : [there]),
    ...(moving === undefined ? [] : [`being moved by ${moving}`]),
  ];
  return lines.length === 0 ? undefined : lines.join("\n");
};

const statusPaint = (style: Style) => (text: string) => (text === "active" ? style.good(text) : style.warn(text));

const clockText = ({ putBackAt, from }: NonNullable<Plan["clock"]>): string =>
  `was wrong, as was found at ${instantText(putBackAt)}: slots until ${instantText(from)} were settled already; they run when they come`;

/** `lun web1 (lun-…)`; `every vm web-* with the label env=prod`. */
const entryText = (entry: PlanEntry): string =>
  printable(isRule(entry) ? `every ${ruleText(entry)}` : `${entry.kind} ${entry.name} (${entry.id})`);

/** `1. db, web-*; then 30 s; then tcp db:5432, within 300 s; then a person says: …` */
const stageText = ({ objects, delaySeconds = 0, ready, withinSeconds, message }: PlanStage, index: number): string => {
  const within = withinSeconds === undefined ? "" : `, within ${withinSeconds} s`;
  const steps = [
    objects.join(", "),
    ...(delaySeconds > 0 ? [`${delaySeconds} s`] : []),
    ...(ready === undefined ? [] : [`${readyText(ready)}${within}`]),
    ...(message === undefined ? [] : [`a person goes on: ${message}`]),
  ];
  return printable(`${index + 1}. ${steps.join("; then ")}`);
};

const readyText = (ready: NonNullable<PlanStage["ready"]>): string => {
  if ("tcp" in ready) return `tcp ${ready.tcp}`;
  return "http" in ready ? `${ready.http} answers ${ready.status}` : "their guest agents answer";
};

/** A plan in full. */
export const planText = (plan: PlanAnswer, style: Style): string => {
  const { enabled, level } = plan.compression;
  const head = `${style.strong(plan.name)}  ${statusPaint(style)(plan.status)}`;
  const body = fields(
    [
      ["Id", plan.id],
      ["Kind", `${plan.kind} plan`],
      [
        "Source",
        plan.retention === undefined
          ? plan.source
          : `${plan.source}, keeps ${counted(plan.retention.keepLast, "group")}`,
      ],
      ["Place", placeText(plan)],
      ["Targets", plan.targets.length === 0 ? undefined : bySite(plan.targets).map(targetText).join("\n")],
      ["Objects", plan.objects.map(entryText).join("\n")],
      ["Schedule", plan.status === "deleted" ? "none: it is deleted" : scheduleText(plan.schedule)],
      ["Compression", plan.targets.length === 0 ? undefined : enabled ? `zstd, level ${level}` : "off"],
      ["Stages", plan.stages?.map(stageText).join("\n")],
      ["Clock", plan.clock && clockText(plan.clock)],
    ],
    style,
  );
  return `${head}\n${body}`;
};

const deletedText = "It is deleted: it does not run any more.";

/** What stays of a plan that is deleted. */
export const deletedPlanText = (id: PlanAnswer["id"]): string =>
  `${deletedText} Its restore points stay: smtx-backup group list --plan ${id}`;

/** The slots to come, in the schedule's own time zone. */
export const slotsText = (answer: {
  readonly schedule?: Schedule | undefined;
  readonly slots: readonly string[];
  readonly isSuspended?: boolean | undefined;
  readonly isDeleted?: boolean | undefined;
}): string => {
  const { schedule, slots, isSuspended = false, isDeleted = false } = answer;
  if (isDeleted) return deletedText;
  if (schedule === undefined) return "It runs only when it is told to: it has no schedule.";
  if (slots.length === 0) return "It will not run any more: its schedule has ended.";
  const leftOut = leftOutMonthsText(schedule);
  const lines = slots.map((slot) => `  ${instantText(slot, schedule.timeZone)}`);
  const when = isSuspended ? "It is suspended. When it is resumed, it runs next at" : "It runs next at";
  return `${when}\n${lines.join("\n")}${leftOut === undefined ? "" : `\n${leftOut}`}`;
};

const monthName = (month: number): string =>
  new Intl.DateTimeFormat("en", { month: "long", timeZone: "UTC" }).format(Date.UTC(2000, month - 1));

/** `Without a run: February and April, which have no day 31. …` */
const leftOutMonthsText = (schedule: Schedule): string | undefined => {
  const months = monthsLeftOut(schedule);
  if (months.length === 0 || schedule.cycle !== "monthly") return undefined;
  const listed = new Intl.ListFormat("en-GB").format(months.map(({ month }) => monthName(month)));
  const have = months.length === 1 ? "has" : "have";
  const leapYears = months.some(({ exceptLeapYears }) => exceptLeapYears) ? " but in leap years" : "";
  return [
    `Without a run: ${listed}, which ${have} no day ${schedule.day}${leapYears}.`,
    "For the last day of every month write day: last.",
  ].join(" ");
};

/**
 * What will happen the first time, with how much there may be to send at most: a volume that
 * several objects have, once.
 */
export const firstRunText = ({ targets }: Pick<Plan, "targets">, found: readonly ObjectConfig[]): string => {
  const volumes = new Map(found.flatMap((object) => object.volumes.map(({ id, sizeBytes }) => [id, sizeBytes])));
  const size = bytesText([...volumes.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0));
  const sites = sitesText({ targets });
  return `The first run sends ${counted(found.length, "object")}, ${size} at most, in full to ${sites}: space that was never written is not sent. Later runs send what has changed.`;
};

/** Plans under each other. */
export const planTable = (plans: readonly PlanListEntry[], style: Style): string =>
  table(
    plans,
    [
      { title: "NAME", value: ({ name }) => name, paint: style.strong },
      { title: "STATUS", value: ({ status }) => status, paint: statusPaint(style) },
      { title: "KIND", value: ({ kind }) => kind },
      { title: "SOURCE", value: ({ source }) => source },
      { title: "TARGETS", value: (plan) => sitesText(plan) || "–" },
      { title: "ENTRIES", value: ({ objectCount }) => String(objectCount), align: "right" },
      {
        title: "LAST RUN",
        value: ({ lastRun }) => (lastRun ? `${statusText(lastRun.status)} ${instantText(lastRun.slot)}` : "–"),
        paint: (text, { lastRun }) => (lastRun ? statusStyle(lastRun.status, style)(text) : text),
      },
      { title: "SCHEDULE", value: ({ schedule }) => scheduleText(schedule) },
      { title: "ID", value: ({ id }) => id, paint: style.faint },
    ],
    { style, none: "No plans yet. Make one with: smtx-backup plan create -f plan.yaml" },
  );

/** `kept: its run has not ended` beside its verdict: `its run has not ended` */
const reasonText = (explanation: string): string => explanation.replace(/^(?:kept|deleted)(?:: |, and )/, "");

/** What the next reclaim keeps and deletes, and by which rule. */
export const retentionText = ({ sites }: RetentionAnswer, style: Style): string =>
  sites
    .map(({ site, groups }) => {
      const rows = table(
        groups,
        [
          { title: "TAKEN", value: ({ group }) => instantText(group.takenAt) },
          {
            title: "VERDICT",
            value: ({ verdict }) => verdict,
            paint: (text, { verdict }) => (verdict === "keep" ? style.good(text) : style.warn(text)),
          },
          { title: "WHY", value: ({ explanation }) => reasonText(explanation) },
          { title: "RULE", value: ({ rule }) => rule },
          { title: "GROUP", value: ({ group }) => group.id, paint: style.faint },
        ],
        { style, none: "no groups yet" },
      );
      return `${style.strong(`On site ${site}`)}\n${rows}`;
    })
    .join("\n\n");
