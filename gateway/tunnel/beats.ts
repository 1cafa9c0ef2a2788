import type { IncomingMessage, ServerResponse } from "node:http";
import { VisibleError } from "../../core/api/errors.ts";
import type { Time } from "../time/time.ts";

export interface BeatTimeouts {
  /** What is still coming may bring nothing for so long. */
  readonly silenceMs: number;
  readonly everyMs: number;
}

/** What a peer asks for, while it is being worked on. */
export interface Worked {
  /** Of its connection. */
  readonly bytesRead: () => number;
  /** Whether all of it has come. */
  readonly isComplete: () => boolean;
  /** Tells the peer that we are still there. */
  readonly beat: () => void;
  readonly giveUp: () => void;
}

/**
 * What is asked for is worked on for so long without anything getting done. Above what a job of an
 * extent may take for one call of the storage, so that it is the one to say what hangs; and below
 * the 300 s for which a peer waits.
 */
export const workSeconds = 180;

/** What becomes of work that stands still. */
export const standing = {
  seconds: workSeconds,
  late: (): VisibleError =>
    new VisibleError("TIMEOUT", `The peer gateway's work stood still for ${workSeconds} s.`, {
      hint: "It will be tried again. If it goes on, see whether the peer's storage answers.",
    }),
};

/** Of a server, with its work: until it has stopped. */
export interface WorkPatience {
  readonly time: Time;
  readonly signal: AbortSignal;
}

/**
 * Tells a peer every `everyMs` that we are still there: TCP and a proxy say nothing of one that
 * hangs. What brings nothing for `silenceMs` is given up here as well, since a connection that
 * beats are written to is never idle. Beats come from a timer and say nothing of the work: whoever
 * starts them ends them, and answers, when that stands still.
 * @returns what ends it
 */
export const startBeats = (worked: Worked, { silenceMs, everyMs }: BeatTimeouts): (() => void) => {
  let bytesRead = worked.bytesRead();
  let readAtMs = performance.now();
  const timer = setInterval(() => {
    if (worked.bytesRead() !== bytesRead || worked.isComplete()) {
      bytesRead = worked.bytesRead();
      readAtMs = performance.now();
    } else if (performance.now() - readAtMs > silenceMs) {
      worked.giveUp();
      return;
    }
    worked.beat();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
};

/**
 * Answers that have begun with beats: their status is told, and what they come to still is to come.
 */
const beating = new WeakSet<ServerResponse>();

/** Whether nothing but beats has been sent of the answer. */
export const isBeating = (response: ServerResponse): boolean => beating.has(response);

/**
 * Beats of white space, which JSON may begin with, until the answer is there. The first one fixes
 * the status at 200, so an error that comes later is told by the body alone.
 * @returns what ends it
 */
export const startBeating = (
  request: IncomingMessage,
  response: ServerResponse,
  timeouts: BeatTimeouts,
): (() => void) => {
  const beat = () => {
    // Somebody who reads no answers shall not fill our memory with beats.
    if (response.writableNeedDrain) return;
    if (!response.headersSent) {
      response.writeHead(200, { "content-type": "application/json" });
      beating.add(response);
    }
    if (isBeating(response) && !response.writableEnded) response.write("\n");
  };
  const { socket } = request;
  const stop = startBeats(
    { bytesRead: () => socket.bytesRead, isComplete: () => request.complete, beat, giveUp: () => socket.destroy() },
    timeouts,
  );
  response.once("close", stop);
  return stop;
};
