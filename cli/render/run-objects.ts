import type { RunObject } from "../../core/api/answers.ts";
import { leftOutText } from "./plan-members.ts";
import { fractionOf, percentText } from "./progress.ts";
import type { Style } from "./style.ts";
import { type Column, table } from "./table.ts";
import { bytesText } from "./units.ts";

/** What a run has at one of its targets. */
export interface AtTarget {
  readonly site: string;
  /** Nothing more comes of it. */
  readonly hasEnded: boolean;
  /** The first of them, at least those that are shown. */
  readonly objects: readonly RunObject[];
}

export const objectsShownMax = 50;

const progressText = ({ progress }: RunObject, hasEnded: boolean): string => {
  const { phase, bytesSent } = progress;
  if (phase !== "done" && hasEnded) return "not done";
  if (phase === "done") return bytesSent === 0 ? "done" : `done, ${bytesText(bytesSent)} sent`;
  if (phase === "waiting") return phase;
  return `${phase} ${percentText(fractionOf({ state: "transferring", progress: { ...progress, ...noCounts } }))}`;
};

const noCounts = { objectsTotal: 0, objectsDone: 0 };

const atColumn = ({ site, hasEnded, objects }: AtTarget): Column<RunObject> => {
  const byIndex = new Map(objects.map((object) => [object.index, object]));
  return {
    title: `AT ${site.toUpperCase()}`,
    value: ({ index }) => {
      const there = byIndex.get(index);
      return there === undefined ? "–" : progressText(there, hasEnded);
    },
  };
};

/** A run's objects, how far each is at every target, and what backups leave out of them. */
export const runObjectsText = ([first, ...others]: readonly AtTarget[], style: Style): string | undefined => {
  if (first === undefined || first.objects.length === 0) return undefined;
  const columns: readonly Column<RunObject>[] = [
    { title: "KIND", value: ({ kind }) => kind },
    { title: "NAME", value: ({ name }) => name, paint: style.strong },
    { title: "VOLUMES", value: ({ volumes = 1 }) => String(volumes), align: "right" },
    { title: "WHY", value: ({ because }) => because ?? "it is named" },
    ...[first, ...others].map(atColumn),
  ];
  const rows = table(first.objects.slice(0, objectsShownMax), columns, { style, none: "" });
  const more = first.objects.length - objectsShownMax;
  const parts = [more > 0 ? `${rows}\nand ${more} more; --json has them all` : rows, leftOutText(first.objects, style)];
  return parts.filter((part) => part !== undefined).join("\n\n");
};
