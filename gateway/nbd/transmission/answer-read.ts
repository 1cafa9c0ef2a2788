import { ConnectionEnded } from "../incoming.ts";
import { pieceBytes } from "../limits.ts";
import { commandFlag } from "../protocol.ts";
import type { Conversation } from "./conversation.ts";
import { type ByteRange, piecesOf } from "./parts.ts";
import { dataChunk, holeChunk, simpleReply } from "./replies.ts";
import type { NbdRequest } from "./requests.ts";
import { stretchesIn } from "./stretches.ts";

/** Answers a read: in chunks, some of which only tell of a hole, where the client takes them. */
export const answerRead = (conversation: Conversation, request: NbdRequest): Promise<void> => {
  const inChunks = conversation.agreed.structured && (request.flags & commandFlag.dontFragment) === 0;
  if (inChunks) return answerInChunks(conversation, request);
  return request.length <= pieceBytes ? answerAtOnce(conversation, request) : answerAtLength(conversation, request);
};

const answerInChunks = async (conversation: Conversation, { cookie, offset, length }: NbdRequest): Promise<void> => {
  const { served, outgoing } = conversation;
  const end = offset + length;
  for await (const stretch of stretchesIn(served, { offset, length })) {
    if (stretch.isHole) {
      const isLast = stretch.offset + stretch.length === end;
      await outgoing.send(holeChunk({ cookie, isLast }, stretch.offset, stretch.length));
      continue;
    }
    for (const part of piecesOf(stretch)) {
      const isLast = part.offset + part.length === end;
      const header = dataChunk({ cookie, isLast }, part.offset, part.length);
      await withContent(conversation, part, (data) => outgoing.send(header, data));
    }
  }
};

const answerAtOnce = (conversation: Conversation, request: NbdRequest): Promise<void> => {
  const header = headerOf(conversation, request);
  return withContent(conversation, request, (data) => conversation.outgoing.send(header, data));
};

/**
 * An answer that must come in one, and that is too long to be held. Once it has begun nobody can be
 * told of an error; so all of it is read before, to see whether it can be.
 */
const answerAtLength = async (conversation: Conversation, request: NbdRequest): Promise<void> => {
  for (const part of piecesOf(request)) await withContent(conversation, part, async () => undefined);
  await conversation.outgoing.alone(async (send) => {
    await send(headerOf(conversation, request));
    try {
      for (const part of piecesOf(request)) await withContent(conversation, part, send);
    } catch (error) {
      conversation.cut();
      throw new ConnectionEnded(error);
    }
  });
};

const headerOf = ({ agreed }: Conversation, { cookie, offset, length }: NbdRequest): Buffer =>
  agreed.structured ? dataChunk({ cookie, isLast: true }, offset, length) : simpleReply(cookie, 0);

/** @param range within one piece */
const withContent = async (
  { pieces, served, turns }: Conversation,
  { offset, length }: ByteRange,
  use: (data: Uint8Array) => Promise<void>,
): Promise<void> => {
  await turns.next();
  await pieces.using(async (piece) => {
    const data = piece.subarray(0, length);
    await served.read(offset, data);
    await use(data);
  });
};
