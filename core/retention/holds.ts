import type { Group, Hold } from "../api/group.ts";
import type { RestoreKind } from "../api/run.ts";
import { instantText } from "../object/instant-text.ts";

const shownMax = 3;

const words: Record<RestoreKind, string> = {
  rebuild: "being rebuilt",
  rollback: "being rolled back to",
  clone: "being cloned",
  attach: "attached",
  failover: "needed for a failover",
};

const holdText = (runId: string, hold: Hold | undefined): string => {
  if (hold === undefined) return `read by ${runId}`;
  const until = hold.until === undefined ? "" : ` until ${instantText(hold.until)}`;
  return `${words[hold.kind]}${until} by ${runId}`;
};

/**
 * By what a group is held, in words: `attached until 2026-11-30 12:00 UTC by restore_…`. Empty when
 * nothing holds it.
 * @param namedMax so many of them are named, and the others counted
 */
export const holdsText = ({ holds, heldFor = [] }: Pick<Group, "holds" | "heldFor">, namedMax = shownMax): string => {
  const texts = holds.slice(0, namedMax).map((runId) =>
    holdText(
      runId,
      heldFor.find((hold) => hold.runId === runId),
    ),
  );
  const more = holds.length - texts.length;
  return [...texts, ...(more > 0 ? [`read by ${more} more`] : [])].join(", ");
};
