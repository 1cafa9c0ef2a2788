import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { VisibleError } from "../../../core/api/errors.ts";
import type { PeerIdentity } from "../../../core/api/identity.ts";
import type { Log } from "../../log/log.ts";
import type { OnePerTurn } from "../../time/one-per-turn.ts";
import { bytesPerSecondMin, fallsBehind } from "../../time/pace.ts";
import { type Watch, whileMoving } from "../../time/standstill.ts";
import type { Admission } from "../admission.ts";
import { drainMs, toldOf } from "../answer.ts";
import { type BeatTimeouts, standing, startBeats, type WorkPatience } from "../beats.ts";
import type { RefusedPeers } from "../refused.ts";
import type { Upload } from "./connection.ts";
import { uploadProtocol, uploadsPath } from "./protocol.ts";
import { UploadReader } from "./reader.ts";

/**
 * An upload of a peer; the signal is aborted when the peer goes away before all of it has come, or
 * the work stood still.
 */
export interface IncomingUpload extends Upload, Watch {}

/**
 * Takes an upload of a peer whose identity is verified, and gives what there is to answer, as JSON
 * has it. What it throws is answered as an error.
 */
export type UploadHandler = (upload: IncomingUpload, identity: PeerIdentity) => Promise<unknown>;

export interface UploadServerOptions extends Admission {
  readonly beats: BeatTimeouts;
  /** A connection without an upload is kept for so long. */
  readonly idleMs: number;
  /** How long the body may be slower than the slowest pace. */
  readonly graceSeconds: number;
  readonly uploads: UploadHandler;
  readonly patience: WorkPatience;
  readonly refused: RefusedPeers;
  readonly turns: OnePerTurn;
  readonly log: Log;
}

/**
 * The receiver's end of upload connections (protocol.ts), for the `upgrade`
 * event of an HTTP server.
 */
export class UploadServer {
  readonly #options: UploadServerOptions;
  readonly #sockets = new Set<Duplex>();
  readonly #idle = new Set<Duplex>();
  #isStopping = false;

  constructor(options: UploadServerOptions) {
    this.#options = options;
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { turns, log } = this.#options;
    const path = request.url;
    socket.on("error", (error) => log.info({ err: error, path }, "an upload connection broke off"));
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    turns.enter(() => {
      if (!socket.destroyed) this.#begin(request, socket, head);
    });
  }

