import { rm } from "node:fs/promises";
import { request } from "node:http";
import { socketEndpoint, socketOf } from "../../../core/address/service-endpoint.ts";
import { listening } from "./port.ts";

/** Where an emulator listens: on a socket, or on a port of 127.0.0.1, any free one for 0. */
export interface EmulatorPlace {
  readonly socket?: string | undefined;
  readonly port?: number | undefined;
}

/**
 * Has a server listen at its place.
 * @param listen given what Node's `listen` takes; it gives the port
 * @returns the endpoint, for `AWS_ENDPOINT_URL_<SERVICE>`
 * @throws VisibleError CONFLICT when the port is taken
 */
export const listenAt = async (
  { socket, port = 0 }: EmulatorPlace,
  listen: (where: { readonly path: string } | { readonly host: string; readonly port: number }) => Promise<number>,
): Promise<string> => {
  if (socket === undefined) {
    const chosen = await listening(port, () => listen({ host: "127.0.0.1", port }));
    return `http://127.0.0.1:${chosen}`;
  }
  // Of one that was killed.
  await rm(socket, { force: true });
  await listen({ path: socket });
  return socketEndpoint(socket);
};

/** Whether somebody answers HTTP at an endpoint. @throws the signal's reason */
export const answersAt = (endpoint: string, signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const socketPath = socketOf(endpoint);
    const asked = request({
      ...(socketPath === undefined ? urlOptions(endpoint) : { socketPath }),
      agent: false,
      signal,
    });
    asked.on("response", (response) => void response.resume().on("close", () => resolve(true)));
    asked.on("error", () => (signal.aborted ? reject(signal.reason) : resolve(false)));
    asked.end();
  });

const urlOptions = (endpoint: string) => {
  const { hostname, port } = new URL(endpoint);
  return { hostname, port };
};
