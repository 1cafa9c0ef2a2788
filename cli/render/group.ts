import type { GroupAnswer } from "../../core/api/answers.ts";
import type { Style } from "./style.ts";
import { counted } from "./units.ts";

type Shown = Pick<GroupAnswer, "state" | "holds" | "damage">;

const namedMax = 3;

/** What is damaged of a group: `web1 (3 extents), db (1 extent)`. */
const damageText = (damage: NonNullable<GroupAnswer["damage"]>): string => {
  const named = damage.slice(0, namedMax).map(({ name, extents }) => `${name} (${counted(extents, "extent")})`);
  return [...named, ...(damage.length > namedMax ? [`${damage.length - namedMax} more`] : [])].join(", ");
};

export const groupStateText = ({ state, holds, damage = [] }: Shown): string =>
  [
    state,
    ...(holds.length > 0 ? ["in use"] : []),
    ...(damage.length > 0 ? [`damaged: ${damageText(damage)}`] : []),
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

/** What a person should know of groups that are not simply there, below the list. */
export const groupNotes = (groups: readonly Shown[]): readonly string[] => [
  ...(groups.some(({ damage }) => damage !== undefined) ? [aboutDamage] : []),
  ...(groups.some(({ state }) => state === "lost") ? [aboutLost] : []),
  ...(groups.some(({ state }) => state === "unknown") ? [aboutUnknown] : []),
];
