import type { RunObject } from "../../core/api/answers.ts";
import { foldedRows, type Row, restText } from "./folded.ts";
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

/** What was made of an object is there, also where its rebuild did not come to its end. */
const isDone = ({ progress, rebuilt }: RunObject): boolean => progress.phase === "done" || rebuilt !== undefined;

const progressText = (object: RunObject, hasEnded: boolean): string => {
  const { progress } = object;
  const { phase, bytesSent } = progress;
  if (!isDone(object) && hasEnded) return "not done";
  if (isDone(object)) return bytesSent === 0 ? "done" : `done, ${bytesText(bytesSent)} sent`;
  if (phase === "waiting") return phase;
  const fraction = fractionOf({ state: "transferring", progress: { ...progress, ...noCounts } });
  return fraction === undefined ? phase : `${phase} ${percentText(fraction)}`;
};

const noCounts = { objectsTotal: 0, objectsDone: 0 };

/** Of several objects: how many are done, and what was sent for all of them. */
const progressesText = (objects: readonly RunObject[], hasEnded: boolean): string => {
  const [first, ...others] = objects;
  if (first === undefined) return "–";
  if (others.length === 0) return progressText(first, hasEnded);
  const done = objects.filter(isDone).length;
  if (done === 0 && objects.every(({ progress }) => progress.phase === "waiting")) {
    return hasEnded ? "not done" : "waiting";
  }
  const sent = objects.reduce((sum, { progress }) => sum + progress.bytesSent, 0);
  const count = done === objects.length ? "done" : `${done} of ${objects.length} done`;
  return sent === 0 ? count : `${count}, ${bytesText(sent)} sent`;
};

const atColumn = ({ site, hasEnded, objects }: AtTarget): Column<Row<RunObject>> => {
  const byIndex = new Map(objects.map((object) => [object.index, object]));
  return {
    title: `AT ${site.toUpperCase()}`,
    value: ({ all }) => {
      const there = all.flatMap(({ index }) => byIndex.get(index) ?? []);
      return progressesText(there, hasEnded);
    },
  };
};

/** How many of a run's objects, from the first on, are needed to show what is shown of them. */
export const objectsNeeded = (objects: readonly RunObject[]): number =>
  Math.max(
    0,
    ...foldedRows(objects)
      .slice(0, objectsShownMax)
      .flatMap(({ all }) => all.map(({ index }) => index + 1)),
  );

const rebuiltColumns: readonly Column<Row<RunObject>>[] = [
  {
    title: "REBUILT AS",
    value: ({ all }) => rebuiltText(all.flatMap(({ rebuilt }) => rebuilt ?? [])),
  },
  { title: "ID", value: ({ first: { rebuilt }, all }) => (all.length > 1 ? "–" : (rebuilt?.id ?? "–")) },
];

/** Of several files, which have their new names in the same way: the first. */
const rebuiltText = ([first, ...others]: readonly NonNullable<RunObject["rebuilt"]>[]): string => {
  if (first === undefined) return "–";
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return `${first.name}${lunText(first)}${vmText(first)}${more}`;
};

/** ` (off, 1 of 2 NICs connected)` */
const vmText = ({ vm }: NonNullable<RunObject["rebuilt"]>): string => {
  if (vm === undefined) return "";
  const nics = vm.nics === 0 ? "no NIC" : `${vm.connected} of ${vm.nics} NICs connected`;
  return ` (${vm.on ? "on" : "off"}, ${nics})`;
};

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

/**
 * A run's objects, how far each is at every target, and what backups leave out of them.
 * @param only a site: nothing is said of the others
 */
export const runObjectsText = (at: readonly AtTarget[], style: Style, only?: string): string | undefined => {
  const [first] = at;
  if (first === undefined || first.objects.length === 0) return undefined;
  const columns: readonly Column<Row<RunObject>>[] = [
    { title: "KIND", value: ({ first: { kind } }) => kind },
    { title: "NAME", value: ({ name }) => name, paint: style.strong },
    {
      title: "VOLUMES",
      value: ({ all }) => String(all.reduce((sum, one) => sum + (one.volumes ?? 1), 0)),
      align: "right",
    },
    { title: "WHY", value: ({ first: { because } }) => because ?? "it is named" },
    ...at.filter(({ site }) => only === undefined || site === only).map(atColumn),
    ...(first.objects.some(({ rebuilt }) => rebuilt !== undefined) ? rebuiltColumns : []),
  ];
  const all = foldedRows(first.objects);
  const shown = all.slice(0, objectsShownMax);
  const rows = table(shown, columns, { style, none: "" });
  const more = all.slice(objectsShownMax).reduce((sum, row) => sum + row.all.length, 0);
  const isFolded = shown.some((row) => row.all.length > 1);
  const parts = [[rows, ...restText(more, isFolded)].join("\n"), leftOutText(first.objects, style)];
  return parts.filter((part) => part !== undefined).join("\n\n");
};
