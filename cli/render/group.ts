import type { GroupAnswer, GroupListEntry } from "../../core/api/answers.ts";
import type { PlanId } from "../../core/api/ids.ts";
import { holdsText } from "../../core/retention/holds.ts";
import { outlookText } from "./outlook.ts";
import { planNameText } from "./plan-name.ts";
import { warningLines } from "./run.ts";
import type { Style } from "./style.ts";
import { type Column, fields, table } from "./table.ts";
import { bytesText, counted, instantText } from "./units.ts";

type Shown = Pick<GroupAnswer, "state" | "holds" | "heldFor" | "damage" | "warnings" | "keepUntil">;

const namedMax = 3;

/** What is damaged of a group: `web1 (3 extents), db (1 extent)`. */
export const damageText = (damage: NonNullable<GroupAnswer["damage"]>): string => {
  const named = damage.slice(0, namedMax).map(({ name, extents }) => `${name} (${counted(extents, "extent")})`);
  return [...named, ...(damage.length > namedMax ? [`${damage.length - namedMax} more`] : [])].join(", ");
};

/** @param holdsMax of its holds so many are named */
export const groupStateText = (
  { state, holds, heldFor, damage = [], warnings = [], keepUntil }: Shown,
  holdsMax = namedMax,
): string =>
  [
    state,
    ...(keepUntil === undefined ? [] : [`kept until ${instantText(keepUntil)} to undo a rollback`]),
    ...(holds.length > 0 ? [holdsText({ holds, heldFor }, holdsMax)] : []),
    ...(damage.length > 0 ? [`damaged: ${damageText(damage)}`] : []),
    ...(warnings.length > 0 ? [counted(warnings.length, "warning")] : []),
  ].join(", ");

export const groupStateStyle = ({ state, damage }: Shown, style: Style) => {
  if (state === "lost" || damage !== undefined) return style.bad;
  return state === "published" ? (text: string) => text : style.warn;
};

const aboutDamage =
  "What is damaged can't be restored. Check the disk of that site; the next run of the plan sends it again, which mends the newest\n" +
  "restore point, and older ones where they have the same content.";
const aboutLost =
  "What is lost was missing when its site last said what it has. It is not counted, and counts again when it is back.";
const aboutUnknown = "What is unknown was made by no run that is known. It is kept, and not counted.";
const aboutWarnings = "Warnings say what is to be known of a group; to read them: smtx-backup group show GROUP";

/** What a person should know of groups that are not simply there, below the list. */
export const groupNotes = (groups: readonly Shown[]): readonly string[] => [
  ...(groups.some(({ damage }) => damage !== undefined) ? [aboutDamage] : []),
  ...(groups.some(({ state }) => state === "lost") ? [aboutLost] : []),
  ...(groups.some(({ state }) => state === "unknown") ? [aboutUnknown] : []),
  ...(groups.some(({ warnings = [] }) => warnings.length > 0) ? [aboutWarnings] : []),
];

/** Below what a plan has that has taken the name of a deleted one. */
export const namesakeNote = (planId: PlanId): string =>
  `A deleted plan of that name, ${planId}, has groups, too: smtx-backup group list --plan ${planId}`;

/** As they came, plan after plan and the newest first, but for the sites: `a` before `b`. */
export const inOrderOfSites = (groups: readonly GroupListEntry[]): readonly GroupListEntry[] =>
  [...Map.groupBy(groups, ({ planId }) => planId).values()].flatMap((ofPlan) =>
    ofPlan.toSorted((one, other) => (one.siteId < other.siteId ? -1 : one.siteId > other.siteId ? 1 : 0)),
  );

const roles = { source: "source", mirror: "restore point" } as const;
export const roleText = ({ role }: Pick<GroupAnswer, "role">): string => roles[role];

const sizeColumn = (title: string, value: (group: GroupAnswer) => number | undefined): Column<GroupAnswer> => ({
  title,
  align: "right",
  value: (group) => {
    const bytes = value(group);
    return bytes === undefined ? "–" : bytesText(bytes);
  },
});

/** What is new in it, what is in it, and what its volumes are as large as. */
const sizeColumns = [
  sizeColumn("CHANGED", ({ changedBytes }) => changedBytes),
  sizeColumn("DATA", ({ dataBytes }) => dataBytes),
  sizeColumn("SIZE", ({ sizeBytes }) => sizeBytes),
];

/**
 * Groups of plans under each other.
 * @param none what is said where there are none
 */
export const groupTable = (groups: readonly GroupListEntry[], style: Style, none = "No snapshot groups yet."): string =>
  table(
    groups,
    [
      { title: "PLAN", value: planNameText, paint: style.strong },
      { title: "SITE", value: ({ siteId }) => siteId },
      { title: "TAKEN", value: ({ takenAt }) => instantText(takenAt) },
      { title: "ROLE", value: roleText },
      { title: "OBJECTS", value: ({ objectCount }) => String(objectCount), align: "right" },
      ...sizeColumns,
      {
        title: "STATE",
        value: (group) => groupStateText(group, 1),
        paint: (text, group) => groupStateStyle(group, style)(text),
      },
      { title: "GROUP", value: ({ id }) => id },
    ],
    { style, none },
  );

/** One group, as it is at each site that has it. */
export const groupText = (groups: readonly GroupListEntry[], style: Style): string => {
  const [first] = groups;
  if (first === undefined) return "";
  const volumes = first.volumeCount === undefined ? "" : ` with ${counted(first.volumeCount, "volume")}`;
  const head = fields(
    [
      ["Plan", `${planNameText(first)} (${first.planId})`],
      ["Run", first.runId],
      ["Taken", instantText(first.takenAt)],
      ["Objects", `${counted(first.objectCount, "object")}${volumes}`],
    ],
    style,
  );
  const rows = table(
    groups,
    [
      { title: "SITE", value: ({ siteId }) => siteId, paint: style.strong },
      { title: "ROLE", value: roleText },
      ...sizeColumns,
      { title: "PUBLISHED", value: ({ publishedAt }) => instantText(publishedAt) },
      {
        title: "STATE",
        value: (group) => groupStateText(group),
        paint: (text, group) => groupStateStyle(group, style)(text),
      },
    ],
    { style, none: "" },
  );
  const warnings = groups.flatMap(({ siteId, warnings: some = [] }) => warningLines(some, style, `${siteId}: `));
  const outlooks = groups.flatMap(({ siteId, rebuild }) =>
    rebuild?.length ? [`${siteId} would rebuild ${outlookText(rebuild)}`] : [],
  );
  return [`${style.strong(first.id)}\n${head}`, [rows, ...outlooks, ...warnings].join("\n")].join("\n\n");
};
