import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { VisibleError } from "../../core/api/errors.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import type { Log } from "../log/log.ts";
import type { OnePerTurn } from "../time/one-per-turn.ts";
import { type Watch, whileMoving } from "../time/standstill.ts";
import type { Admission } from "./admission.ts";
import { answerError } from "./answer.ts";
import { type BeatTimeouts, standing, startBeating, type WorkPatience } from "./beats.ts";
import type { RefusedPeers } from "./refused.ts";

/**
 * Answers one request of a peer whose identity is verified. What it throws is answered as an error;
 * so is that it stood still, once the request has come whole.
 */
export type PeerHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  identity: PeerIdentity,
  watch: Watch,
) => Promise<void>;

/**
 * Joins “who is it” with “what does it want”. A connection has one request at a time: whoever sends
 * the next before it was answered loses the connection.
 */
export const createRequestListener = (
  options: Admission & {
    readonly beats: BeatTimeouts;
    readonly handler: PeerHandler;
    readonly patience: WorkPatience;
    readonly refused: RefusedPeers;
    readonly turns: OnePerTurn;
    readonly log: Log;
  },
): RequestListener => {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // While a body comes, silence means a dead peer; while we verify what came, it does not.
    request.once("end", () => request.socket.setTimeout(0));
    request.once("error", (error) => options.log.failed({ err: error, path: request.url }, "a request broke off"));
    const stopBeating = startBeating(request, response, options.beats);
    let identity: PeerIdentity | undefined;
    try {
      const peer = options.identify(request);
      identity = peer.identity;
      request.once(
        "close",
        options.admit(peer, request.url, () => void request.socket.destroy()),
      );
      await whileMoving(
        // While the request is on its way the peer is the one who may be late.
        { ...options.patience, ...standing, isHeldUp: () => !request.complete },
        (watch) => options.handler(request, response, peer.identity, watch),
      );
    } catch (error) {
      options.refused.note(error, identity, { from: request.socket.remoteAddress, path: request.url });
      // Whoever may not be here does not keep a connection either.
      if (VisibleError.is(error, "PEER_REFUSED")) response.shouldKeepAlive = false;
      answerError(request, response, error, options.log);
    } finally {
      // Who takes none of its answer holds it in our memory.
      if (!response.writableFinished) request.socket.setTimeout(options.beats.silenceMs);
      stopBeating();
    }
  };
  const newest = new WeakMap<Socket, ServerResponse>();
  return (request, response) => {
    const { socket } = request;
    // Each of thousands in one piece of a connection would be begun in the same turn.
    if (socket.destroyed) return;
    if (newest.get(socket)?.writableEnded === false) {
      socket.destroy();
      return;
    }
    newest.set(socket, response);
    options.turns.enter(() => {
      if (!socket.destroyed) void serve(request, response);
    });
  };
};
