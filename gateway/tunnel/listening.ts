import type { Server } from "node:http";
import { VisibleError } from "../../core/api/errors.ts";
import type { Log } from "../log/log.ts";
import type { BeatTimeouts } from "./beats.ts";

/** Timeouts of a tunnel server. A transfer may last hours; a peer may not be silent for long. */
export interface TunnelServerTimeouts {
  readonly handshakeSeconds: number;
  readonly headersSeconds: number;
  /**
   * A body that brings nothing for so long is given up. A sender that compares much and finds
   * little is silent too; a host that is dead is noticed by its connection.
   */
  readonly silenceSeconds: number;
  /**
   * For how long, all in all, a body may bring less than the slowest pace (time/pace.ts). Longer
   * than that a sender may not compare within an extent and find nothing.
   */
  readonly graceSeconds: number;
  /** How often a peer is told that we are still there while we work on its request. */
  readonly beatSeconds: number;
  /**
   * An idle connection is kept for so long; longer than clients keep theirs, so that none is
   * closed under a request.
   */
  readonly idleSeconds: number;
}

/** How many connections there may be. */
export interface ConnectionBounds {
  /**
   * Of peers, or behind a proxy what they have under way. A gateway that sends has ten for each
   * volume, so this is enough for a dozen of them with all they may have.
   */
  readonly places: number;
  /**
   * Still in their handshake, which takes a round trip from when they are let in. Over 200 ms the
   * port stays open against 300 strangers a second. All that end it in one turn of the event loop
   * take a third of what a turn may.
   */
  readonly lobby: number;
}

export const usualBounds: ConnectionBounds = { places: 512, lobby: 64 };
/** Those that have been cut are counted until they are closed. */
const closingMax = 256;

export const usualServerTimeouts: TunnelServerTimeouts = {
  handshakeSeconds: 10,
  headersSeconds: 20,
  silenceSeconds: 300,
  graceSeconds: 900,
  beatSeconds: 5,
  idleSeconds: 90,
};

/** The timeouts of what is being worked on. */
export const beatsOf = ({ silenceSeconds, beatSeconds }: TunnelServerTimeouts): BeatTimeouts => ({
  silenceMs: silenceSeconds * 1000,
  everyMs: beatSeconds * 1000,
});

/** The timeouts as Node's HTTP servers take them. */
export const httpOptionsOf = (timeouts: TunnelServerTimeouts) => ({
  headersTimeout: timeouts.headersSeconds * 1000,
  // A request lasts as long as its extent; silence is what is limited.
  requestTimeout: 0,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: timeouts.idleSeconds * 1000,
});

/**
 * Lets the server listen where `listen` says.
 * @throws VisibleError CONFLICT when that is taken
 */
export const startListening = async (
  server: Server,
  options: {
    readonly where: string;
    readonly listen: (listening: () => void) => void;
    readonly timeouts: TunnelServerTimeouts;
    readonly bounds: ConnectionBounds;
    readonly log: Log;
  },
): Promise<void> => {
  const { where, timeouts, bounds, log } = options;
  server.timeout = timeouts.silenceSeconds * 1000;
  server.maxConnections = bounds.places + bounds.lobby + closingMax;
  server.on("drop", (data) => log.warn({ from: data?.remoteAddress }, "a connection was dropped: there are too many"));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new VisibleError("CONFLICT", `${where} could not be listened on.`, {
          hint: "Choose another, or stop what is using it.",
          cause,
        }),
      ),
    );
    options.listen(resolve);
  });
  server.on("error", (error) => log.error({ err: error }, "the tunnel's listener failed"));
};

/**
 * Takes no more requests, waits for those that are under way, and cuts what is left
 * after `withinSeconds`.
 */
export const stopListening = (
  server: Server,
  options: {
    readonly withinSeconds: number;
    /** Ends the connections that the server no longer knows as its own. */
    readonly cut: () => void;
    readonly log: Log;
  },
): Promise<void> =>
  new Promise((resolve) => {
    const late = setTimeout(() => {
      options.log.warn({}, "requests were cut off at the stop");
      server.closeAllConnections();
      options.cut();
    }, options.withinSeconds * 1000);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
  });