  /** Takes no more uploads; those under way may end. */
  stop(): void {
    this.#isStopping = true;
    for (const socket of this.#idle) socket.destroy();
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #begin(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { identify, admit, refused, log } = this.#options;
    const path = request.url;
    // From here on the timeouts are ours.
    request.socket.setTimeout(0);
    let identity: PeerIdentity | undefined;
    try {
      const peer = identify(request);
      identity = peer.identity;
      this.#assertWanted(request);
      socket.once(
        "close",
        admit(peer, path, () => void socket.destroy()),
      );
      if (head.length > 0) socket.unshift(head);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${uploadProtocol}\r\n\r\n`);
      void this.#serve(socket, identity).finally(() => endSoon(socket));
    } catch (error) {
      refused.note(error, identity, { from: request.socket.remoteAddress, path });
      refuse(socket, toldOf(error, log, { path }));
    }
  }

  /** @throws NOT_FOUND, LINK_BROKEN */
  #assertWanted({ headers, url }: IncomingMessage): void {
    if (headers.upgrade !== uploadProtocol || url !== uploadsPath) {
      throw new VisibleError("NOT_FOUND", "A receiver upgrades to uploads only.", {
        hint: "See that both gateways are of the same version.",
      });
    }
    if (this.#isStopping) throw new VisibleError("LINK_BROKEN", "The gateway is about to stop.");
  }

  async #serve(socket: Duplex, identity: PeerIdentity): Promise<void> {
    const reader = new UploadReader(socket);
    for (;;) {
      const path = await this.#next(socket, reader);
      if (path === undefined || !(await this.#take(path, socket, reader, identity))) return;
      // Nor does it go on for somebody who reads no answers.
      if (!(await restCame(reader)) || this.#isStopping || socket.writableNeedDrain) return;
    }
  }

  async #next(socket: Duplex, reader: UploadReader): Promise<string | undefined> {
    const late = setTimeout(() => socket.destroy(), this.#options.idleMs);
    this.#idle.add(socket);
    try {
      return await reader.next();
    } finally {
      clearTimeout(late);
      this.#idle.delete(socket);
    }
  }

  /** @returns whether the peer may go on */
  async #take(path: string, socket: Duplex, reader: UploadReader, identity: PeerIdentity): Promise<boolean> {
    const { uploads, beats, patience, graceSeconds, refused, log } = this.#options;
    const stop = new AbortController();
    const { signal } = stop;
    const onClose = () => {
      // What has come whole is good all the same: the sender will find it done.
      if (!reader.isComplete) stop.abort(new VisibleError("LINK_BROKEN", "The sender went away."));
    };
    socket.once("close", onClose);
    const stopBeats = startBeats(
      {
        bytesRead: () => reader.bytesRead,
        isComplete: () => reader.isComplete,
        // Somebody who reads no answers shall not fill our memory with beats.
        beat: () => void (socket.writableNeedDrain || socket.write("\n")),
        giveUp: () => socket.destroy(),
      },
      beats,
    );
    const over = new AbortController();
    const pace = {
      ...{ graceSeconds, time: patience.time },
      bytes: () => reader.bytesRead,
      isAwaited: () => reader.isAwaited,
    };
    void fallsBehind(pace, over.signal).then((isBehind) => isBehind && stop.abort(tooSlow(graceSeconds)));
    try {
      const answer = await whileMoving(
        // While it waits for the body, the peer is the one who may be late.
        { ...patience, ...standing, isHeldUp: () => reader.isAwaited },
        ({ onMoved }) => uploads({ path, body: reader.body(signal), signal, onMoved }, identity),
      );
      tell(socket, answer);
      return true;
    } catch (error) {
      const fields = { err: error, path };
      if (socket.destroyed) log.info(fields, "the peer went away before it was answered");
      else tell(socket, toldOf(error, log, fields).body);
      refused.note(error, identity, { path });
      return !VisibleError.is(error, "PEER_REFUSED");
    } finally {
      stopBeats();
      over.abort();
      socket.off("close", onClose);
      // Whatever of the body was not wanted is no longer waited for.
      stop.abort();
    }
  }
}

/**
 * Waits a while for what is left of an upload that was answered: who has sent it does not know that
 * it was not wanted.
 */
const restCame = async (reader: UploadReader): Promise<boolean> => {
  if (reader.isComplete) return true;
  try {
    await reader.skip(AbortSignal.timeout(drainMs));
    return true;
  } catch {
    return false;
  }
};

const tooSlow = (graceSeconds: number): VisibleError =>
  new VisibleError(
    "LINK_SLOW",
    `For ${graceSeconds} s the body came slower than ${bytesPerSecondMin} bytes a second.`,
    {
      hint: "It will be tried again. See whether the link is overloaded, and whether the sender's storage answers.",
    },
  );

const tell = (socket: Duplex, answer: unknown): void => {
  if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
};

/** Answers in HTTP. */
const refuse = (socket: Duplex, { status, body }: ReturnType<typeof toldOf>): void => {
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "connection: close",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${text}`);
  endSoon(socket);
};

/**
 * Reads what else comes to nowhere for a while: closing at once would reset the connection, and the
 * peer would not get to read why.
 */
const endSoon = (socket: Duplex): void => {
  socket.end();
  socket.removeAllListeners("data").resume();
  const cut = setTimeout(() => socket.destroy(), drainMs);
  cut.unref();
  socket.once("close", () => clearTimeout(cut));
};
