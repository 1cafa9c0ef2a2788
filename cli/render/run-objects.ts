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

const rebuiltColumns: readonly Column<RunObject>[] = [
  { title: "REBUILT AS", value: ({ rebuilt }) => (rebuilt === undefined ? "–" : `${rebuilt.name}${lunText(rebuilt)}`) },
  { title: "ID", value: ({ rebuilt }) => rebuilt?.id ?? "–" },
];

/** ` (LUN 4 of iscsi-1, the original was 2)` */
const lunText = ({ lun }: NonNullable<RunObject["rebuilt"]>): string => {
  if (lun === undefined) return "";
  const before = lun.lunIdBefore === undefined ? "" : `, the original was ${lun.lunIdBefore}`;
  return ` (LUN ${lun.lunId} of ${lun.target}${before})`;
};

/** What a rebuild that did not come to its end has made; nothing where it has made nothing. */
export const leftOverText = (at: readonly AtTarget[]): string | undefined => {
  const made = at.flatMap(({ site, objects }) =>
    objects.flatMap(({ kind, rebuilt }) => (rebuilt === undefined ? [] : [{ kind, site, id: rebuilt.id }])),
  );
  if (made.length === 0) return undefined;
  // A volume by itself may have become a VM's, and goes with it.
  const ordered = [...made.filter(({ kind }) => kind === "vm"), ...made.filter(({ kind }) => kind !== "vm")];
  const lines = ordered
    .slice(0, objectsShownMax)
    .map(({ id, site }) => `  smtx-backup object delete ${id} --site ${site}`);
  const more = made.length > lines.length ? [`and ${made.length - lines.length} more; --json has them all`] : [];
  const head =
    made.length === 1
      ? "1 object was rebuilt before that, and will not go by itself. To delete it:"
      : `${made.length} objects were rebuilt before that, and will not go by themselves. To delete them:`;
  return [head, ...lines, ...more].join("\n");
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
    ...(first.objects.some(({ rebuilt }) => rebuilt !== undefined) ? rebuiltColumns : []),
  ];
  const rows = table(first.objects.slice(0, objectsShownMax), columns, { style, none: "" });
  const more = first.objects.length - objectsShownMax;
  const parts = [more > 0 ? `${rows}\nand ${more} more; --json has them all` : rows, leftOutText(first.objects, style)];
  return parts.filter((part) => part !== undefined).join("\n\n");
};
