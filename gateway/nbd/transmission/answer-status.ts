import { lookupsMax, stretchesMax } from "../limits.ts";
import { allocation, allocationContextId, commandFlag } from "../protocol.ts";
import type { Conversation } from "./conversation.ts";
import { statusChunk } from "./replies.ts";
import type { NbdRequest } from "./requests.ts";
import { stretchesIn } from "./stretches.ts";

/** Answers what is allocated in a range, or in its beginning: the client asks on from there. */
export const answerStatus = async (
  { served, outgoing, turns }: Conversation,
  { cookie, flags, offset, length }: NbdRequest,
): Promise<void> => {
  const max = (flags & commandFlag.reqOne) === 0 ? stretchesMax : 1;
  const told: { length: number; flags: number }[] = [];
  for await (const stretch of stretchesIn(served, { offset, length, lookupsMax })) {
    told.push({ length: stretch.length, flags: stretch.isHole ? allocation.hole | allocation.zero : 0 });
    if (told.length === max) break;
    await turns.next();
  }
  await outgoing.send(statusChunk(cookie, allocationContextId, told));
};
