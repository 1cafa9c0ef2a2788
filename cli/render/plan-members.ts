import type { PlanAnswer, PlanMember } from "../../core/api/answers.ts";
import type { LeftOut } from "../../core/api/object/common.ts";
import { isRule, type PlanEntry, type PlanRule } from "../../core/api/plan.ts";
import { fitsByName, ruleText } from "../../core/object/rule.ts";
import { becauseNamed } from "../../core/plan/resolve.ts";
import { foldedRows, restText } from "./folded.ts";
import { printable, type Style } from "./style.ts";
import { table } from "./table.ts";
import { counted, instantText } from "./units.ts";

const shownMax = 50;

type Named = Pick<PlanMember, "kind" | "name">;

const nameText = ({ kind, name }: Named): string => `${kind} ${name}`;

/** The first of many lines, and how many there are besides. */
const someLines = (lines: readonly string[]): readonly string[] => {
  const more = lines.length - shownMax;
  return more > 0 ? [...lines.slice(0, shownMax), `and ${more} more; --json has them all`] : lines;
};

/**
 * `vm web: CD-ROM tools.iso, it is no data of the VM's`: what backups do not have of objects;
 * nothing where they have all.
 */
export const leftOutText = (
  objects: readonly (Named & { readonly leftOut?: readonly LeftOut[] | undefined })[],
  style: Style,
): string | undefined => {
  const lines = objects.flatMap((object) =>
    (object.leftOut ?? []).map(({ what, reason }) => printable(`${nameText(object)}: ${what}, ${reason}`)),
  );
  if (lines.length === 0) return undefined;
  return [style.warn("Left out of backups:"), ...someLines(lines).map((line) => `  ${line}`)].join("\n");
};

const goneText = (member: PlanMember): string => {
  const { goneSince, keptUntil } = member;
  const since = goneSince === undefined ? "" : `, since ${instantText(goneSince)}`;
  const kept = keptUntil === undefined ? "until it is taken out of the plan" : `until ${instantText(keptUntil)}`;
  return printable(`${nameText(member)} (${member.id})${since}; its newest restore points are kept ${kept}`);
};

/** What to do where something else has the name of what a plan names. */
const namesakeText = (plan: string, { kind, name, namesake }: PlanMember): string =>
  namesake === undefined
    ? ""
    : printable(
        `; there is another ${nameText({ kind, name })} now (${namesake}), which the plan does not take; where its file gives the name and no id, this takes it: smtx-backup plan update ${plan} -f FILE`,
      );

const section = (title: string, lines: readonly string[]): string | undefined =>
  lines.length === 0 ? undefined : [title, ...someLines(lines).map((line) => `  ${line}`)].join("\n");

/** A plan's members, and how many mirrors its rules would fit, by rule. */
export interface Members {
  readonly members: readonly PlanMember[];
  readonly mirrors: ReadonlyMap<string, number>;
}

/**
 * Rules that brought no object: each object is there for the first entry that fits it. Nothing
 * where there is none.
 */
export const idleText = (
  entries: readonly PlanEntry[],
  { members, mirrors }: Members,
  style: Style,
): string | undefined => {
  const reasons = new Set(members.map(({ because }) => because));
  const idle = entries.filter(isRule).filter((rule) => !reasons.has(ruleText(rule)));
  const present = members.filter(({ goneSince }) => goneSince === undefined);
  const { without = [], afterOthers = [] } = Object.groupBy(idle, (rule) =>
    present.some((member) => fitsByName(rule, member)) ? "afterOthers" : "without",
  );
  const lines = (rules: readonly PlanRule[]) =>
    rules.map((rule) => `${printable(ruleText(rule))}${mirrorsText(rule, mirrors)}`);
  const parts = [
    section(style.warn("Nothing fits these rules now:"), lines(without)),
    section(style.warn("Nothing more fits these rules now, as other entries have it:"), lines(afterOthers)),
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join("\n\n");
};

const mirrorsText = (rule: PlanRule, mirrors: Members["mirrors"]): string => {
  const count = mirrors.get(ruleText(rule)) ?? 0;
  if (count === 0) return "";
  return `: ${counted(count, rule.kind)} would fit, but ${count === 1 ? "is a mirror" : "are mirrors"}, which no plan takes`;
};

const unmappedLines = (members: readonly PlanMember[]): readonly string[] =>
  members.flatMap((member) =>
    (member.unmapped ?? []).map(({ virtualSwitch, targets }) =>
      printable(
        `${nameText(member)}: nothing takes the place of its virtual switch ${virtualSwitch} at ${targets.join(", ")}`,
      ),
    ),
  );

/**
 * Those that are named as the plan has them, then those of each rule by name: the
 * API gives them by id.
 */
const grouped = (members: readonly PlanMember[]): readonly PlanMember[] => {
  const byReason = Map.groupBy(members, ({ because }) => because);
  return [...byReason].flatMap(([because, some]) =>
    because === becauseNamed ? some : some.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
  );
};

const memberTable = (members: readonly PlanMember[], style: Style): string => {
  const all = foldedRows(grouped(members));
  const shown = all.slice(0, shownMax);
  const rows = table(
    shown,
    [
      { title: "KIND", value: ({ first }) => first.kind },
      { title: "NAME", value: ({ name }) => name, paint: style.strong },
      { title: "WHY", value: ({ first }) => first.because },
      { title: "ID", value: (row) => (row.all.length > 1 ? "–" : row.first.id), paint: style.faint },
    ],
    { style, none: "" },
  );
  const more = all.slice(shownMax).reduce((sum, row) => sum + row.all.length, 0);
  const isFolded = shown.some((row) => row.all.length > 1);
  return [rows, ...restText(more, isFolded)].join("\n");
};

/** Objects that are named are among the plan's entries already. */
const takenText = (entries: readonly PlanEntry[], taken: readonly PlanMember[], style: Style): string => {
  if (taken.length === 0) return style.warn("Its next run finds no object.");
  const head = `Its next run takes ${counted(taken.length, "object")}`;
  return entries.some(isRule) ? `${head}:\n${memberTable(taken, style)}` : `${head}.`;
};

/** Which objects a plan's next run takes and why, what it does not take, and what is gone. */
export const membersText = (
  { name: plan, objects: entries }: Pick<PlanAnswer, "name" | "objects">,
  known: Members,
  style: Style,
): string => {
  const { members } = known;
  const isGone = ({ goneSince }: PlanMember) => goneSince !== undefined;
  const taken = members.filter((member) => !isGone(member) && member.unusable === undefined);
  const unusable = members.flatMap((member) =>
    member.unusable === undefined || isGone(member)
      ? []
      : [`${printable(`${nameText(member)} (${member.id}): ${member.unusable}`)}${namesakeText(plan, member)}`],
  );
  return [
    takenText(entries, taken, style),
    idleText(entries, known, style),
    leftOutText(taken, style),
    section(style.warn("Mirrors without a connection, until the switch is mapped:"), unmappedLines(taken)),
    section(style.warn("Can't be protected as it is:"), unusable),
    section(
      style.warn("Gone from the source:"),
      members.filter(isGone).map((member) => `${goneText(member)}${namesakeText(plan, member)}`),
    ),
  ]
    .filter((part) => part !== undefined)
    .join("\n\n");
};
