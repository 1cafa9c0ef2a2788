import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorBody, GatewayAnswer } from "../../core/api/answers.ts";
import type { GatewaySettings, Site } from "../../core/api/site.ts";
import { type SettingsTask, settingsTaskSchema } from "../../core/api/task.ts";
import { createTestApi, siteA, type TestApi } from "../api/testing.ts";
import { handleReport } from "../report.ts";

const mib = 1024 * 1024;
const toB = { target: "b", bytesPerSecond: 8 * mib };

const setUp = async () => {
  const api = await createTestApi();
  for (const [id, multiCluster] of [
    ["a", "main"],
    ["b", "main"],
    ["c", "main"],
    ["elsewhere", "other"],
  ]) {
    await api.send("POST", "/v1/sites", { id, multiCluster });
  }
  return api;
};

/** What a gateway of site a says. */
const alive = ({ deps }: TestApi, id: string, settings?: GatewaySettings) =>
  handleReport(deps, {
    kind: "alive",
    gateway: {
      id,
      siteId: "a",
      endpoint: "127.0.0.1:7000",
      tunnel: "direct-tls",
      version: "1",
      storage: "x",
      settings,
    },
  });

/** The settings that were sent since the last time, by gateway. */
const sent = ({ deps }: TestApi): readonly SettingsTask[] =>
  deps.tasks.takeAll(siteA).map(({ task }) => settingsTaskSchema.parse(task));
const sentTo = (api: TestApi) => sent(api).map(({ gatewayId, version, gateways }) => [gatewayId, version, gateways]);

const put = (api: TestApi, json: object, bearer?: string) =>
  api.send<Site & ErrorBody>("PUT", "/v1/sites/a/limits", json, bearer);

describe("PUT /v1/sites/{site}/limits", () => {
  test("replaces all limits under a new version, and GET shows them", async () => {
    const api = await setUp();
    const first = await put(api, { limits: [toB, { target: "c", bytesPerSecond: mib }] });
    assert.equal(first.status, 200);
    assert.equal(first.body.limitsVersion, 1);
    const { body } = await put(api, { limits: [toB] });
    assert.deepEqual([body.limits, body.limitsVersion], [[toB], 2]);
    assert.deepEqual((await api.send("GET", "/v1/sites/a")).body, body);
    assert.deepEqual((await put(api, { limits: [] })).body.limits, []);
  });

  test("refuses what makes no sense, and changes nothing then", async () => {
    const api = await setUp();
    const before = await api.dump();
    for (const [status, code, limits] of [
      [404, "SITE_UNKNOWN", [{ ...toB, target: "nowhere" }]],
      [422, "SITE_IN_OTHER_MULTI_CLUSTER", [{ ...toB, target: "elsewhere" }]],
      [400, "BAD_REQUEST", [{ ...toB, target: "a" }]],
      [400, "BAD_REQUEST", [toB, toB]],
      [400, "BAD_REQUEST", [{ ...toB, bytesPerSecond: 16 * 1024 - 1 }]],
      [400, "BAD_REQUEST", [{ ...toB, bytesPerSecond: 1e6 + 0.5 }]],
      [400, "BAD_REQUEST", undefined],
    ] as const) {
      const { body, ...answer } = await put(api, { limits });
      assert.deepEqual([answer.status, body.error.code], [status, code]);
      assert.ok(body.error.hint);
    }
    const unknown = await api.send("PUT", "/v1/sites/nowhere/limits", { limits: [] });
    assert.deepEqual([unknown.status, unknown.body.error.code], [404, "SITE_UNKNOWN"]);
    assert.equal(await api.dump(), before);
    assert.equal((await put(api, { limits: [] }, await api.token(["read", "operate"]))).status, 403);
  });

  test("with the version that it replaces undoes nothing that it has not seen", async () => {
    const api = await setUp();
    assert.equal((await put(api, { limits: [toB], limitsVersion: 0 })).status, 200);
    const { status, body } = await put(api, { limits: [], limitsVersion: 0 });
    assert.deepEqual([status, body.error.code], [409, "CONFLICT"]);
    assert.equal((await put(api, { limits: [], limitsVersion: 1 })).status, 200);
  });

  test("tells each of the site's gateways that are alive, and how many they are", async () => {
    const api = await setUp();
    await alive(api, "dead");
    api.pass(120);
    for (const id of ["gw-1", "gw-2"]) await alive(api, id, { version: 0, gateways: 1 });
    await put(api, { limits: [toB] });
    const [first, second] = sent(api);
    assert.deepEqual(first?.limits, [toB]);
    assert.deepEqual(
      [first, second].map((task) => [task?.gatewayId, task?.version, task?.gateways]),
      [
        ["gw-1", 1, 2],
        ["gw-2", 1, 2],
      ],
    );
  });

  test("is done also when its gateways can't be told: their next reports make up for it", async () => {
    const api = await setUp();
    const { send } = api.deps.tasks;
    await alive(api, "gw-1", { version: 0, gateways: 1 });
    api.deps.tasks.send = () => Promise.reject(new Error("no network"));
    assert.equal((await put(api, { limits: [toB] })).status, 200);
    await alive(api, "gw-1", { version: 0, gateways: 1 });
    api.deps.tasks.send = send;
    await alive(api, "gw-1", { version: 0, gateways: 1 });
    assert.deepEqual(sentTo(api), [["gw-1", 1, 1]]);
  });
});

