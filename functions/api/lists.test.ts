import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GroupList, GroupListEntry, PlanAnswer, RunListEntry } from "../../core/api/answers.ts";
import { instantSchema } from "../../core/api/ids.ts";
import type { Page } from "../documents/page.ts";
import { createNightlyPlan, createTestApi, nightly, siteA, siteB, type TestApi } from "./testing.ts";
import { workAt } from "./testing-gateway.ts";

const day = 24 * 60 * 60;

const runAll = async (api: TestApi, ...names: readonly string[]) => {
  for (const name of names) {
    assert.equal((await api.send("POST", `/v1/plans/${name}/run`)).status, 201);
    await workAt(api, [siteA, siteB]);
  }
};

/** Runs of two plans on two days, one of which was deleted then, and one on the third. */
const world = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api, { schedule: undefined });
  await api.send("POST", "/v1/plans", { ...nightly, name: "other", schedule: undefined });
  await runAll(api, "nightly", "other");
  api.pass(day);
  await runAll(api, "nightly", "other");
  await api.send("DELETE", "/v1/plans/other");
  api.pass(day);
  await runAll(api, "nightly");
  return api;
};

const listOf = async <T>(api: TestApi, path: string): Promise<readonly T[]> => {
  const { status, body } = await api.send<Page<T>>("GET", path);
  assert.equal(status, 200, JSON.stringify(body));
  return body.items;
};

const runsIn = async (api: TestApi, query = "") =>
  (await listOf<RunListEntry>(api, `/v1/runs${query}`)).map((entry) => {
    assert.ok(entry.type === "run");
    return `${entry.planName} ${entry.run.slot.slice(0, 10)} ${entry.run.status}`;
  });

const groupsIn = async (api: TestApi, query = "") =>
  (await listOf<GroupListEntry>(api, `/v1/groups${query}`)).map(
    ({ planName, siteId, sequence }) => `${planName} ${siteId} ${sequence}`,
  );

describe("runs of all plans", () => {
  test("have their plans' names, the newest of each first, and deleted plans' come last", async () => {
    assert.deepEqual(await runsIn(await world()), [
      "nightly 2026-03-03 succeeded",
      "nightly 2026-03-02 succeeded",
      "nightly 2026-03-01 succeeded",
      "other 2026-03-02 succeeded",
      "other 2026-03-01 succeeded",
    ]);
  });

  test("are those of one plan, of one site, or from an instant on where that is asked for", async () => {
    const api = await world();
    assert.equal((await runsIn(api, "?plan=other")).length, 2);
    assert.deepEqual(await runsIn(api, "?since=24h"), [
      "nightly 2026-03-03 succeeded",
      "nightly 2026-03-02 succeeded",
      "other 2026-03-02 succeeded",
    ]);
    assert.deepEqual(await runsIn(api, "?since=2026-03-03"), ["nightly 2026-03-03 succeeded"]);
    await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
    assert.equal((await runsIn(api, "?site=b")).length, 5);
    assert.deepEqual(await runsIn(api, "?site=c"), []);
  });

  test("since a while ago are all of them, also where a plan has had many", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api, { schedule: undefined });
    for (let runs = 0; runs < 25; runs += 1) {
      await runAll(api, "nightly");
      api.pass(3600);
    }
    assert.equal((await runsIn(api, "?since=24h")).length, 24);
  });

  test("have skipped slots among them", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    await api.send("POST", "/v1/plans/nightly/suspend");
    api.pass(3 * day);
    await api.send("POST", "/v1/plans/nightly/resume");
    const [skip, ...others] = await listOf<RunListEntry>(api, "/v1/runs?since=24h");
    assert.deepEqual([skip?.type, skip?.planName, others.length], ["skip", "nightly", 0]);
    assert.deepEqual(await listOf(api, "/v1/runs?since=24h&site=b"), []);
  });
});

describe("groups of all plans", () => {
  test("have their plans' names, also those that deleted plans have left", async () => {
    const api = await world();
    assert.deepEqual(await groupsIn(api, "?site=b"), ["nightly b 3", "nightly b 2", "other b 2", "other b 1"]);
    assert.deepEqual(await groupsIn(api, "?site=b&since=24h"), ["nightly b 3", "nightly b 2", "other b 2"]);
    assert.deepEqual(await groupsIn(api, "?since=2026-03-03"), ["nightly a 3", "nightly b 3"].toReversed());
    assert.deepEqual(await groupsIn(api, "?plan=other&site=b"), ["other b 2", "other b 1"]);
  });

  test("are read to their end in pages of any size", async () => {
    const api = await world();
    const all = await groupsIn(api);
    const paged: string[] = [];
    let cursor = "";
    do {
      const page = (await api.send<Page<GroupListEntry>>("GET", `/v1/groups?limit=1${cursor}`)).body;
      paged.push(...page.items.map(({ planName, siteId, sequence }) => `${planName} ${siteId} ${sequence}`));
      cursor = page.cursor === undefined ? "" : `&cursor=${encodeURIComponent(page.cursor)}`;
    } while (cursor !== "");
    assert.deepEqual(paged, all);
  });
});

