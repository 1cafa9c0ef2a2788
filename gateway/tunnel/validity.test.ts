import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import type { Authority } from "../../pki/authority.ts";
import { issueRevocations, readAnyRevocations } from "../../pki/revocations.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";
import { until } from "../../test/patience.ts";
import { newAuthority, site } from "../transfer/testing/credentials.ts";
import { createMemoryLog } from "../transfer/testing/memory-log.ts";
import { answerJson } from "./answer.ts";
import type { TlsCredentials } from "./certificates.ts";
import { openTestedEnvoy } from "./envoy/testing/envoys.ts";
import { RefusedPeers } from "./refused.ts";
import type { PeerHandler } from "./requests.ts";
import { noUploads, signal } from "./testing.ts";
import { openDirectTunnel, type Tunnel } from "./tunnel.ts";

const get = { method: "GET", path: "/v1/who", signal } as const;
const dayMs = 24 * 3_600_000;

/**
 * What gateway `<site>-1` was given by a clock that was so many days ahead, or
 * behind: good for one day.
 */
const given = async (authority: Authority, siteId: string, days = 0): Promise<TlsCredentials & { serial: string }> => ({
  caPem: authority.certificatePem,
  ...(await issueGatewayCertificate(authority, {
    ...{ multiCluster: site("mc"), siteId: site(siteId), gatewayId: gatewayIdSchema.parse(`${siteId}-1`) },
    ...{ validDays: 1, nowMs: Date.now() + days * dayMs },
  })),
});

interface End {
  readonly tunnel: Tunnel;
  readonly endpoint: string;
  close(): Promise<void>;
}
type Open = (options: {
  readonly authority: Authority;
  readonly siteId: string;
  readonly credentials: TlsCredentials;
  readonly handler: PeerHandler;
}) => Promise<End>;

const openDirect: Open = async ({ siteId, credentials, handler }) => {
  const log = createMemoryLog();
  const tunnel = await openDirectTunnel({
    ...{ credentials, handler, uploads: noUploads, log, refused: new RefusedPeers(log), multiCluster: site("mc") },
    ...{
      siteId: site(siteId),
      gatewayId: gatewayIdSchema.parse(`${siteId}-1`),
      listen: { host: "127.0.0.1", port: 0 },
    },
  });
  return { tunnel, endpoint: `127.0.0.1:${tunnel.port}`, close: () => tunnel.stop(0) };
};

/**
 * What asking b comes to, in words; through Envoy, which tells its log first, it may take another
 * try to know why.
 */
const asked = async (a: End, b: End): Promise<string> => {
  for (let tries = 1; ; tries += 1) {
    const peer = await a.tunnel.connect({ siteId: site("b"), endpoints: [b.endpoint], log: createMemoryLog(), signal });
    try {
      await peer.request(get);
      return "answered";
    } catch (error) {
      assert(VisibleError.is(error), String(error));
      if (error.code === "LINK_BROKEN" && tries < 20) continue;
      return `${error.code} ${error.retryable} ${error.message}`;
    } finally {
      await peer.close();
    }
  }
};

const forms: readonly (readonly [string, Open])[] = [
  ["the direct tunnel", openDirect],
  ["the tunnel through Envoy", openTestedEnvoy],
];

for (const [name, open] of forms) {
  describe(`${name}, where a certificate is not good now`, () => {
    const ends = async (bDays: number, use: (a: End, b: End, authority: Authority) => Promise<void>) => {
      const authority = await newAuthority();
      const handler: PeerHandler = async (_request, response) => answerJson(response, 200, "here");
      const a = await open({ authority, siteId: "a", credentials: await given(authority, "a"), handler });
      const b = await open({ authority, siteId: "b", credentials: await given(authority, "b", bDays), handler });
      try {
        await use(a, b, authority);
      } finally {
        await Promise.all([a.close(), b.close()]);
      }
    };

    test("tells that the peer's has expired, or is not valid yet, what to do, and that it may pass", async () => {
      await ends(-30, async (a, b, authority) => {
        const expired = await asked(a, b);
        assert.match(expired, /^PEER_REFUSED true .*its certificate has expired, and by this host's clock it is 20/);
        assert.match(expired, /See the clocks.*renews its certificate by itself.*gateway list/);
        // Envoy takes its time for each refusal.
        if (open === openDirect) {
          await b.tunnel.renew(await given(authority, "b", 180));
          assert.match(await asked(a, b), /^PEER_REFUSED true .*its certificate is not valid yet/);
        }
        await b.tunnel.renew(await given(authority, "b"));
        await becomes(() => asked(a, b), /^answered$/);
      });
    });

    test("tells that its own has expired, or is not valid yet, without asking anybody", async () => {
      await ends(0, async (a, b, authority) => {
        await a.tunnel.renew(await given(authority, "a", -30));
        await assert.rejects(asked(a, b), /This gateway's certificate expired on .*See the clock.*gateway enrol/);
        await a.tunnel.renew(await given(authority, "a", 180));
        await assert.rejects(asked(a, b), (error: unknown) => {
          assert(VisibleError.is(error, "PEER_REFUSED") && error.retryable);
          assert.match(error.message, /is not valid before/);
          return true;
        });
      });
    });

    test("goes on without a list of revocations of the future, and refuses by it whom it names all the same", async () => {
      await ends(0, async (a, b, authority) => {
        const atMs = Date.now() + 180 * dayMs;
        const good = await given(authority, "a");
        const revoked = [{ serial: good.serial, revokedAtMs: Date.now() }];
        const pem = await issueRevocations(authority, { revoked, atMs });
        const revocations = await readAnyRevocations(pem, authority.certificatePem);
        await b.tunnel.renew({ ...(await given(authority, "b")), revocations });
        await becomes(() => asked(a, b), /^answered$/);
        await a.tunnel.renew(good);
        await becomes(() => asked(a, b), /^PEER_REFUSED false .*was revoked/);
      });
    });
  });
}

/** Envoy takes up new files a moment later. */
const becomes = (look: () => Promise<string>, wanted: RegExp): Promise<void> =>
  until(`${wanted}`, async () => wanted.test(await look()));
