import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { credentialsPath, type QueueCredentials } from "../../../core/api/access.ts";

/** An HTTP API of ministack under a name that every host resolves: 127.0.0.1. */
export interface ApiProxy {
  readonly url: string;
  /** The proof for which the credentials with this access key were given; undefined for others. */
  proofOf(accessKeyId: string): string | undefined;
  stop(): Promise<void>;
}

/**
 * ministack tells APIs apart by the host that was asked, `<id>.execute-api.localhost`, which
 * resolvers do not know everywhere. This passes requests on under that name.
 */
export const startApiProxy = async (endpoint: string, apiId: string): Promise<ApiProxy> => {
  const { hostname, port } = new URL(endpoint);
  const host = `${apiId}.execute-api.localhost`;
  const proofs = new Map<string, string>();
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, host: `${host}:${port}` };
    const passed = request({ hostname, port, method: incoming.method, path: incoming.url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      if (incoming.url !== credentialsPath || answer.statusCode !== 201) return;
      const proof = incoming.headers.authorization?.replace(/^Bearer /, "") ?? "";
      let text = "";
      answer.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      answer.on("end", () => proofs.set((JSON.parse(text) as QueueCredentials).accessKeyId, proof));
    });
    passed.on("error", (error) => outgoing.writeHead(502).end(error.message));
    incoming.pipe(passed);
  });
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    proofOf: (accessKeyId) => proofs.get(accessKeyId),
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