test("an unknown plan or site is an error in every list, and so is a time that is none", async () => {
  const api = await world();
  for (const list of ["/v1/runs", "/v1/groups"]) {
    for (const [query, status, code] of [
      ["plan=nightl", 404, "PLAN_UNKNOWN"],
      ["site=bb", 404, "SITE_UNKNOWN"],
      ["plan=nightly&site=bb", 404, "SITE_UNKNOWN"],
      ["since=1y", 400, "BAD_REQUEST"],
    ] as const) {
      const answer = await api.send("GET", `${list}?${query}`);
      assert.deepEqual([answer.status, answer.body.error.code], [status, code], `${list} ${query}`);
    }
  }
  const { body } = await api.send("GET", "/v1/plans/nightly/groups?site=bb");
  assert.equal(body.error.code, "SITE_UNKNOWN");
});

test("what a deleted plan has left is marked, and found where another plan has its name now", async () => {
  const api = await world();
  const { body: old } = await api.send<PlanAnswer>("GET", "/v1/plans/other");
  const isMarked = async (path: string) =>
    (await listOf<GroupListEntry>(api, path)).map(({ planName, isPlanDeleted }) => [planName, isPlanDeleted]);
  assert.deepEqual(await isMarked("/v1/groups?site=b&since=2026-03-02"), [
    ["nightly", undefined],
    ["nightly", undefined],
    ["other", true],
  ]);
  assert.deepEqual(await isMarked("/v1/runs?plan=other"), [
    ["other", true],
    ["other", true],
  ]);
  await api.send("POST", "/v1/plans", { ...nightly, name: "other", schedule: undefined });
  const { body: groups } = await api.send<GroupList>("GET", "/v1/groups?plan=other");
  assert.deepEqual([groups.items, groups.namesakes], [[], [old.id]]);
  assert.equal((await api.send<GroupList>("GET", "/v1/groups?plan=nightly")).body.namesakes, undefined);
  const { body } = await api.send("GET", "/v1/plans/other/groups/latest?site=b");
  assert.equal(body.error.code, "GROUP_UNKNOWN");
  assert.match(
    body.error.hint ?? "",
    new RegExp(`deleted plan of that name, ${old.id}, .* --plan ${old.id} --site b$`),
  );
});

test("a typo in a plan's or a site's name is answered with the name that is near", async () => {
  const api = await world();
  await api.send("POST", "/v1/sites", { id: "paris", multiCluster: "main" });
  for (const [query, hint] of [
    ["plan=nihgtly", /^Did you mean “nightly”\? List plans with: /],
    ["plan=else", /^List plans with: /],
    ["plan=othr", /^List plans with: /],
    ["site=pairs", /^Did you mean “paris”\? Create it first, /],
    ["site=berlin", /^Create it first, /],
  ] as const) {
    assert.match((await api.send("GET", `/v1/groups?${query}`)).body.error.hint ?? "", hint, query);
  }
});

describe("the latest group", () => {
  const latest = (api: TestApi, plan: string, site: string) =>
    api.send<GroupListEntry>("GET", `/v1/plans/${plan}/groups/latest?site=${site}`);

  test("is a plan's newest at a site, also of a deleted plan", async () => {
    const api = await world();
    assert.deepEqual([(await latest(api, "nightly", "b")).body.sequence], [3]);
    const { body } = await latest(api, "other", "b");
    assert.deepEqual([body.sequence, body.planName, body.role], [2, "other", "mirror"]);
  });

  test("is the newest by its number where a wrong clock dates it ahead", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api, { schedule: undefined });
    api.pass(700 * day);
    await runAll(api, "nightly");
    api.pass(-700 * day);
    await runAll(api, "nightly");
    assert.equal((await latest(api, "nightly", "b")).body.sequence, 2);
  });

  test("hides no other from a list since then where its site dates it in the year 1970", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api, { schedule: undefined });
    await runAll(api, "nightly");
    api.pass(day);
    await api.send("POST", "/v1/plans/nightly/run");
    await workAt(api, [siteA, siteB], instantSchema.parse("1970-01-01T00:00:00.000Z"));
    const since = "site=b&plan=nightly&since=2026-03-01&limit=1";
    const { body } = await api.send<GroupList>("GET", `/v1/groups?${since}`);
    const next = await groupsIn(api, `?${since}&cursor=${body.cursor}`);
    assert.deepEqual([body.items, next], [[], ["nightly b 1"]]);
  });

  test("is GROUP_UNKNOWN where there is none, and other codes where plan or site are wrong", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    for (const [plan, site, code] of [
      ["nightly", "b", "GROUP_UNKNOWN"],
      ["nightly", "bb", "SITE_UNKNOWN"],
      ["nightl", "b", "PLAN_UNKNOWN"],
    ] as const) {
      const { status, body } = await api.send("GET", `/v1/plans/${plan}/groups/latest?site=${site}`);
      assert.deepEqual([status, body.error.code], [404, code]);
      assert.ok(body.error.hint);
    }
  });
});
