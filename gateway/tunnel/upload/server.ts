import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { VisibleError } from "../../../core/api/errors.ts";
import type { PeerIdentity } from "../../../core/api/identity.ts";
import type { Log } from "../../log.ts";
import { drainMs, toldOf } from "../answer.ts";
import { type BeatLimits, startBeats } from "../beats.ts";
import type { Admission } from "../requests.ts";
import type { Upload } from "./connection.ts";
import { uploadProtocol, uploadsPath } from "./protocol.ts";
import { UploadReader } from "./reader.ts";

/** An upload of a peer; the signal is aborted when the peer goes away before all of it has come. */
export interface IncomingUpload extends Upload {
  readonly signal: AbortSignal;
}

/**
 * Takes an upload of a peer whose identity is verified, and gives what there is to answer, as JSON has it. What it throws is answered as an error.
 */
export type UploadHandler = (upload: IncomingUpload, identity: PeerIdentity) => Promise<unknown>;

export interface UploadServerOptions extends Admission {
  readonly beats: BeatLimits;
  /** A connection without an upload is kept for so long. */
  readonly idleMs: number;
  readonly uploads: UploadHandler;
  readonly log: Log;
}

/** The receiver's end of upload connections (protocol.ts), for the `upgrade` event of an HTTP server. */
export class UploadServer {
  readonly #options: UploadServerOptions;
  readonly #sockets = new Set<Duplex>();
  readonly #idle = new Set<Duplex>();
  #isStopping = false;

  constructor(options: UploadServerOptions) {
    this.#options = options;
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { log } = this.#options;
    const path = request.url;
    socket.on("error", (error) => log.info({ err: error, path }, "an upload connection broke off"));
    if (request.headers.upgrade !== uploadProtocol || path !== uploadsPath || this.#isStopping) {
      socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // From here on the limits are ours.
    request.socket.setTimeout(0);
    if (head.length > 0) socket.unshift(head);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${uploadProtocol}\r\n\r\n`);
    const reader = new UploadReader(socket);
    void this.#serve(request, socket, reader).finally(() => {
      socket.end();
      reader.drain();
      const cut = setTimeout(() => socket.destroy(), drainMs);
      cut.unref();
      socket.once("close", () => clearTimeout(cut));
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

  async #serve(request: IncomingMessage, socket: Duplex, reader: UploadReader): Promise<void> {
    const { identify, revoked, log } = this.#options;
    let leave: (() => void) | undefined;
    try {
      const peer = identify(request);
      leave = revoked.admit({ peer, path: request.url, cut: () => void socket.destroy() });
      for (;;) {
        const path = await this.#next(socket, reader);
        if (path === undefined) return;
        await this.#take(path, socket, reader, peer.identity);
        if (this.#isStopping || !(await isOver(reader))) return;
      }
    } catch (error) {
      log.warn({ err: error, from: request.socket.remoteAddress, path: request.url }, "a peer was refused");
      tell(socket, toldOf(error, log, {}).body);
    } finally {
      leave?.();
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

  async #take(path: string, socket: Duplex, reader: UploadReader, identity: PeerIdentity): Promise<void> {
    const { uploads, beats, log } = this.#options;
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
    try {
      tell(socket, await uploads({ path, body: reader.body(signal), signal }, identity));
    } catch (error) {
      const fields = { err: error, path };
      if (socket.destroyed) log.info(fields, "the peer went away before it was answered");
      else tell(socket, toldOf(error, log, fields).body);
    } finally {
      stopBeats();
      socket.off("close", onClose);
      // Whatever of the body was not wanted is no longer waited for.
      stop.abort();
    }
  }
}

/** Whether all of an upload that was answered comes in a while: who has sent it does not know that it was not wanted. */
const isOver = async (reader: UploadReader): Promise<boolean> => {
  try {
    await reader.skip(AbortSignal.timeout(drainMs));
    return true;
  } catch {
    return false;
  }
};

const tell = (socket: Duplex, answer: unknown): void => {
  if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
};
