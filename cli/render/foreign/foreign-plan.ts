import type {
  ForeignGroupAnswer,
  ForeignPlanAnswer,
  ForeignPlanDetail,
  ForeignRestore,
  Standing,
} from "../../../core/api/foreign/answers.ts";
import { outlookOf } from "../../../core/api/restore/way.ts";
import { objectTable } from "../object.ts";
import { outlookText } from "../outlook.ts";
import { printable, type Style } from "../style.ts";
import { type Column, fields, table } from "../table.ts";
import { bytesText, counted, durationText, instantText } from "../units.ts";

/** `signed by b1 of site b`, whose name in the certificate is longer. */
export const standingText = (standing: Standing): string => {
  switch (standing.state) {
    case "signed":
      return `signed by ${signerOf(standing.by)}`;
    case "unsigned":
      return "not signed";
    case "refused":
      return `refused: ${standing.code}`;
  }
};

const signerOf = (name: string): string => /\/gateway\/([^/]+)$/.exec(name)?.[1] ?? name;

const standingStyle = ({ manifest }: Pick<ForeignGroupAnswer, "manifest">, style: Style) => {
  if (manifest.state === "signed") return style.good;
  return manifest.state === "unsigned" ? style.warn : style.bad;
};

const ageText = (takenAt: string, nowMs: number): string => durationText((nowMs - Date.parse(takenAt)) / 1000);

/** The plans that a target has groups of. */
export const foreignPlanTable = (plans: readonly ForeignPlanAnswer[], style: Style, nowMs: number): string =>
  table(
    plans,
    [
      { title: "PLAN", value: ({ planName }) => planName, paint: style.strong },
      { title: "PROTECTS", value: ({ source }) => source },
      { title: "GROUPS", value: ({ groupCount }) => String(groupCount), align: "right" },
      { title: "NEWEST", value: ({ newest }) => instantText(newest.takenAt) },
      { title: "AGE", value: ({ newest }) => ageText(newest.takenAt, nowMs), align: "right" },
      { title: "SIZE", value: ({ newest }) => bytesText(newest.sizeBytes), align: "right" },
      {
        title: "MANIFEST",
        value: ({ newest }) => standingText(newest.manifest),
        paint: (text, { newest }) => standingStyle(newest, style)(text),
      },
      { title: "ID", value: ({ planId }) => planId, paint: style.faint },
    ],
    { style, none: "This site has no groups of other sites' plans." },
  );

const groupColumns = (style: Style, nowMs: number): readonly Column<ForeignGroupAnswer>[] => [
  { title: "TAKEN", value: ({ takenAt }) => instantText(takenAt) },
  { title: "AGE", value: ({ takenAt }) => ageText(takenAt, nowMs), align: "right" },
  { title: "NUMBER", value: ({ sequence }) => String(sequence), align: "right" },
  { title: "SIZE", value: ({ sizeBytes }) => bytesText(sizeBytes), align: "right" },
  {
    title: "DAMAGE",
    value: ({ damagedExtents }) => (damagedExtents === 0 ? "–" : counted(damagedExtents, "extent")),
  },
  {
    title: "MANIFEST",
    value: ({ manifest }) => standingText(manifest),
    paint: (text, group) => standingStyle(group, style)(text),
  },
  { title: "GROUP", value: ({ groupId }) => groupId },
];

/** One plan: its groups, and what one of them has. */
export const foreignPlanText = (plan: ForeignPlanDetail, style: Style, nowMs: number): string => {
  const { planName, planId, source, groups, groupId, objects, rebuild } = plan;
  const head = fields(
    [
      ["Plan", `${printable(planName)} (${planId})`],
      ["Protects", `objects of site ${source}`],
    ],
    style,
  );
  const shown = groups.find((group) => group.groupId === groupId);
  const why = shown?.manifest.state === "refused" ? [printable(shown.manifest.message)] : [];
  return [
    head,
    table(groups, groupColumns(style, nowMs), { style, none: "" }),
    [
      `${style.strong(groupId)} has:`,
      ...why,
      objectTable(objects, style, why.length > 0 ? "What it has is not shown." : "No objects."),
      ...(rebuild.length > 0 ? [`This site would rebuild ${outlookText(outlookOf(rebuild))}`] : []),
    ].join("\n"),
  ].join("\n\n");
};

/** What was made of a group, and what was not. */
export const foreignRestoreText = (restore: ForeignRestore, style: Style): string => {
  const { objects, restoreId } = restore;
  const failed = objects.filter(({ made }) => made === null);
  const rows = table(
    objects,
    [
      { title: "OBJECT", value: ({ name }) => name, paint: style.strong },
      { title: "KIND", value: ({ kind }) => kind },
      {
        title: "REBUILT AS",
        value: ({ made, error }) => made?.name ?? `not rebuilt: ${error?.code ?? "INTERNAL"}`,
        paint: (text, { made }) => (made === null ? style.bad(text) : text),
      },
      { title: "ID", value: ({ made }) => made?.id ?? "–", paint: style.faint },
    ],
    { style, none: "There was nothing to rebuild." },
  );
  return [
    rows,
    "",
    ...failed.map(({ name, error }) => printable(`“${name}”: ${error?.message}${error?.hint ? ` ${error.hint}` : ""}`)),
    `${counted(objects.length - failed.length, "object")} of ${objects.length} rebuilt. Keep the restore's id for a control plane that takes them over: ${restoreId}`,
  ].join("\n");
};
