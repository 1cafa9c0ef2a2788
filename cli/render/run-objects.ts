import type { RunObject } from "../../core/api/answers.ts";
import { leftOutText } from "./plan-members.ts";
import { fractionOf, percentText } from "./progress.ts";
import type { Style } from "./style.ts";
import { type Column, table } from "./table.ts";
import { bytesText } from "./units.ts";

/** What a run has at one of its targets. */
export interface AtTarget {
  readonly site: string;
  /** The first of them, at least those that are shown. */
  readonly objects: readonly RunObject[];
}

export const objectsShownMax = 50;

const progressText = ({ progress }: RunObject): string => {
  const { phase, bytesSent } = progress;
  if (phase === "done") return bytesSent === 0 ? "done" : `done, ${bytesText(bytesSent)} sent`;
  if (phase === "waiting") return phase;
  return `${phase} ${percentText(fractionOf({ state: "transferring", progress: { ...progress, ...noCounts } }))}`;
};

const noCounts = { objectsTotal: 0, objectsDone: 0 };

/** A run's objects, how far each is at every target, and what backups leave out of them. */
export const runObjectsText = ([first, ...others]: readonly AtTarget[], style: Style): string | undefined => {
  if (first === undefined || first.objects.length === 0) return undefined;
  const byIndex = new Map(others.map(({ site, objects }) => [site, new Map(objects.map((one) => [one.index, one]))]));
  const columns: readonly Column<RunObject>[] = [
    { title: "KIND", value: ({ kind }) => kind },
    { title: "NAME", value: ({ name }) => name, paint: style.strong },
    { title: "VOLUMES", value: ({ volumes = 1 }) => String(volumes), align: "right" },
    { title: "WHY", value: ({ because }) => because ?? "it is named" },
    { title: `AT ${first.site.toUpperCase()}`, value: progressText },
    ...others.map(({ site }) => ({
      title: `AT ${site.toUpperCase()}`,
      value: ({ index }: RunObject) => {
        const there = byIndex.get(site)?.get(index);
        return there === undefined ? "–" : progressText(there);
      },
    })),
  ];
  const rows = table(first.objects.slice(0, objectsShownMax), columns, { style, none: "" });
  const more = first.objects.length - objectsShownMax;
  const parts = [more > 0 ? `${rows}\nand ${more} more; --json has them all` : rows, leftOutText(first.objects, style)];
  return parts.filter((part) => part !== undefined).join("\n\n");
};
