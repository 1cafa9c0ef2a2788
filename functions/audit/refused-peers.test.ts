import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AuditEntry } from "../../core/api/audit.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import { refusedKindsMax } from "../../core/api/refused.ts";
import { createAliveTeller } from "../../gateway/agent/alive.ts";
import { manualTime } from "../../gateway/agent/testing.ts";
import { paths } from "../../gateway/transfer/protocol.ts";
import { credentialsOf } from "../../gateway/transfer/testing/credentials.ts";
import { groupOf, openTwoSites, owner, plan, runOf, type TwoSites } from "../../gateway/transfer/testing/two-sites.ts";
import type { PeerClient } from "../../gateway/tunnel/client.ts";
import { createTestApi, type TestApi } from "../api/testing.ts";
import type { Page } from "../documents/page.ts";
import { refusedPeersKey } from "../documents/records.ts";
import { handleReport } from "../report.ts";
import { handleSweep } from "../sweep.ts";

const mib = 1024 * 1024;
const geometry = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };
const { signal } = new AbortController();

const gatewayOf = (siteId: string) => ({
  ...{ id: `${siteId}-1`, siteId, endpoint: "127.0.0.1:7000", tunnel: "direct-tls", version: "1", storage: "x" },
});
const alive = (api: TestApi, siteId: string, refused: readonly object[]) =>
  handleReport(api.deps, { kind: "alive", gateway: gatewayOf(siteId), refused });

const withSites = async () => {
  const api = await createTestApi();
  for (const id of ["a", "b", "c"]) await api.send("POST", "/v1/sites", { id, multiCluster: "main" });
  return api;
};

/** What the audit trail has of refusals when their minute is over. */
const refusals = async (api: TestApi): Promise<readonly AuditEntry[]> => {
  api.pass(120);
  await handleSweep(api.deps);
  const { items } = (await api.send<Page<AuditEntry>>("GET", "/v1/audit?limit=100")).body;
  return items.filter(({ refused }) => refused !== undefined);
};

const textOf = ({ actor, refused, seenBy }: AuditEntry): string => {
  const who = actor.kind === "gateway" ? `${actor.siteId}/${actor.gatewayId}` : actor.kind;
  return `${who} ${refused?.code} ${refused?.times}, says ${seenBy?.siteId}/${seenBy?.gatewayId}`;
};

describe("the audit trail of what gateways refuse each other", () => {
  let sites: TwoSites;
  before(async () => {
    sites = await openTwoSites();
  });
  after(() => sites.close());

  const open = (peer: PeerClient, mirrorVolumeId: string, more: object) => {
    const ids = { planId: plan, source: owner.source, mirrorVolumeId, groupId: groupOf(1), sequence: 1 };
    const json = { ...ids, baseGroupId: null, sizeBytes: 2 * mib, geometry, ...more };
    return peer.request({ method: "POST", path: paths.sessions, json, signal });
  };

  test("tells what a hostile site was refused by a receiver: who, why, how often, and who saw it", async () => {
    const api = await withSites();
    const third = await sites.connect({ credentials: await credentialsOf(sites.authority, "c") });
    const object = await sites.createVolume("v1", 2 * mib, geometry);
    const [mirror] = await sites.target.prepareMirror({ owner, object, run: { ...runOf(1), index: 0 } });
    const mirrorVolumeId = mirror?.mirrorVolumeId ?? assert.fail();
    const code = (expected: string) => (error: unknown) => VisibleError.is(error) && error.code === expected;
    for (let times = 0; times < 3; times += 1) {
      const largest = { sequence: Number.MAX_SAFE_INTEGER };
      await assert.rejects(open(sites.peer, mirrorVolumeId, largest), code("NOT_GRANTED"));
    }
    await assert.rejects(open(sites.peer, mirrorVolumeId, { sizeBytes: 2 ** 53 - 1 }), code("BAD_REQUEST"));
    for (let times = 0; times < 2; times += 1) {
      await assert.rejects(open(third, mirrorVolumeId, {}), code("PEER_REFUSED"));
    }
    await third.close();
    const teller = createAliveTeller({
      reports: { send: (report) => handleReport(api.deps, JSON.parse(JSON.stringify(report))) },
      describe: () => gatewayOf("b") as never,
      told: () => 0,
      refused: sites.refused,
      time: manualTime(),
    });
    await teller.tell();
    assert.deepEqual(sites.refused.list(), []);
    const told = await refusals(api);
    assert.deepEqual(told.map(textOf).sort(), [
      "a/a-1 BAD_REQUEST 1, says b/b-1",
      "a/a-1 NOT_GRANTED 3, says b/b-1",
      "c/c-1 PEER_REFUSED 2, says b/b-1",
    ]);
    assert.deepEqual([...new Set(told.map(({ method, path }) => `${method} ${path}`))], ["PEER b/b-1"]);
  });

  test("adds up what a gateway says within a minute, and tells each minute once", async () => {
    const api = await withSites();
    const peer = { siteId: "a", gatewayId: "a-1" };
    await alive(api, "b", [{ peer, code: "NOT_GRANTED", times: 3 }]);
    api.pass(5);
    await alive(api, "b", [
      { peer, code: "NOT_GRANTED", times: 2 },
      { code: "OTHER", times: 7 },
    ]);
    await alive(api, "c", [{ peer, code: "NOT_GRANTED", times: 1 }]);
    const once = ["a/a-1 NOT_GRANTED 1, says c/c-1", "a/a-1 NOT_GRANTED 5, says b/b-1", "stranger OTHER 7, says b/b-1"];
    assert.deepEqual((await refusals(api)).map(textOf).sort(), once);
    assert.deepEqual((await refusals(api)).map(textOf).sort(), once);
  });

  test("is not flooded by a hostile gateway that invents others, however often it says that it is alive", async () => {
    const api = await withSites();
    for (let times = 0; times < 20; times += 1) {
      const invented = Array.from({ length: refusedKindsMax + 1 }, (_, kind) => ({
        peer: { siteId: `s${times}`, gatewayId: `g${kind}` },
        ...{ code: `CODE_${kind}`, times: 1_000_000_000 },
      }));
      await alive(api, "c", invented);
    }
    const told = await refusals(api);
    assert.equal(told.length, refusedKindsMax + 1);
    assert.ok(
      told.every(({ seenBy }) => seenBy?.siteId === "c"),
      "its lies have its name",
    );
    assert.ok(JSON.stringify(told).length < 20_000);
  });

  test("has nothing of a report with more kinds than there can be, nor of a gateway that was removed", async () => {
    const api = await withSites();
    const many = Array.from({ length: refusedKindsMax + 2 }, (_, kind) => ({ code: `CODE_${kind}`, times: 1 }));
    await alive(api, "c", []);
    await alive(api, "c", many);
    await api.send("DELETE", "/v1/sites/c/gateways/c-1");
    await alive(api, "c", [{ peer: { siteId: "b", gatewayId: "b-1" }, code: "NOT_GRANTED", times: 9 }]);
    assert.deepEqual(
      (await refusals(api)).map(({ refused, seenBy }) => [refused, seenBy]),
      [[{ code: "SENDER_REMOVED", times: 1 }, undefined]],
    );
  });

  test("costs no write when nothing was refused", async () => {
    const api = await withSites();
    await handleReport(api.deps, { kind: "alive", gateway: gatewayOf("b") });
    await alive(api, "c", []);
    const { partition } = refusedPeersKey("", siteIdSchema.parse("b"), "");
    assert.deepEqual((await api.deps.store.query({ partition, limit: 10 })).items, []);
  });
});
