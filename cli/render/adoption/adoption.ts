import type { AdoptedPlan, AdoptionAnswer, GroupNote } from "../../../core/api/adoption/adoption.ts";
import { warningLines } from "../run.ts";
import { printable, type Style } from "../style.ts";
import { table } from "../table.ts";
import { counted, instantText } from "../units.ts";

/** What an adoption has made known, plan by plan, and what it has left out, or how far it is. */
export const adoptionText = (answer: AdoptionAnswer, style: Style): string => {
  const { id, siteId, state, groups } = answer;
  if (state === "done") return doneText(answer, style);
  const far = groups === undefined ? "was asked" : `has told of ${groups.done} of ${counted(groups.total, "group")}`;
  return `Site ${siteId} ${far}. See what comes of it: smtx-backup adopt --site ${siteId} --show ${id}`;
};

const doneText = ({ siteId, dryRun, groups, plans, groupNotes, groupNoteCount }: AdoptionAnswer, style: Style) => {
  const plansText = table(
    plans,
    [
      { title: "PLAN", value: ({ name }) => printable(name), paint: style.strong },
      { title: "OF", value: ({ source }) => source },
      { title: "IS", value: ({ is }) => is },
      { title: "OBJECTS", value: ({ objectCount }) => String(objectCount), align: "right" },
      { title: "GROUPS", value: groupsText, align: "right" },
      { title: "NEWEST", value: ({ newestTakenAt }) => (newestTakenAt ? instantText(newestTakenAt) : "") },
      { title: "ID", value: ({ planId }) => planId },
    ],
    { style, none: `Site ${siteId} holds nothing of plans of other sites that could be taken in.` },
  );
  const more = groupNoteCount - groupNotes.length;
  return [
    plansText,
    ...plans.flatMap((plan) => planNotes(plan, style)),
    ...groupNotes.filter(({ isRefused }) => isRefused).map((note) => refusedLine(note, style)),
    ...(more > 0 ? [`and ${counted(more, "group")} more of which there is something to say`] : []),
    ...leftOutLine(groups),
    ...nextLines(plans, dryRun),
  ].join("\n");
};

/** `2 of 3`: so many are known now, of so many that the site has. */
const groupsText = ({ groupsAdopted, groupsKnown, groupsRefused }: AdoptedPlan): string => {
  const known = groupsAdopted + groupsKnown;
  return groupsRefused === 0 ? String(known) : `${known} of ${known + groupsRefused}`;
};

const planNotes = ({ name, nameThere, notes }: AdoptedPlan, style: Style): readonly string[] => [
  ...(nameThere === undefined
    ? []
    : [`${printable(name)} was called ${printable(nameThere)}: that name is taken here.`]),
  ...warningLines(notes, style, `${printable(name)}: `),
];

const refusedLine = ({ groupId, planName, takenAt, reason }: GroupNote, style: Style): string => {
  const which = `${groupId} of ${printable(planName)}, taken ${instantText(takenAt)}`;
  return `${style.bad("refused:")} ${which}: ${printable(reason.message)} (${reason.code})`;
};

const leftOutLine = (groups: AdoptionAnswer["groups"]): readonly string[] =>
  groups === undefined || groups.leftOut === 0
    ? []
    : [`${counted(groups.leftOut, "older group")} more are there. Name plans with --plan to have theirs as well.`];

const nextLines = (plans: readonly AdoptedPlan[], dryRun: boolean): readonly string[] => {
  if (dryRun) return ["", "That would become known. Nothing was changed."];
  const [first, ...others] = plans.filter(({ is }) => is === "new");
  if (first === undefined) return [];
  const which = others.length === 0 ? "The plan does" : "New plans do";
  const name = others.length === 0 ? printable(first.name) : "PLAN";
  return ["", `${which} nothing yet. Look at it: smtx-backup plan show ${name}; then: smtx-backup plan resume ${name}`];
};
