import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GatewayAnswer } from "../../core/api/answers.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import type { DocumentStore } from "../../core/ports/store.ts";
import { createTestApi, siteA, type TestApi } from "../api/testing.ts";
import { handleReport } from "../report.ts";
import { heardFrom } from "./alive.ts";

const gatewayId = gatewayIdSchema.parse("gw-1");
const gw1 = { siteId: siteA, gatewayId };

const setUp = async () => {
  const api = await createTestApi();
  await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
  return api;
};

/**
 * A process of a function: it has a store of its own over the same table, and
 * counts what it asks of it.
 */
const processOf = (api: TestApi, failing = false) => {
  const counts = { reads: 0, writes: 0 };
  const { store } = api.deps;
  const fail = () => Promise.reject(new Error("the table does not answer"));
  const counting: DocumentStore = {
    ...store,
    get: (key) => {
      counts.reads += 1;
      return failing ? fail() : store.get(key);
    },
    query: (options) => {
      counts.reads += 1;
      return store.query(options);
    },
    commit: (changes) => {
      counts.writes += changes.length;
      return store.commit(changes);
    },
    putAll: (documents) => {
      counts.writes += documents.length;
      return store.putAll(documents);
    },
  };
  return { deps: { ...api.deps, store: counting }, counts };
};
type Process = Pick<ReturnType<typeof processOf>, "deps">;

const alive = ({ deps }: Process, more: object = {}) =>
  handleReport(deps, {
    kind: "alive",
    gateway: {
      ...{ id: gatewayId, siteId: "a", endpoint: "127.0.0.1:7000", tunnel: "direct-tls", version: "1", storage: "x" },
      ...more,
    },
  });

const listed = async (api: TestApi) =>
  (await api.send<{ items: GatewayAnswer[] }>("GET", "/v1/sites/a/gateways")).body.items[0];

describe("what a gateway says of a task", () => {
  test("costs nothing while it is known to be alive, and a read and a write every 40 s", async () => {
    const api = await setUp();
    const one = processOf(api);
    await alive(one);
    const before = { ...one.counts };
    for (let second = 0; second < 39; second++) {
      api.pass(1);
      await heardFrom(one.deps, gw1);
    }
    assert.deepEqual(one.counts, before);
    api.pass(1);
    await heardFrom(one.deps, gw1);
    assert.equal(one.counts.writes, before.writes + 1);
    assert.equal((await listed(api))?.lastSeenAt, api.deps.clock.now());
  });

  test("is not written down again by one process when another has just done it", async () => {
    const api = await setUp();
    const [one, other] = [processOf(api), processOf(api)];
    await alive(one);
    api.pass(10);
    await heardFrom(other.deps, gw1);
    assert.deepEqual(other.counts, { reads: 1, writes: 0 });
    api.pass(29.9);
    await heardFrom(other.deps, gw1);
    assert.deepEqual(other.counts, { reads: 1, writes: 0 }, "it knows of it from before");
    api.pass(0.1);
    await heardFrom(other.deps, gw1);
    assert.equal(other.counts.writes, 1);
  });

  test("keeps it alive for an hour, whichever process takes it in, and nothing else is said", async () => {
    const api = await setUp();
    const processes = Array.from({ length: 3 }, () => processOf(api));
    await alive({ deps: api.deps });
    for (let turn = 0; turn < 240; turn++) {
      api.pass(15);
      const { deps } = processes[(turn * turn) % 3] ?? assert.fail();
      await heardFrom(deps, gw1);
      assert.equal((await listed(api))?.alive, true);
    }
    const writes = processes.reduce((sum, { counts }) => sum + counts.writes, 0);
    assert.ok(writes >= 3600 / 120 && writes <= 3600 / 40, `${writes} writes`);
    api.pass(120);
    assert.equal((await listed(api))?.alive, false);
  });

  test("does not undo what it says of itself at the same time", async () => {
    const api = await setUp();
    await alive({ deps: api.deps });
    api.pass(30);
    const one = processOf(api);
    const { get } = one.deps.store;
    one.deps.store.get = async (key) => {
      const stored = await get(key);
      if (key.sort.startsWith("GATEWAY#")) await alive({ deps: api.deps }, { endpoint: "127.0.0.1:9000" });
      return stored as never;
    };
    await heardFrom(one.deps, gw1);
    assert.equal((await listed(api))?.endpoint, "127.0.0.1:9000");
  });

  test("lists nobody who has not said what it is, or was removed", async () => {
    const api = await setUp();
    await heardFrom(api.deps, gw1);
    assert.equal(await listed(api), undefined);
    await alive({ deps: api.deps });
    await api.send("DELETE", `/v1/sites/a/gateways/${gatewayId}`);
    api.pass(30);
    await heardFrom(api.deps, gw1);
    assert.equal(await listed(api), undefined);
  });

  test("is answered with the settings that it lacks", async () => {
    const api = await setUp();
    await alive({ deps: api.deps }, { settings: { version: 0, gateways: 1 } });
    await api.send("POST", "/v1/sites", { id: "b", multiCluster: "main" });
    await api.send("PUT", "/v1/sites/a/limits", { limits: [{ target: "b", bytesPerSecond: 1e6 }] });
    api.deps.tasks.takeAll(siteA);
    api.pass(40);
    await heardFrom(api.deps, gw1);
    assert.equal(api.deps.tasks.takeAll(siteA)[0]?.task.kind, "settings");
  });

  test("counts also when it can't be written down that it is alive", async () => {
    const api = await setUp();
    await heardFrom(processOf(api, true).deps, gw1);
  });
});

describe("a report that a gateway is alive", () => {
  test("is not written again within 40 s when it says the same, and at once when it does not", async () => {
    const api = await setUp();
    const one = processOf(api);
    const written = async (more?: object) => {
      const { writes } = one.counts;
      await alive(one, more);
      return one.counts.writes > writes;
    };
    assert.equal(await written(), true);
    api.pass(5);
    assert.equal(await written(), false);
    assert.equal(await written({ clockAheadSeconds: 7200 }), true);
    api.pass(5);
    assert.equal(await written({ clockAheadSeconds: 7200 }), false);
    api.pass(35);
    assert.equal(await written({ clockAheadSeconds: 7200 }), true);
  });

  test("is what is known of it in the end, whichever processes have taken in what it said before", async () => {
    const api = await setUp();
    const [one, other] = [processOf(api), processOf(api)];
    await alive(one, { endpoint: "127.0.0.1:1" });
    await alive(other, { endpoint: "127.0.0.1:2" });
    await alive(one, { endpoint: "127.0.0.1:1" });
    assert.equal((await listed(api))?.endpoint, "127.0.0.1:1");
  });
});
