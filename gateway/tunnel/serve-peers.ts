import type { Server } from "node:http";
import type { Log } from "../log.ts";
import { beatsOf, stopListening, type TunnelServerLimits } from "./listening.ts";
import { type Admission, createRequestListener, type PeerHandler } from "./requests.ts";
import { type UploadHandler, UploadServer } from "./upload/server.ts";

/** What answers the peers. */
export interface PeerHandlers {
  readonly handler: PeerHandler;
  readonly uploads: UploadHandler;
}

/**
 * Lets a server answer requests and take uploads.
 * @returns how it is stopped: it takes no more, waits for what is under way, and cuts what is left after `withinSeconds`
 */
export const servePeers = (
  server: Server,
  options: Admission & PeerHandlers & { readonly limits: TunnelServerLimits; readonly log: Log },
): { stop(withinSeconds: number): Promise<void> } => {
  const { limits, log } = options;
  const common = { ...options, beats: beatsOf(limits) };
  const uploads = new UploadServer({ ...common, idleMs: limits.idleSeconds * 1000 });
  server.on("request", createRequestListener(common));
  server.on("upgrade", (request, socket, head) => uploads.accept(request, socket, head));
  return {
    stop: (withinSeconds) => {
      uploads.stop();
      return stopListening(server, { withinSeconds, cut: () => uploads.cut(), log });
    },
  };
};
