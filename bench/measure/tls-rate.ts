import { once } from "node:events";
import { connect } from "node:tls";
import { Worker } from "node:worker_threads";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { createAuthority } from "../../pki/authority.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";

const bytesMax = 512 * 1024 * 1024;
const pieceBytes = 256 * 1024;

/** What the thread that receives is given. */
export interface TlsSink {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Bytes/s that one thread sends to another over mutual TLS 1.3 on loopback, with certificates like
 * a gateway's.
 * @param sizeBytes of the volume, a multiple of 256 KiB: no more is sent than that
 */
export const tlsThroughput = async (sizeBytes: number): Promise<number> => {
  const totalBytes = Math.min(sizeBytes, bytesMax);
  const multiCluster = siteIdSchema.parse("bench");
  const authority = await createAuthority({ multiCluster });
  const identity = { multiCluster, siteId: siteIdSchema.parse("a"), gatewayId: gatewayIdSchema.parse("a1") };
  const issued = await issueGatewayCertificate(authority, { ...identity, validDays: 1 });
  const workerData: TlsSink = { ca: authority.certificatePem, cert: issued.certificatePem, key: issued.keyPem };
  const sink = new Worker(new URL("./tls-sink.ts", import.meta.url), { workerData });
  try {
    const [port] = await once(sink, "message");
    const socket = connect({
      ...workerData,
      host: "127.0.0.1",
      port,
      minVersion: "TLSv1.3",
      checkServerIdentity: () => undefined,
    });
    await once(socket, "secureConnect");
    const piece = Buffer.alloc(pieceBytes, 1);
    const begun = performance.now();
    const received = once(sink, "message");
    for (let sent = 0; sent < totalBytes; sent += pieceBytes) {
      if (!socket.write(piece)) await once(socket, "drain");
    }
    socket.end();
    const [bytes] = await received;
    if (bytes !== totalBytes) throw new Error(`${bytes} bytes arrived of ${totalBytes}`);
    return totalBytes / ((performance.now() - begun) / 1000);
  } finally {
    await sink.terminate();
  }
};
