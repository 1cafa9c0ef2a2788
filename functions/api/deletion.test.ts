import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer } from "../../core/api/answers.ts";
import type { AuditEntry } from "../../core/api/audit.ts";
import type { DeletionPreview } from "../../core/api/deletion/preview.ts";
import type { DeletionWish } from "../../core/api/deletion/request.ts";
import type { Group } from "../../core/api/group.ts";
import type { Run } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { confirmDeletion } from "../deletions/confirm.ts";
import type { Page } from "../documents/page.ts";
import { groupKey } from "../documents/records.ts";
import { handleReport } from "../report.ts";
import { createNightlyPlan, createTestApi, nightly, reportAlive, siteA, siteB, type TestApi } from "./testing.ts";
import { complete, groupsOn, report, takeTasks, workAt } from "./testing-gateway.ts";

const sites = [siteA, siteB];

const runs = async (count: number, changes: object = {}) => {
  const api = await createTestApi();
  await createNightlyPlan(api, changes);
  for (let number = 0; number < count; number += 1) await runOnce(api);
  return api;
};
const runOnce = async (api: TestApi) => {
  await api.send("POST", "/v1/plans/nightly/run");
  await workAt(api, sites);
  api.pass(60);
};

const groupsAt = async (api: TestApi, site: string) =>
  (await api.send<Page<Group>>("GET", `/v1/groups?plan=nightly&site=${site}`)).body.items;

/** Of the n-th newest group at a site. */
const groupWish = async (api: TestApi, place: number, site = "b", more: object = {}) => {
  const group = (await groupsAt(api, site))[place];
  assert.ok(group);
  return { type: "group", groupId: group.id, siteId: group.siteId, ...more } as DeletionWish;
};

const preview = (api: TestApi, wish: object) => api.send<DeletionPreview>("POST", "/v1/deletions/preview", wish);
const refused = async (api: TestApi, wish: object) => {
  const { body } = await api.send("POST", "/v1/deletions/preview", wish);
  return body.error?.code;
};
const confirm = async (api: TestApi, wish: object) => {
  const { confirmation } = (await preview(api, wish)).body;
  return api.send<{ run: Run | null; deleted?: string }>("POST", "/v1/deletions", { wish, confirmation });
};
const statusOf = async (api: TestApi, run: Run | null) =>
  (await api.send<RunAnswer>("GET", `/v1/runs/${run?.id}`)).body.status;

