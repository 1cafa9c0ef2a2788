import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";

/** How a port knows its clients. */
export interface NbdTls {
  /** What this end shows, and whom it believes, from now on. */
  context(): TlsOptions;
  /**
   * Judges a client whose certificate was verified, and may cut it later.
   * @throws VisibleError PEER_REFUSED
   */
  admit(socket: TLSSocket): void;
}

/**
 * Goes on with TLS on a connection: 1.3, with a certificate of the client's. Each has a server of
 * its own, for only a server verifies what a client shows.
 * @throws what TLS or `admit` has against the client
 */
export const upgrade = async (stream: Duplex, { context, admit }: NbdTls): Promise<TLSSocket> => {
  if (!(stream instanceof Socket)) throw new TypeError("TLS goes over a socket");
  const secured = Promise.withResolvers<TLSSocket>();
  const server = createServer(
    { ...context(), minVersion: "TLSv1.3", maxVersion: "TLSv1.3", requestCert: true, rejectUnauthorized: true },
    secured.resolve,
  );
  server.once("tlsClientError", (error, socket) => secured.reject(socket.authorizationError ?? error));
  stream.once("close", () => secured.reject(new Error("the connection ended in the TLS handshake")));
  server.emit("connection", stream);
  const socket = await secured.promise;
  admit(socket);
  return socket;
};
