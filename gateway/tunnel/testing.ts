import assert from "node:assert/strict";
import { connect, type TLSSocket } from "node:tls";
import { VisibleError } from "../../core/api/errors.ts";
import type { CertificateWithKey } from "../../pki/authority.ts";
import { credentialsOf, newAuthority, site } from "../transfer/testing/credentials.ts";
import { createMemoryLog } from "../transfer/testing/memory-log.ts";
import { answerJson } from "./answer.ts";
import type { TlsCredentials } from "./certificates.ts";
import { createPeerClient, type PeerClient, type PeerClientOptions } from "./client.ts";
import { RefusedPeers } from "./refused.ts";
import type { PeerHandler } from "./requests.ts";
import { startTunnelServer, type TunnelServer, type TunnelServerOptions } from "./server.ts";
import { uploadProtocol, uploadsPath } from "./upload/protocol.ts";
import type { UploadHandler } from "./upload/server.ts";

export const { signal } = new AbortController();
export const get = { method: "GET", path: "/", signal } as const;

/** For `assert.rejects`. */
export const code = (expected: string) => (error: unknown) => {
  assert.ok(VisibleError.is(error), String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

export const answerWho: PeerHandler = async (_request, response, identity) => answerJson(response, 200, identity);
/** Reads a body to its end. */
export const countBytes: UploadHandler = async ({ body }) => {
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.length;
  return bytes;
};
export async function* of(...chunks: Uint8Array[]) {
  yield* chunks;
}

const noRequests: PeerHandler = async () => assert.fail("nobody may ask");
export const noUploads: UploadHandler = async () => assert.fail("nobody may upload");

export type TestedClientOptions = Partial<Omit<PeerClientOptions, "credentials">> & {
  readonly credentials?: TlsCredentials;
};

/**
 * The direct tunnel's server of a gateway of site b on loopback, what it is to answer, and clients
 * of site a's.
 */
export class TestedServer {
  readonly authority: CertificateWithKey;
  readonly log = createMemoryLog();
  readonly refused = new RefusedPeers(this.log);
  handler = noRequests;
  uploads = noUploads;
  #server: TunnelServer | undefined;
  readonly #clients: PeerClient[] = [];

  private constructor(authority: CertificateWithKey) {
    this.authority = authority;
  }

  /** @param authority whose certificates both ends have; a new one unless told otherwise */
  static async start(
    options: Partial<Pick<TunnelServerOptions, "timeouts" | "bounds" | "time">> & {
      readonly authority?: CertificateWithKey;
    } = {},
  ): Promise<TestedServer> {
    const { authority = await newAuthority(), ...timeouts } = options;
    const tested = new TestedServer(authority);
    tested.#server = await startTunnelServer({
      credentials: await credentialsOf(authority, "b"),
      multiCluster: site("mc"),
      port: 0,
      handler: (...request) => tested.handler(...request),
      uploads: (upload, identity) => tested.uploads(upload, identity),
      refused: tested.refused,
      log: tested.log,
      ...timeouts,
    });
    return tested;
  }

  get port(): number {
    assert.ok(this.#server !== undefined);
    return this.#server.port;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  async client(options: TestedClientOptions = {}): Promise<PeerClient> {
    const { credentials = await credentialsOf(this.authority, "a") } = options;
    const made = createPeerClient({
      multiCluster: site("mc"),
      siteId: site("b"),
      endpoints: [this.endpoint],
      log: createMemoryLog(),
      ...options,
      credentials: () => credentials,
    });
    this.#clients.push(made);
    return made;
  }

  /** A connection by hand. */
  async connect(
    options: { readonly siteId?: string; readonly multiCluster?: string; readonly allowHalfOpen?: boolean } = {},
  ): Promise<TLSSocket> {
    const { siteId = "a", multiCluster = "mc", allowHalfOpen = false } = options;
    const { caPem, certificatePem, keyPem } = await credentialsOf(this.authority, siteId, multiCluster);
    const socket = connect({
      ...{ host: "127.0.0.1", port: this.port, ca: caPem, cert: certificatePem, key: keyPem, allowHalfOpen },
      checkServerIdentity: () => undefined,
    });
    socket.on("error", () => undefined);
    return socket;
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }

  /** What is under way may take so many seconds. */
  async stop(seconds: number): Promise<void> {
    await this.#server?.stop(seconds);
  }
}

/** The head of a request for another protocol. */
export const upgradeTo = (protocol: string, path = uploadsPath): string =>
  `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`;
export const upgradeToUploads = upgradeTo(uploadProtocol);

/** Records of upload/protocol.ts, by hand. */
export const record = (bytes: Uint8Array): Buffer => Buffer.concat([lengthOf(bytes.length), bytes]);
export const lengthOf = (bytes: number): Buffer => Buffer.from(Uint32Array.of(bytes).buffer);
export const uploadOf = (path: string, bytes: number): Buffer =>
  Buffer.concat([record(Buffer.from(path)), record(Buffer.alloc(bytes)), lengthOf(0)]);
