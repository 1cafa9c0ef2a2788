import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import type { Authority } from "../../pki/authority.ts";
import { issueRevocations, readRevocations } from "../../pki/revocations.ts";
import { until } from "../../test/patience.ts";
import { credentialsOf, newAuthority, site } from "../transfer/testing/credentials.ts";
import { createMemoryLog } from "../transfer/testing/memory-log.ts";
import { answerJson } from "./answer.ts";
import type { TlsCredentials } from "./certificates.ts";
import { logged, openTestedEnvoy } from "./envoy/testing/envoys.ts";
import { RefusedPeers } from "./refused.ts";
import type { PeerHandler } from "./requests.ts";
import { openDirectTunnel, type Tunnel } from "./tunnel.ts";
import type { UploadHandler } from "./upload/server.ts";

const signal = new AbortController().signal;
const get = { method: "GET", path: "/v1/who", signal } as const;
const upload = (path: string) => ({
  ...{ path, signal },
  body: (async function* () {
    yield Buffer.alloc(1000);
  })(),
});

interface End {
  readonly tunnel: Tunnel;
  readonly endpoint: string;
  readonly log: ReturnType<typeof createMemoryLog>;
  close(): Promise<void>;
}
interface EndOptions {
  readonly authority: Authority;
  readonly siteId: string;
  readonly credentials: TlsCredentials;
  readonly handler: PeerHandler;
  readonly uploads: UploadHandler;
}

const openDirect = async ({ siteId, ...options }: EndOptions): Promise<End> => {
  const log = createMemoryLog();
  const tunnel = await openDirectTunnel({
    ...options,
    ...{
      log,
      refused: new RefusedPeers(log),
      multiCluster: site("mc"),
      siteId: site(siteId),
      gatewayId: gatewayIdSchema.parse(`${siteId}-1`),
    },
    listen: { host: "127.0.0.1", port: 0 },
  });
  return { tunnel, log, endpoint: `127.0.0.1:${tunnel.port}`, close: () => tunnel.stop(0) };
};

const listOf = async (authority: Authority, serials: readonly string[]) => {
  const revokedAtMs = Date.parse("2026-01-01T00:00:00Z");
  const revoked = serials.map((serial) => ({ serial, revokedAtMs }));
  return readRevocations(await issueRevocations(authority, { revoked, atMs: revokedAtMs }), authority.certificatePem);
};

const forms = [
  ["the direct tunnel", openDirect],
  ["the tunnel through Envoy", openTestedEnvoy],
] as const;

