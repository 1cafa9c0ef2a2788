import type { Loss } from "../../gateway/storage/administration.ts";
import { printable } from "./style.ts";
import { bytesText } from "./units.ts";

/** What is lost, in sentences: what is deleted, and what is only taken out. */
export const lossesText = (losses: readonly Loss[]): readonly string[] => {
  const deleted = losses.flatMap(({ what, deletedBytes }) =>
    deletedBytes === undefined ? [] : [`${printable(what)} (${bytesText(deletedBytes)})`],
  );
  const out = losses.flatMap(({ what, deletedBytes }) => (deletedBytes === undefined ? [printable(what)] : []));
  return [
    ...(deleted.length === 0
      ? []
      : [`Deleted with what is in ${deleted.length === 1 ? "it" : "them"}: ${deleted.join(", ")}.`]),
    ...(out.length === 0 ? [] : [`Taken out: ${out.join(", ")}.`]),
  ];
};
