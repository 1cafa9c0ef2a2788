import { ConnectionEnded } from "../incoming.ts";
import { command } from "../protocol.ts";
import { answerRead } from "./answer-read.ts";
import { answerStatus } from "./answer-status.ts";
import type { Conversation } from "./conversation.ts";
import { InFlight } from "./in-flight.ts";
import { doneChunk, errorChunk, refusalFor, simpleReply } from "./replies.ts";
import { type NbdRequest, parseRequest, type RequestRefusal, refusalOf, requestBytes } from "./requests.ts";
import { takeWrite } from "./take-write.ts";

/**
 * Answers what a client asks until it goes, or has to go: then what is under way ends first.
 * @throws ConnectionEnded, ProtocolError
 */
export const transmit = async (conversation: Conversation): Promise<void> => {
  const { incoming, requestsInFlight, turns } = conversation;
  const inFlight = new InFlight(requestsInFlight);
  try {
    for (;;) {
      await inFlight.free();
      const request = parseRequest(await incoming.read(requestBytes));
      if (request.type === command.disconnect) return;
      // What it brings has to be read before the next request, so it is done before that, too.
      if (request.type === command.write) await conclude(conversation, request, await takeWrite(conversation, request));
      else inFlight.run(() => answer(conversation, request));
      await turns.next();
    }
  } finally {
    await inFlight.done();
  }
};

const answer = async (conversation: Conversation, request: NbdRequest): Promise<void> => {
  try {
    const refusal = refusalOf(request, conversation.agreed);
    if (refusal !== undefined) return await conclude(conversation, request, refusal);
    await perform(conversation, request);
  } catch (error) {
    if (error instanceof ConnectionEnded) return;
    conversation.onFailed(error);
    await conclude(conversation, request, refusalFor(error)).catch(() => undefined);
  }
};

const perform = async (conversation: Conversation, request: NbdRequest): Promise<void> => {
  const { write } = conversation.served;
  switch (request.type) {
    case command.read:
      return answerRead(conversation, request);
    case command.blockStatus:
      return answerStatus(conversation, request);
    case command.flush:
      await write?.flush();
      return conclude(conversation, request, undefined);
    case command.trim:
    case command.writeZeroes:
      await write?.zero(request.offset, request.length);
      return conclude(conversation, request, undefined);
  }
};

/** Ends a request without data: it is done, or refused. */
const conclude = (
  { agreed, outgoing }: Conversation,
  { cookie }: NbdRequest,
  refusal: RequestRefusal | undefined,
): Promise<void> => {
  if (!agreed.structured) return outgoing.send(simpleReply(cookie, refusal?.code ?? 0));
  return outgoing.send(refusal === undefined ? doneChunk(cookie) : errorChunk(cookie, refusal));
};