for (const [name, open] of forms) {
  describe(name, () => {
    /** Site a sends to b; `held` are requests that b has not answered. */
    const twoEnds = async () => {
      const authority = await newAuthority();
      const [a, b] = [await credentialsOf(authority, "a"), await credentialsOf(authority, "b")];
      const seen: string[] = [];
      let came = Promise.withResolvers<void>();
      let release = Promise.withResolvers<void>();
      const handler: PeerHandler = async (request, response) => {
        seen.push(request.url ?? "");
        if (request.url === "/v1/held") {
          came.resolve();
          await release.promise;
        }
        answerJson(response, 200, "done");
      };
      const uploads: UploadHandler = async ({ path, body }) => {
        seen.push(path);
        if (path === "/v1/held") {
          came.resolve();
          await release.promise;
        }
        let bytes = 0;
        for await (const chunk of body) bytes += chunk.length;
        return bytes;
      };
      const source = await open({ authority, siteId: "a", credentials: a, handler, uploads });
      const target = await open({ authority, siteId: "b", credentials: b, handler, uploads });
      const connect = () =>
        source.tunnel.connect({ siteId: site("b"), endpoints: [target.endpoint], log: source.log, signal });
      return {
        ...{ authority, a, b, source, target, seen, connect },
        came: () => came.promise,
        release: () => {
          release.resolve();
          came = Promise.withResolvers();
          release = Promise.withResolvers();
        },
        close: async () => {
          release.resolve();
          await Promise.all([source.close(), target.close()]);
        },
      };
    };

    /**
     * Waits until the source dials the revoked target no more: Envoy knows a
     * moment after its gateway.
     */
    const takenUp = ({ connect }: Pick<Awaited<ReturnType<typeof twoEnds>>, "connect">) =>
      until("the list to be taken up", async () => {
        const fresh = await connect();
        const answer = await fresh.request(get).catch((error: unknown) => error);
        await fresh.close();
        return VisibleError.is(answer);
      });

    test("cuts what a revoked peer has under way, and lets it in no more, with the reason in the log", async () => {
      const ends = await twoEnds();
      try {
        const peer = await ends.connect();
        assert.equal(await peer.request(get), "done");
        const held = peer.request({ ...get, path: "/v1/held" });
        const cut = assert.rejects(held, (error) => VisibleError.is(error, "LINK_BROKEN"));
        await ends.came();
        const revocations = await listOf(ends.authority, [ends.a.serial]);
        await ends.target.tunnel.renew({ ...ends.b, revocations });
        await cut;
        await logged(ends.target, ({ message, text }) => message.includes("revoked") && text.includes("/v1/held"));
        const before = ends.seen.length;
        await assert.rejects(peer.request(get));
        await peer.close();
        // On connections that the list is older than. Envoy takes it up a
        // moment after the receiver.
        await until("a refusal in the handshake", async () => {
          const fresh = await ends.connect();
          await assert.rejects(fresh.request(get));
          await fresh.close();
          return ends.target.log.lines.some(({ message, fields }) => {
            return message.includes("handshake") && /revoked/i.test(JSON.stringify(fields));
          });
        });
        assert.equal(ends.seen.length, before, "no request has come to the receiver");
      } finally {
        await ends.close();
      }
    });

    test("cuts uploads of a revoked peer, under way or between two, and lets in no more", async () => {
      const ends = await twoEnds();
      try {
        const [busy, idle] = [await ends.connect(), await ends.connect()];
        assert.equal(await idle.upload(upload("/v1/what")), 1000);
        const held = busy.upload(upload("/v1/held"));
        const cut = assert.rejects(held, (error) => VisibleError.is(error, "LINK_BROKEN"));
        await ends.came();
        const revocations = await listOf(ends.authority, [ends.a.serial]);
        await ends.target.tunnel.renew({ ...ends.b, revocations });
        await cut;
        await logged(ends.target, ({ message, text }) => message.includes("revoked") && text.includes("/v1/uploads"));
        const before = ends.seen.length;
        for (const peer of [busy, idle]) {
          await assert.rejects(peer.upload(upload("/v1/what")));
          await peer.close();
        }
        assert.equal(ends.seen.length, before, "no upload has come to the receiver");
      } finally {
        await ends.close();
      }
    });

    test("uploads nothing more to a revoked peer, and what is under way may end", async () => {
      const ends = await twoEnds();
      try {
        const peer = await ends.connect();
        assert.equal(await peer.upload(upload("/v1/what")), 1000);
        const held = peer.upload(upload("/v1/held"));
        await ends.came();
        const revocations = await listOf(ends.authority, [ends.b.serial]);
        await ends.source.tunnel.renew({ ...ends.a, revocations });
        ends.release();
        assert.equal(await held, 1000);
        await takenUp(ends);
        const before = ends.seen.length;
        await assert.rejects(peer.upload(upload("/v1/what")));
        assert.equal(ends.seen.length, before);
        await peer.close();
      } finally {
        await ends.close();
      }
    });

    test("sends nothing more to a revoked peer, on connections that it has or makes, and what is under way may end", async () => {
      const ends = await twoEnds();
      try {
        const peer = await ends.connect();
        const held = peer.request({ ...get, path: "/v1/held" });
        await ends.came();
        const revocations = await listOf(ends.authority, [ends.b.serial]);
        await ends.source.tunnel.renew({ ...ends.a, revocations });
        ends.release();
        assert.equal(await held, "done");
        await takenUp(ends);
        const before = ends.seen.length;
        await assert.rejects(peer.request(get));
        assert.equal(ends.seen.length, before);
        await peer.close();
      } finally {
        await ends.close();
      }
    });

    test("goes on with everybody else, and a list of nobody refuses nobody", async () => {
      const ends = await twoEnds();
      try {
        const peer = await ends.connect();
        for (const serials of [[], ["0123456789abcdef"]]) {
          const held = peer.request({ ...get, path: "/v1/held" });
          await ends.came();
          const revocations = await listOf(ends.authority, serials);
          await ends.target.tunnel.renew({ ...ends.b, revocations });
          await ends.source.tunnel.renew({ ...ends.a, revocations });
          ends.release();
          assert.equal(await held, "done");
          assert.equal(await peer.request(get), "done");
        }
        await peer.close();
      } finally {
        await ends.close();
      }
    });
  });
}
