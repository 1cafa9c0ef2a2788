import type { Style } from "../style.ts";
import { table } from "../table.ts";
import { bytesText, instantText } from "../units.ts";

/** What a plan has at a site, and whether anybody needs it. */
export interface LeftOver {
  readonly site: string;
  readonly planId: string;
  readonly planName: string;
  readonly why: "plan-deleted" | "no-target" | "plan-unknown" | "needed";
  readonly groups: number;
  readonly newestTakenAt?: string;
  readonly mirrors: number;
  /** Of the newest group's volumes, whether anything is in them or not. */
  readonly sizeBytes: number;
}

const whys: Record<LeftOver["why"], string> = {
  "plan-deleted": "its plan is deleted",
  "no-target": "its plan does not copy here any more",
  "plan-unknown": "its plan is deleted, or not known",
  needed: "its plan needs it",
};

export const leftOversText = (items: readonly LeftOver[], style: Style): string => {
  const lines = table(
    items,
    [
      { title: "SITE", value: ({ site }) => site, paint: style.strong },
      { title: "PLAN", value: ({ planName }) => planName },
      { title: "GROUPS", value: ({ groups }) => String(groups), align: "right" },
      {
        title: "NEWEST",
        value: ({ newestTakenAt }) => (newestTakenAt === undefined ? "–" : instantText(newestTakenAt)),
      },
      { title: "MIRRORS", value: ({ mirrors }) => String(mirrors), align: "right" },
      { title: "SIZE", value: ({ sizeBytes }) => bytesText(sizeBytes), align: "right" },
      { title: "WHY", value: ({ why }) => whys[why] },
      { title: "ID", value: ({ planId }) => planId },
    ],
    { style, none: "No site has anything that no plan needs." },
  );
  const isLeft = items.some(({ why }) => why !== "needed");
  return isLeft ? `${lines}\n\nGive it back with: smtx-backup mirror release PLAN --site SITE` : lines;
};
