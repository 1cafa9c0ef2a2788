import { bytesText } from "../../../core/api/bytes.ts";
import type { DeletionPreview } from "../../../core/api/deletion/preview.ts";
import type { SpaceAnswer } from "../../../core/api/deletion/space.ts";
import { kindNames } from "../kind-names.ts";
import { warningLines } from "../run.ts";
import { printable, type Style } from "../style.ts";
import { table } from "../table.ts";
import { counted, durationText, instantText } from "../units.ts";

type Going = DeletionPreview["sites"][number];

const roles = { source: "source", mirror: "restore point" } as const;

/** `1.2 GiB`, `at most 3 GiB`; what a site has not told, or can't, is said. */
export const spaceText = ({ siteId, space }: SpaceAnswer): string => {
  if (space === undefined) return `How much space that gives back, ${siteId} does not say.`;
  const { bytes, is } = space;
  return `That gives back ${is === "exact" ? "" : "at most "}${bytesText(bytes)} of disk at ${siteId}, as it says.`;
};

/** All that would go, site by site, and what is to be known before. */
export const deletionText = (
  preview: DeletionPreview,
  spaces: readonly SpaceAnswer[],
  { style, now }: { readonly style: Style; readonly now: string },
): string => {
  const { planId, planName, plan, sites, notes } = preview;
  const head = plan ? [`The plan ${printable(planName)} (${planId}) goes, and its runs are cancelled.`] : [];
  const parts = sites.map((site) => siteText(site, spaces, { style, planName, now }));
  return [...head, ...parts, ...warningLines([...notes], style)].join("\n");
};

const siteText = (
  { siteId, mirrors, groups, groupCount, objects }: Going,
  spaces: readonly SpaceAnswer[],
  { style, planName, now }: { readonly style: Style; readonly planName: string; readonly now: string },
): string => {
  const shown = objects === undefined ? groupsText(siteId, groups, { style, now }) : madeText(siteId, objects, style);
  const more = groupCount - groups.length;
  const space = spaces.find((one) => one.siteId === siteId);
  return [
    shown,
    ...(more > 0 ? [`and ${counted(more, "group")} more at ${siteId}`] : []),
    ...(mirrors ? [`Its mirrors at ${siteId} go as well: what ${printable(planName)} has written there last.`] : []),
    ...(space === undefined ? [] : [spaceText(space)]),
  ].join("\n");
};

const groupsText = (
  siteId: Going["siteId"],
  groups: Going["groups"],
  { style, now }: { readonly style: Style; readonly now: string },
): string =>
  table(
    groups,
    [
      { title: "SITE", value: () => siteId, paint: style.strong },
      { title: "TAKEN", value: ({ takenAt }) => instantText(takenAt) },
      { title: "AGE", value: ({ takenAt }) => ageText(takenAt, now), align: "right" },
      { title: "ROLE", value: ({ role }) => roles[role] },
      { title: "OBJECTS", value: ({ objectCount }) => String(objectCount), align: "right" },
      { title: "SIZE", value: ({ sizeBytes }) => bytesText(sizeBytes), align: "right" },
      { title: "GROUP", value: ({ id }) => id },
    ],
    { style, none: `${siteId}: no groups` },
  );

/** What a restore has made. */
const madeText = (siteId: Going["siteId"], objects: NonNullable<Going["objects"]>, style: Style): string =>
  table(
    objects,
    [
      { title: "SITE", value: () => siteId, paint: style.strong },
      { title: "KIND", value: ({ kind }) => kindNames[kind] },
      { title: "NAME", value: ({ name }) => printable(name) },
      { title: "ID", value: ({ id }) => id },
    ],
    { style, none: `${siteId}: nothing` },
  );

const ageText = (takenAt: string, now: string): string =>
  durationText(Math.max(0, (Date.parse(now) - Date.parse(takenAt)) / 1000));
