import { createServer, isIP, type Server, type Socket } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { VisibleError } from "../../core/api/errors.ts";
import type { Attached, AttachListen } from "../../core/api/restore/attach.ts";
import { attachSeconds } from "../../core/api/restore/attach.ts";
import { attachmentCertificate } from "../../pki/attachment.ts";
import { codeOf } from "../files/error-code.ts";
import type { NbdTls } from "../nbd/handshake/tls.ts";

/** A port at which an attachment is served by TLS. */
export interface TlsPort {
  /** To be told: where it is, and what clients trust. */
  readonly told: NonNullable<Attached["tls"]>;
  /** How it knows its clients. */
  readonly tls: NbdTls;
  /** Connections are taken from now on. */
  serve(accept: (socket: Socket) => void): void;
  close(): void;
}

const everyAddress: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** What clients may call a listener, for its certificate to be the right one. */
const namesOf = (host: string): readonly string[] =>
  everyAddress.has(host)
    ? [hostname(), ...Object.values(networkInterfaces()).flatMap((some = []) => some.map(({ address }) => address))]
    : [host];

/**
 * Listens for who has the certificate of one authority, with a key and a certificate that were made
 * for it: neither is the gateway's own.
 * @throws VisibleError CONFLICT (the port is taken), BAD_REQUEST (the address is none of this host)
 */
export const openTlsPort = async ({ host, port, clientAuthority }: AttachListen, nowMs: number): Promise<TlsPort> => {
  const validMs = (attachSeconds.max + 24 * 3600) * 1000;
  const own = await attachmentCertificate({ hosts: namesOf(host), nowMs, validMs });
  let accept: (socket: Socket) => void = (socket) => void socket.destroy();
  const server = createServer((socket) => accept(socket));
  const bound = await listening(server, host, port);
  const shown = everyAddress.has(host) ? hostname() : host;
  return {
    told: { endpoint: `${isIP(shown) === 6 ? `[${shown}]` : shown}:${bound}`, authority: own.authorityPem },
    tls: {
      context: () => ({ key: own.keyPem, cert: own.certificatePem, ca: clientAuthority }),
      // That authority's key is gone: it has signed one certificate.
      admit: () => undefined,
    },
    serve: (take) => {
      accept = take;
    },
    close: () => void server.close(),
  };
};

const listening = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(notListening(host, port, cause)));
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      // What ends a listener later ends its connections, too; they say so.
      server.on("error", () => undefined);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });

const notListening = (host: string, port: number, cause: Error): VisibleError =>
  codeOf(cause) === "EADDRINUSE"
    ? new VisibleError("CONFLICT", `Somebody listens at ${host}:${port} already.`, {
        hint: "Choose another port, or 0 for any that is free.",
        cause,
      })
    : new VisibleError("BAD_REQUEST", `The gateway can't listen at ${host}:${port}: ${cause.message}.`, {
        hint: "Name an address of the gateway's host.",
        cause,
      });
