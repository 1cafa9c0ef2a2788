import { request } from "node:http";
import { connect } from "node:net";
import type { Time } from "../../time/time.ts";

const answerMs = 2_000;
const pollMs = 50;

/** Whether the Envoy at this administration socket serves. */
export const isReady = (adminSocket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = request({ socketPath: adminSocket, path: "/ready", timeout: answerMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(false));
    asked.on("close", () => resolve(false));
    asked.end();
  });

/** Whether somebody listens on a unix socket. */
export const isListening = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => {
      resolve(true);
      socket.destroy();
    });
    socket.on("error", () => resolve(false));
  });

/** Asks again until it is so. @returns whether it was within `withinMs`, and before the signal was aborted */
export const until = async (
  isSo: () => Promise<boolean>,
  options: { readonly withinMs: number; readonly time: Time; readonly signal: AbortSignal },
): Promise<boolean> => {
  const { withinMs, time, signal } = options;
  for (const endMs = performance.now() + withinMs; !signal.aborted; ) {
    if (await isSo()) return true;
    if (performance.now() > endMs) return false;
    await time.sleep(pollMs, signal);
  }
  return false;
};
