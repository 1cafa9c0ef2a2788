import { ProtocolError } from "../agreed.ts";
import { blockSizes } from "../limits.ts";
import type { Conversation } from "./conversation.ts";
import { piecesOf } from "./parts.ts";
import { refusalFor } from "./replies.ts";
import { type NbdRequest, type RequestRefusal, refusalOf } from "./requests.ts";

/**
 * Takes what a write brings, piece by piece, and writes it. What follows a failure is passed over.
 * @returns why it failed, if it did @throws ConnectionEnded, ProtocolError (it brings too much)
 */
export const takeWrite = async (
  { agreed, incoming, served, turns, onFailed }: Conversation,
  request: NbdRequest,
): Promise<RequestRefusal | undefined> => {
  if (request.length > blockSizes.max) throw new ProtocolError(`a write of ${request.length} bytes`);
  let refusal = refusalOf(request, agreed);
  for (const { offset, length } of piecesOf(request)) {
    const data = await incoming.read(length);
    await turns.next();
    if (refusal !== undefined) continue;
    try {
      await served.write?.write(offset, data);
    } catch (error) {
      onFailed(error);
      refusal = refusalFor(error);
    }
  }
  return refusal;
};
