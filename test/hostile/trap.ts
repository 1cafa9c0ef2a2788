import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsCredentials } from "../../gateway/tunnel/certificates.ts";

/** How the trap answers who comes to send. */
interface Mode {
  readonly name: string;
  readonly session: (response: ServerResponse) => void;
}

const largest = Number.MAX_SAFE_INTEGER;
const json = (value: unknown) => (response: ServerResponse) =>
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
const session = (more: object) => json({ epoch: 1, done: [], damaged: [], complete: false, ...more });

const modes: readonly Mode[] = [
  {
    name: "a receiver whose ranges overlap, 16 MiB of them",
    session: session({ done: Array.from({ length: 1_000_000 }, (_, i) => [i % 3, 1_000_000]) }),
  },
  { name: "a receiver with a range of 2^53", session: session({ done: [[0, largest]] }) },
  { name: "a receiver with damage in 2^53 extents", session: session({ damaged: [[0, largest]] }) },
  { name: "a receiver with the largest epoch", session: session({ epoch: largest }) },
  { name: "a receiver that never answers", session: () => undefined },
  {
    name: "a receiver whose answer has no end",
    session: (response) => {
      response.writeHead(200);
      const piece = Buffer.alloc(256 * 1024, "x");
      const more = () => {
        while (response.write(piece));
      };
      response.on("drain", more);
      more();
    },
  },
  { name: "a receiver that talks of something else", session: json("hello") },
  { name: "a receiver with an error of its own", session: (response) => response.writeHead(500).end("{}") },
  { name: "a receiver that reads slowly", session: session({}) },
  { name: "a receiver that has it all", session: session({ complete: true }) },
];

export interface Trap {
  readonly port: number;
  stop(): void;
}

export const trapNames: readonly string[] = modes.map(({ name }) => name);

/** A listener with a good certificate, that does something else to each that comes. */
export const setTrap = async (credentials: TlsCredentials, onCaught: (name: string) => void): Promise<Trap> => {
  let turn = 0;
  const server = createServer({
    ...{ ca: credentials.caPem, cert: credentials.certificatePem, key: credentials.keyPem },
    ...{ requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" as const },
  });
  server.on("request", (request, response) => {
    response.on("error", () => undefined);
    request.on("error", () => undefined).resume();
    if (request.method !== "POST" || request.url !== "/v1/sessions") return response.writeHead(404).end("{}");
    const mode = modes[turn++ % modes.length];
    if (mode === undefined) return response.end();
    onCaught(mode.name);
    return mode.session(response);
  });
  server.on("upgrade", (_, socket: Duplex) => {
    socket.on("error", () => undefined);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: smtx-backup-upload\r\n\r\n");
    // 512 KiB, as slowly as it goes without being called dead.
    const timer = setInterval(() => {
      socket.write("\n");
      socket.read(512 * 1024);
    }, 5_000);
    socket.on("close", () => clearInterval(timer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
