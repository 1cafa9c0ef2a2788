import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { enrolmentCreatedSchema } from "../../core/api/enrolment.ts";
import { type GatewayId, gatewayIdSchema, type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import type { SettingsTask } from "../../core/api/task.ts";
import { createRequest } from "../../pki/request.ts";
import { createTestApi, type TestApi } from "../api/testing.ts";
import { handleReport } from "../report.ts";

const multiCluster = siteIdSchema.parse("main");
const siteIds = ["a", "b", "c", "far"].map((id) => siteIdSchema.parse(id));
const [siteA, siteB, siteC, far] = siteIds as [SiteId, SiteId, SiteId, SiteId];

const alive = (api: TestApi, siteId: SiteId, id: string, revocationsAt?: string) =>
  handleReport(api.deps, {
    kind: "alive",
    gateway: {
      ...{ id, siteId, endpoint: "127.0.0.1:1", tunnel: "envoy", version: "1", storage: "x" },
      settings: { version: 0, gateways: 1, ...(revocationsAt !== undefined && { revocationsAt }) },
    },
  });

const enrol = async (api: TestApi, siteId: SiteId, gatewayId: GatewayId) => {
  const path = `/v1/sites/${siteId}/enrolments`;
  const { body } = await api.send<(typeof enrolmentCreatedSchema)["_output"]>("POST", path, { gatewayId });
  const { requestPem } = await createRequest({ multiCluster, siteId, gatewayId });
  assert.equal((await api.send("POST", "/v1/enrol", { request: requestPem }, body.token)).status, 201);
};

/** Sites a, b and c of a multi-cluster and one of another, with two gateways each. */
const setUp = async (sites = siteIds) => {
  const api = await createTestApi();
  for (const id of sites) await api.send("POST", "/v1/sites", { id, multiCluster: id === far ? "other" : "main" });
  await enrol(api, siteA, gatewayIdSchema.parse("a1"));
  for (const site of sites) for (const number of [1, 2]) await alive(api, site, `${site}${number}`);
  for (const site of sites) api.deps.tasks.takeAll(site);
  return api;
};

const remove = async (api: TestApi) => {
  const { status } = await api.send("DELETE", "/v1/sites/a/gateways/a1");
  assert.equal(status, 200);
};

/** The lists of revocations that gateways of a site were told since the last time. */
const toldAt = (api: TestApi, site: SiteId) =>
  api.deps.tasks
    .takeAll(site)
    .map(({ task }) => task as SettingsTask)
    .filter(({ revocations }) => revocations !== undefined)
    .map(({ gatewayId }) => gatewayId as string)
    .toSorted();

describe("a gateway that is removed", () => {
  test("is told at once, with all that are alive in its multi-cluster and nobody else", async () => {
    const api = await setUp();
    await remove(api);
    assert.deepEqual(
      siteIds.map((site) => toldAt(api, site)),
      [["a1", "a2"], ["b1", "b2"], ["c1", "c2"], []],
    );
  });

  test("is not told to those that are gone", async () => {
    const api = await setUp();
    api.pass(120);
    await alive(api, siteC, "c2");
    await remove(api);
    assert.deepEqual([toldAt(api, siteB), toldAt(api, siteC)], [[], ["c2"]]);
  });

  test("is told to the other sites though one of them can't be told, and the removal counts", async () => {
    const api = await setUp();
    const { send } = api.deps.tasks;
    api.deps.tasks.send = (site, tasks) =>
      site === siteA || site === siteB ? Promise.reject(new Error("no network")) : send(site, tasks);
    await remove(api);
    assert.deepEqual([toldAt(api, siteB), toldAt(api, siteC)], [[], ["c1", "c2"]]);
  });

  test("keeps nobody waiting for longer than some seconds, however many sites there are", async () => {
    const many = Array.from({ length: 120 }, (_, index) => siteIdSchema.parse(`s${index}`));
    const api = await setUp([siteA, ...many]);
    const { send } = api.deps.tasks;
    let sends = 0;
    api.deps.tasks.send = (site, tasks) => {
      sends += 1;
      api.pass(0.5);
      return send(site, tasks);
    };
    await remove(api);
    assert.ok(sends > 10 && sends < 40, `${sends} sites were told`);
  });

  test("is known within a minute to whom all was lost that was told at once, by what it says next", () =>
    fc.assert(
      fc.asyncProperty(
        // What a gateway that has nothing to do says lies at most 35 s apart
        // (gateway/agent/timings.ts).
        fc.double({ min: 0, max: 35, noNaN: true }),
        fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { maxLength: 5 }),
        async (after, others) => {
          const api = await setUp();
          // Reports of others, which the same process takes in, lie in between.
          for (const pause of others) {
            api.pass(pause);
            await alive(api, siteC, "c1");
          }
          const removedMs = Date.parse(api.deps.clock.now());
          await remove(api);
          for (const site of siteIds) api.deps.tasks.takeAll(site);
          api.pass(after);
          await alive(api, siteB, "b1");
          while (!toldAt(api, siteB).includes("b1")) {
            api.pass(35);
            await alive(api, siteB, "b1");
            assert.ok(Date.parse(api.deps.clock.now()) - removedMs < 60_000, "a minute has passed");
          }
        },
      ),
      { numRuns: 20 },
    ));
});
