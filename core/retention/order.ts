import type { Group } from "../api/group.ts";

/** Published, and none that is kept beside the plan's own for some time. */
export const isOfOrder = ({ state, keepUntil }: Pick<Group, "state" | "keepUntil">): boolean =>
  state === "published" && keepUntil === undefined;
