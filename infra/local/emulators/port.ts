import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { VisibleError } from "../../../core/api/errors.ts";

/** The hint for a port of 127.0.0.1 that somebody else listens on. */
const portTaken = (port: number, cause: unknown) =>
  new VisibleError("CONFLICT", `Port ${port} of 127.0.0.1 is taken by another program.`, {
    hint: `Choose another port, or end what listens there: ss -ltnp 'sport = :${port}'`,
    cause,
  });

/** Whether a listener failed because its port is taken. */
const isTaken = (error: unknown) => error instanceof Error && "code" in error && error.code === "EADDRINUSE";

/**
 * Runs what begins to listen on a port of ours.
 * @throws {VisibleError} CONFLICT when the port is taken
 */
export const listening = async <T>(port: number, listen: () => Promise<T>): Promise<T> => {
  try {
    return await listen();
  } catch (error) {
    throw isTaken(error) ? portTaken(port, error) : error;
  }
};

/**
 * Below those that Linux gives out, so that nobody gets it by chance between our look and whoever
 * is to listen there.
 */
const anyPort = (): number => randomInt(15_000, 32_000);

/**
 * A port of 127.0.0.1 that nobody listens on: `port`, or any for 0.
 * @throws {VisibleError} CONFLICT when `port` is taken
 */
export const freePort = async (port: number): Promise<number> => {
  if (port !== 0) return listening(port, () => listenedOn(port));
  for (;;) {
    try {
      return await listenedOn(anyPort());
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
};

/** A port that could be listened on, and is not any more. */
const listenedOn = async (port: number): Promise<number> => {
  const server = createServer().listen({ host: "127.0.0.1", port });
  await once(server, "listening");
  server.close();
  await once(server, "close");
  return port;
};
