import type { Server } from "node:http";
import { VisibleError } from "../../core/api/errors.ts";
import type { Log } from "../log/log.ts";
import { OnePerTurn } from "../time/one-per-turn.ts";
import { systemTime, type Time } from "../time/time.ts";
import type { Admission } from "./admission.ts";
import { beatsOf, stopListening, type TunnelServerTimeouts } from "./listening.ts";
import type { RefusedPeers } from "./refused.ts";
import { createRequestListener, type PeerHandler } from "./requests.ts";
import { type UploadHandler, UploadServer } from "./upload/server.ts";

/** What answers the peers. */
export interface PeerHandlers {
  readonly handler: PeerHandler;
  readonly uploads: UploadHandler;
}

/**
 * Lets a server answer requests and take uploads.
 * @returns how it is stopped: it takes no more, waits for what is under way, and cuts what is left
 *   after `withinSeconds`
 */
export const servePeers = (
  server: Server,
  options: Admission &
    PeerHandlers & {
      readonly refused: RefusedPeers;
      readonly timeouts: TunnelServerTimeouts;
      readonly time?: Time | undefined;
      readonly log: Log;
    },
): { stop(withinSeconds: number): Promise<void> } => {
  const { timeouts, log } = options;
  const stopped = new AbortController();
  const patience = { time: options.time ?? systemTime, signal: stopped.signal };
  const turns = new OnePerTurn();
  const common = { ...options, turns, beats: beatsOf(timeouts), patience };
  const uploads = new UploadServer({
    ...common,
    idleMs: timeouts.idleSeconds * 1000,
    graceSeconds: timeouts.graceSeconds,
  });
  server.on("request", createRequestListener(common));
  server.on("upgrade", (request, socket, head) => uploads.accept(request, socket, head));
  return {
    stop: async (withinSeconds) => {
      uploads.stop();
      await stopListening(server, { withinSeconds, cut: () => uploads.cut(), log });
      // What hangs is no longer waited for either.
      stopped.abort(new VisibleError("LINK_BROKEN", "The gateway has stopped."));
    },
  };
};
