import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import { readAnswer } from "../answer.ts";
import { uploadProtocol, uploadsPath } from "./protocol.ts";

/** Of a refusal. */
const answerCharactersMax = 64 * 1024;

/**
 * Asks for an upload connection (protocol.ts). Not by undici's `upgrade`, which does not say what a
 * peer answers in its place.
 * @throws what the peer answers; LINK_BROKEN when that is not a gateway's answer; what undici
 * throws, the signal's reason
 */
export const upgraded = (pool: Dispatcher, signal: AbortSignal): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    let status = 0;
    let text = "";
    const over = new AbortController();
    const fail = (error: unknown) => {
      over.abort();
      reject(error);
    };
    pool.dispatch(
      { method: "GET", path: uploadsPath, upgrade: uploadProtocol },
      {
        onRequestStart: (controller) => {
          const abort = () => controller.abort(signal.reason);
          if (signal.aborted) abort();
          else signal.addEventListener("abort", abort, { once: true, signal: over.signal });
        },
        onRequestUpgrade: (_controller, _status, _headers, socket) => {
          over.abort();
          resolve(socket);
        },
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: (controller, piece) => {
          text += piece.toString();
          if (text.length > answerCharactersMax) controller.abort(new Error("the peer's answer has no end"));
        },
        onResponseEnd: () => fail(refusal(status, text)),
        onResponseError: (_controller, error) => fail(error),
      },
    );
  });

const refusal = (status: number, text: string): unknown => {
  try {
    // A 200 is no upgrade either.
    return readAnswer(status === 200 ? 0 : status, text);
  } catch (error) {
    return error;
  }
};