describe("deleting a group", () => {
  test("shows what would go and changes nothing, and then deletes just that", async () => {
    const api = await runs(2);
    const wish = await groupWish(api, 1);
    const before = await api.dump();
    const shown = (await preview(api, wish)).body;
    assert.deepEqual(
      shown.sites.map(({ siteId, mirrors, groups }) => [siteId, mirrors, groups.map(({ id }) => id)]),
      [["b", false, [wish.type === "group" && wish.groupId]]],
    );
    assert.equal((await groupsAt(api, "b")).length, 2);
    assert.equal(
      (await api.dump()).replace(/,?\{"key":\{"partition":"SITE#b","sort":"SPACE#[^}]*\}[^}]*\}\}/, ""),
      before,
    );
    const { status, body } = await confirm(api, wish);
    assert.equal(status, 201);
    assert.equal((await groupsAt(api, "b"))[1]?.state, "deleting");
    await workAt(api, sites);
    assert.equal((await groupsAt(api, "b")).length, 1);
    assert.equal(groupsOn(api, siteB).size, 1);
    assert.equal(await statusOf(api, body.run), "succeeded");
    assert.deepEqual(api.errors, []);
  });

  test("is refused without a confirmation, with an old one, and when what would go has changed", async () => {
    const api = await runs(2);
    const wish = { type: "plan", plan: "nightly" };
    const { confirmation } = (await preview(api, wish)).body;
    const send = (json: object) => api.send("POST", "/v1/deletions", json);
    assert.equal((await send({ wish })).status, 400);
    assert.equal(
      (await send({ wish, confirmation: confirmation.replace(/.$/, "_") })).body.error.code,
      "PREVIEW_STALE",
    );
    assert.equal((await send({ wish: await groupWish(api, 1), confirmation })).body.error.code, "PREVIEW_STALE");
    await runOnce(api);
    assert.equal((await send({ wish, confirmation })).body.error.code, "PREVIEW_STALE");
    const again = (await preview(api, wish)).body.confirmation;
    api.pass(601);
    assert.equal((await send({ wish, confirmation: again })).body.error.code, "PREVIEW_STALE");
    assert.equal((await groupsAt(api, "b")).length, 2);
  });

  test("is refused while somebody reads it, and works when that is over", async () => {
    const api = await runs(2);
    const wish = await groupWish(api, 1);
    const { confirmation } = (await preview(api, wish)).body;
    assert.ok(wish.type === "group");
    await api.send("POST", "/v1/restores", { type: "rebuild", groupId: wish.groupId, siteId: "b" });
    assert.equal(await refused(api, wish), "GROUP_HELD");
    assert.equal((await api.send("POST", "/v1/deletions", { wish, confirmation })).body.error.code, "GROUP_HELD");
    await workAt(api, sites);
    assert.equal((await confirm(api, wish)).status, 201);
  });

  test("is refused for the last good one that a living plan has there, until that is said", async () => {
    const api = await runs(1);
    const wish = await groupWish(api, 0);
    assert.equal(await refused(api, wish), "GROUP_NEEDED");
    const { body } = await preview(api, { ...wish, last: true });
    assert.deepEqual(
      body.notes.map(({ code }) => code),
      ["NEXT_RUN_FULL"],
    );
    assert.equal((await confirm(api, { ...wish, last: true })).status, 201);
    await workAt(api, sites);
    assert.deepEqual(await groupsAt(api, "b"), []);
    await runOnce(api);
    assert.equal((await groupsAt(api, "b")).length, 1);
  });

  test("of the newest says what the next run starts from instead", async () => {
    const api = await runs(2, { retention: { keepLast: 2 } });
    const codes = async (wish: object) => (await preview(api, wish)).body.notes.map(({ code }) => code);
    assert.deepEqual(await codes(await groupWish(api, 0)), ["NEXT_RUN_OLDER_BASE"]);
    const plain = await runs(2);
    assert.deepEqual(
      (await preview(plain, await groupWish(plain, 0))).body.notes.map(({ code }) => code),
      ["NEXT_RUN_COMPARES"],
    );
    assert.deepEqual(await codes(await groupWish(api, 1)), []);
  });

  test("at the source is refused for the base of the next increment, whatever is said", async () => {
    const api = await runs(3, { retention: { keepLast: 2 } });
    assert.equal(await refused(api, await groupWish(api, 0, "a", { last: true })), "GROUP_NEEDED");
    const before = (await groupsAt(api, "a")).length;
    assert.equal((await confirm(api, await groupWish(api, 1, "a"))).status, 201);
    await workAt(api, sites);
    assert.equal((await groupsAt(api, "a")).length, before - 1);
  });

  test("is refused for what is kept until a time that has not come, until that is said", async () => {
    const api = await runs(2);
    const wish = await groupWish(api, 1);
    assert.ok(wish.type === "group");
    const stored = await api.deps.store.get<Group>(groupKey(wish.groupId, wish.siteId));
    assert.ok(stored);
    const body = { ...stored.body, keepUntil: addSeconds(api.deps.clock.now(), 3600) };
    await api.deps.store.putAll([{ key: stored.key, body }]);
    assert.equal(await refused(api, wish), "GROUP_KEPT");
    assert.equal(await refused(api, { ...wish, despiteKeepUntil: true }), undefined);
    api.pass(3601);
    assert.equal(await refused(api, wish), undefined);
  });

  test("is refused for what a run that goes on may start from", async () => {
    const api = await runs(2);
    await api.send("POST", "/v1/plans/nightly/run");
    assert.equal(await refused(api, await groupWish(api, 0)), "PLAN_BUSY");
    assert.equal(await refused(api, await groupWish(api, 1)), undefined);
  });

  test("fails, and says by whom it is read, when somebody began to before its site was told", async () => {
    const api = await runs(52, { targets: [{ ...nightly.targets[0], retention: { keepLast: 100 } }] });
    const { body } = await confirm(api, { type: "plan", plan: "nightly" });
    const older = (await groupsAt(api, "b")).findLast(({ state }) => state === "published");
    const rebuild = { type: "rebuild", groupId: older?.id, siteId: "b" };
    const restore = (await api.send<Run>("POST", "/v1/restores", rebuild)).body;
    for (const task of takeTasks(api, siteB).filter(({ runId }) => runId !== restore.id)) await complete(api, task);
    for (const task of takeTasks(api, siteB)) await complete(api, task);
    for (const task of takeTasks(api, siteB)) await complete(api, task);
    for (const task of takeTasks(api, siteB)) await complete(api, task);
    const run = (await api.send<RunAnswer>("GET", `/v1/runs/${body.run?.id}`)).body;
    const at = run.targets.find(({ site }) => site === "b");
    assert.equal(at?.state, "failed");
    assert.equal(at?.reason?.code, "GROUP_HELD");
    assert.match(at?.reason?.message ?? "", new RegExp(restore.id));
    assert.deepEqual(
      (await groupsAt(api, "b")).map(({ id }) => id),
      [older?.id],
    );
  });
});

describe("two deletions at once", () => {
  test("of the only two restore points that there are leave one of them", async () => {
    const api = await runs(2);
    const wishes = [await groupWish(api, 0), await groupWish(api, 1)];
    const answers = await Promise.all(wishes.map((wish) => confirm(api, wish)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409]);
    await workAt(api, sites);
    assert.equal((await groupsAt(api, "b")).length, 1);
    assert.equal(groupsOn(api, siteB).size, 1);
  });

  test("of one plan with its restore points both say which run deletes them, and leave nothing", async () => {
    const api = await runs(2);
    const wish: DeletionWish = { type: "plan", plan: "nightly", despiteKeepUntil: false };
    const { confirmation } = (await preview(api, wish)).body;
    const send = (deps = api.deps) => confirmDeletion(deps, { wish, confirmation });
    const others: Awaited<ReturnType<typeof send>>[] = [];
    const commit: typeof api.deps.store.commit = async (changes) => {
      if (others.length === 0) {
        api.pass(1);
        others.push(await send());
      }
      await api.deps.store.commit(changes);
    };
    const answers = [await send({ ...api.deps, store: { ...api.deps.store, commit } }), ...others];
    await workAt(api, sites);
    for (const { run } of answers) assert.equal(await statusOf(api, run), "succeeded");
    assert.equal(groupsOn(api, siteB).size, 0);
    assert.deepEqual(api.errors, []);
  });
});

describe("deleting a plan", () => {
  test("gives its source up, also when the newest that was asked for of it was a restore", async () => {
    const api = await runs(2);
    const [newest] = await groupsAt(api, "b");
    await api.send("POST", "/v1/restores", { type: "rebuild", groupId: newest?.id, siteId: "b" });
    await workAt(api, sites);
    await api.send("DELETE", "/v1/plans/nightly");
    await workAt(api, sites);
    assert.equal(groupsOn(api, siteA).size, 0);
    assert.equal(groupsOn(api, siteB).size, 2);
    assert.deepEqual(api.errors, []);
  });
});

describe("deleting a plan with its restore points", () => {
  test("gives back its groups and mirrors everywhere, and nothing of another plan", async () => {
    const api = await runs(2);
    await api.send("POST", "/v1/plans", { ...nightly, name: "other" });
    await api.send("POST", "/v1/plans/other/run");
    await workAt(api, sites);
    const { status, body } = await confirm(api, { type: "plan", plan: "nightly" });
    assert.equal(status, 201);
    const told = takeTasks(api, siteB);
    for (const task of told) await complete(api, task);
    const [last] = takeTasks(api, siteB);
    assert.ok(last?.kind === "reclaim" && last.mirrors);
    await complete(api, last);
    await workAt(api, sites);
    assert.equal(await statusOf(api, body.run), "succeeded");
    assert.equal((await api.send<{ status: string }>("GET", `/v1/plans/${body.deleted}`)).body.status, "deleted");
    assert.deepEqual((await api.send<Page<Group>>("GET", `/v1/groups?plan=${body.deleted}`)).body.items, []);
    assert.equal((await api.send<Page<Group>>("GET", "/v1/groups?plan=other&site=b")).body.items.length, 1);
    assert.deepEqual(api.errors, []);
  });

  test("lets nobody begin to read them once it was confirmed", async () => {
    const api = await runs(2);
    const wish = await groupWish(api, 1);
    assert.ok(wish.type === "group");
    const { body } = await confirm(api, { type: "plan", plan: "nightly" });
    const rebuild = { type: "rebuild", groupId: wish.groupId, siteId: "b" };
    assert.equal((await api.send("POST", "/v1/restores", rebuild)).body.error.code, "GROUP_NOT_RESTORABLE");
    await workAt(api, sites);
    assert.equal(await statusOf(api, body.run), "succeeded");
    assert.equal(groupsOn(api, siteB).size, 0);
  });

  test("goes on by the sweep's retries however many groups there are", async () => {
    const api = await runs(60, { targets: [{ ...nightly.targets[0], retention: { keepLast: 100 } }] });
    assert.equal(groupsOn(api, siteB).size, 60);
    const { body } = await confirm(api, { type: "plan", plan: "nightly" });
    await workAt(api, sites);
    assert.equal(groupsOn(api, siteB).size, 0);
    assert.equal(await statusOf(api, body.run), "succeeded");
  });

  test("deletes nothing where a site lacks what was to be kept, and says so", async () => {
    const api = await runs(3, { targets: [{ ...nightly.targets[0], retention: { keepLast: 3 } }] });
    const { body } = await confirm(api, await groupWish(api, 2));
    const [list] = takeTasks(api, siteB);
    assert.ok(list);
    await complete(api, list);
    const [told] = takeTasks(api, siteB);
    assert.ok(told?.kind === "reclaim" && told.keeps?.length === 2);
    await report(api, told, { kind: "completed", result: { kind: "reclaim", deleted: [], groups: [] } });
    const run = (await api.send<RunAnswer>("GET", `/v1/runs/${body.run?.id}`)).body;
    assert.equal(run.targets[0]?.reason?.code, "GROUPS_MISSING");
  });
});

describe("releasing a mirror", () => {
  test("is refused while the plan copies there, and takes all once it does not", async () => {
    const api = await runs(2);
    await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
    const wish = { type: "mirror", plan: "nightly", siteId: "b" };
    const { error } = (await api.send("POST", "/v1/deletions/preview", wish)).body;
    assert.equal(error.code, "MIRROR_NEEDED");
    assert.match(error.hint ?? "", /deleted plan of the same name .* smtx-backup mirror list --site b/);
    assert.equal(await refused(api, { ...wish, siteId: "a" }), "MIRROR_NEEDED");
    await api.send("PUT", "/v1/plans/nightly", { ...nightly, targets: [{ ...nightly.targets[0], site: "c" }] });
    const { body } = await confirm(api, wish);
    await workAt(api, sites);
    assert.deepEqual(await groupsAt(api, "b"), []);
    assert.equal(await statusOf(api, body.run), "succeeded");
  });
});

describe("what an object that was taken out of a living plan has left", () => {
  const withoutWeb = {
    ...nightly,
    objects: [{ kind: "lun", name: "db" }],
    targets: [{ ...nightly.targets[0], retention: { keepLast: 5 } }],
  };
  const wish = { type: "mirror", plan: "nightly", siteId: "b", objects: ["web"] };

  test("goes with the groups that have it, and the newer ones stay", async () => {
    const api = await runs(2, { targets: withoutWeb.targets });
    assert.equal(await refused(api, wish), "MIRROR_NEEDED");
    assert.equal(await refused(api, { ...wish, objects: ["nothing"] }), "OBJECT_UNKNOWN");
    await api.send("PUT", "/v1/plans/nightly", withoutWeb);
    assert.equal(await refused(api, wish), "GROUP_NEEDED", "they are all that there is");
    await runOnce(api);
    const shown = (await preview(api, wish)).body;
    assert.deepEqual(
      shown.sites.map(({ groupCount, mirrors }) => [groupCount, mirrors]),
      [[2, false]],
    );
    const { body } = await confirm(api, wish);
    await workAt(api, sites);
    assert.equal(await statusOf(api, body.run), "succeeded");
    assert.deepEqual(
      (await groupsAt(api, "b")).map(({ sequence, objectCount }) => [sequence, objectCount]),
      [[3, 1]],
    );
  });
});

describe("who may delete", () => {
  test("is who has the scope delete, and each deletion is in the audit trail, no preview", async () => {
    const api = await runs(2);
    const wish = await groupWish(api, 1);
    const others = await api.token(["read", "operate", "restore", "admin"]);
    assert.equal((await api.send("POST", "/v1/deletions/preview", wish, others)).status, 403);
    const mine = await api.token(["delete"]);
    const { body } = await api.send<DeletionPreview>("POST", "/v1/deletions/preview", wish, mine);
    const { confirmation } = body;
    assert.equal((await api.send("POST", "/v1/deletions", { wish, confirmation }, others)).status, 403);
    assert.equal((await api.send("POST", "/v1/deletions", { wish, confirmation }, mine)).status, 201);
    const { items } = (await api.send<Page<AuditEntry>>("GET", "/v1/audit")).body;
    const entries = items.filter(({ path, refused }) => path.startsWith("/v1/deletions") && refused === undefined);
    assert.deepEqual(
      entries.map(({ path, request }) => [path, request]),
      [["/v1/deletions", { wish, confirmation }]],
    );
  });
});

describe("the space that a site tells", () => {
  const ask = async () => {
    const api = await runs(2);
    await reportAlive(api, "b");
    const wish = await groupWish(api, 1);
    const { sites: shown } = (await preview(api, wish)).body;
    const id = shown[0]?.spaceQuestion ?? "";
    const task: object = api.deps.tasks.takeAll(siteB)[0]?.task ?? {};
    return { api, id, task, read: (site = "b") => api.send<object>("GET", `/v1/deletions/space/${site}/${id}`) };
  };

  test("is asked for what would go, and told once it has answered", async () => {
    const { api, id, task, read } = await ask();
    const { groups, mirrors, kind } = task as { groups: string[]; mirrors: boolean; kind: string };
    assert.deepEqual([kind, groups.length, mirrors], ["space", 1, false]);
    assert.deepEqual((await read()).body, { siteId: "b", state: "asked" });
    const said = { kind: "space", siteId: "b", gatewayId: "gw-1", questionId: id };
    await handleReport(api.deps, { ...said, space: { bytes: 5, is: "exact" } });
    await handleReport(api.deps, { ...said, space: { bytes: 6, is: "exact" } });
    assert.deepEqual((await read()).body, { siteId: "b", state: "told", space: { bytes: 5, is: "exact" } });
  });

  test("counts from a gateway of the site that was asked, and from nobody else", async () => {
    const { api, id, read } = await ask();
    const space = { bytes: 5, is: "exact" };
    for (const said of [
      { siteId: "a", gatewayId: "gw-1", questionId: id },
      { siteId: "b", gatewayId: "gw-1", questionId: "0".repeat(32) },
      { siteId: "nowhere", gatewayId: "gw-1", questionId: id },
    ]) {
      await handleReport(api.deps, { kind: "space", ...said, space });
    }
    assert.deepEqual((await read()).body, { siteId: "b", state: "asked" });
    assert.equal((await read("a")).status, 404);
  });

  test("is unknown where no gateway is there to be asked", async () => {
    const api = await runs(2);
    api.pass(3600);
    const { sites: shown } = (await preview(api, await groupWish(api, 1))).body;
    const { body } = await api.send<object>("GET", `/v1/deletions/space/b/${shown[0]?.spaceQuestion}`);
    assert.deepEqual(body, { siteId: "b", state: "unknown" });
    assert.deepEqual(api.deps.tasks.takeAll(siteB), []);
  });
});