describe("a gateway's report that it is alive", () => {
  test("is answered with settings once for each report while they are not the site's", async () => {
    const api = await setUp();
    await put(api, { limits: [toB] });
    await put(api, { limits: [toB] });
    for (const version of [0, 1]) {
      await alive(api, "gw-1", { version, gateways: 1 });
      assert.deepEqual(sentTo(api), [["gw-1", 2, 1]]);
    }
    await alive(api, "gw-1", { version: 2, gateways: 1 });
    await alive(api, "gw-1", { version: 3, gateways: 1 });
    await alive(api, "old");
    assert.deepEqual(sentTo(api), []);
  });

  test("is answered with new shares, to all that are concerned, when a gateway has come or gone", async () => {
    const api = await setUp();
    await put(api, { limits: [toB] });
    await alive(api, "gw-1", { version: 1, gateways: 1 });
    assert.deepEqual(sentTo(api), []);
    await alive(api, "gw-2", { version: 0, gateways: 1 });
    assert.deepEqual(sentTo(api), [
      ["gw-2", 1, 2],
      ["gw-1", 1, 2],
    ]);
    await alive(api, "gw-1", { version: 1, gateways: 2 });
    await alive(api, "gw-2", { version: 1, gateways: 2 });
    assert.deepEqual(sentTo(api), []);
    api.pass(120);
    await alive(api, "gw-1", { version: 1, gateways: 2 });
    assert.deepEqual(sentTo(api), [["gw-1", 1, 1]]);
  });

  test("is not answered where nothing was ever limited, nor twice where limits were lifted", async () => {
    const api = await setUp();
    for (const id of ["gw-1", "gw-2"]) await alive(api, id, { version: 0, gateways: 1 });
    assert.deepEqual(sentTo(api), []);
    await put(api, { limits: [toB] });
    await put(api, { limits: [] });
    sent(api);
    await alive(api, "gw-1", { version: 1, gateways: 2 });
    assert.deepEqual(sentTo(api), [["gw-1", 2, 2]]);
    await alive(api, "gw-1", { version: 2, gateways: 1 });
    assert.deepEqual(sentTo(api), []);
  });

  test("shows in the list of gateways which settings they go by", async () => {
    const api = await setUp();
    await alive(api, "gw-1", { version: 4, gateways: 2 });
    const { body } = await api.send<{ items: GatewayAnswer[] }>("GET", "/v1/sites/a/gateways");
    assert.deepEqual(body.items[0]?.settings, { version: 4, gateways: 2 });
  });
});
