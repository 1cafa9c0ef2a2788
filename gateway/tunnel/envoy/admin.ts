import { request } from "node:http";
import { connect } from "node:net";

const answerMs = 2_000;
/** How often something is asked that comes within moments. */
export const pollMs = 50;

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
