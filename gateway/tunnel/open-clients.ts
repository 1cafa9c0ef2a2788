import type { TlsCredentials } from "./certificates.ts";
import type { PeerClient } from "./client.ts";

/** The clients that are open: a certificate that is revoked ends what was connected before. */
export class OpenClients {
  readonly #clients = new Set<PeerClient>();
  #revokedAtMs: number | undefined;

  constructor({ revocations }: TlsCredentials) {
    this.#revokedAtMs = revocations?.atMs;
  }

  /** The same client, known until it is closed. */
  add(client: PeerClient): PeerClient {
    const known: PeerClient = {
      ...client,
      close: async () => {
        this.#clients.delete(known);
        await client.close();
      },
    };
    this.#clients.add(known);
    return known;
  }

  /** @returns whether more is revoked than before, and clients make their connections anew */
  renew({ revocations }: TlsCredentials): boolean {
    if (revocations?.atMs === this.#revokedAtMs) return false;
    this.#revokedAtMs = revocations?.atMs;
    this.reconnect();
    return true;
  }

  reconnect(): void {
    for (const client of this.#clients) client.reconnect();
  }
}
