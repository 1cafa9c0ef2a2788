import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer, RunListEntry } from "../../core/api/answers.ts";
import { siteA, siteB } from "../api/testing.ts";
import { complete, progressOf, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { begin, look, objectsOf, sizeBytes, takeSnapshot, workUntil } from "../engine/testing-kinds.ts";

const counts = ({ targets }: RunAnswer) => {
  const { objectsTotal, objectsPrepared, objectsDone, volumesTotal, volumesDone } =
    targets[0]?.progress ?? assert.fail("there is a target");
  return { objectsTotal, objectsPrepared, objectsDone, volumesTotal, volumesDone };
};

describe("a run while it goes on", () => {
  test("has the plan's entries before its snapshot is taken, and of its objects those that are named", async () => {
    const { api, run } = await begin();
    const none = { objectsTotal: 3, objectsPrepared: 0, objectsDone: 0 };
    assert.deepEqual(counts(await look(api, run)), { ...none, volumesTotal: undefined, volumesDone: undefined });
    const { items, cursor } = await objectsOf(api, run);
    assert.deepEqual([items.map(({ name }) => name), cursor], [["db", "web"], undefined]);
  });

  test("says how many of how many objects are prepared, and which is", async () => {
    const { api, run } = await begin();
    await takeSnapshot(api);
    const all = { objectsTotal: 3, objectsDone: 0, volumesTotal: 3, volumesDone: 0 };
    const before = await look(api, run);
    assert.deepEqual(counts(before), { ...all, objectsPrepared: 0 });
    assert.deepEqual(before.targets[0]?.current, { index: 0, name: "db", phase: "waiting" });
    const [db, web] = takeTasks(api, siteB);
    assert.ok(db && web);
    await complete(api, db);
    const one = await look(api, run);
    assert.deepEqual(counts(one), { ...all, objectsPrepared: 1 });
    assert.deepEqual([one.targets[0]?.state, one.targets[0]?.current?.name], ["preparing", "web"]);
  });

  test("counts a VM as done when all of its disks are, and names the VM whose disk is sent", async () => {
    const { api, run } = await begin();
    await takeSnapshot(api);
    const transfers = await workUntil(api, [siteA, siteB], "transfer");
    assert.equal(transfers.length, 3);
    const [db, disk0, disk1] = transfers;
    assert.ok(db && disk0 && disk1);
    const all = { objectsTotal: 3, objectsPrepared: 3, volumesTotal: 3 };
    await complete(api, disk1);
    assert.deepEqual(counts(await look(api, run)), { ...all, objectsDone: 0, volumesDone: 1 });
    api.pass(30);
    await report(api, disk0, { kind: "working", progress: progressOf("sending", 100) });
    assert.deepEqual((await look(api, run)).targets[0]?.current, { index: 1, name: "web", phase: "sending" });
    await complete(api, disk0);
    assert.deepEqual(counts(await look(api, run)), { ...all, objectsDone: 1, volumesDone: 2 });
    await complete(api, db);
    await workAt(api, [siteA, siteB]);
    assert.deepEqual(counts(await look(api, run)), { ...all, objectsDone: 3, volumesDone: 3 });
  });

  test("has objects with their volumes, why they are in it, what is left out, and how far all of an object is", async () => {
    const { api, run } = await begin();
    await takeSnapshot(api);
    const [, disk0, disk1] = await workUntil(api, [siteA, siteB], "transfer");
    assert.ok(disk0 && disk1);
    api.pass(30);
    await report(api, disk0, { kind: "working", progress: progressOf("sending", 100) });
    await complete(api, disk1);
    const { items } = await objectsOf(api, run);
    assert.deepEqual(
      items.map(({ name, volumes, because, leftOut }) => [name, volumes, because, leftOut?.length]),
      [
        ["db", 1, undefined, undefined],
        ["web", 2, undefined, 1],
        ["web-1", 1, "volume web-*", undefined],
      ],
    );
    assert.deepEqual(
      items.map(({ progress: { phase, bytesTotal, bytesSent } }) => [phase, bytesTotal, bytesSent]),
      [
        ["waiting", sizeBytes, 0],
        ["sending", 2 * sizeBytes, 1100],
        ["done", sizeBytes, 1000],
      ],
    );
    const page = await objectsOf(api, run, "?target=b&limit=1&cursor=1");
    assert.deepEqual([page.items, page.cursor], [items.slice(1, 2), "2"]);
    assert.equal((await look(api, run)).objectCount, 3);
  });
});

test("a run that is cancelled has sent in the list what it has sent where it is shown", async () => {
  const { api, run } = await begin();
  await takeSnapshot(api);
  const [db, disk0] = await workUntil(api, [siteA, siteB], "transfer");
  assert.ok(db && disk0);
  await complete(api, db);
  api.pass(30);
  await report(api, disk0, { kind: "working", progress: progressOf("sending", 100) });
  await api.send("POST", `/v1/runs/${run.id}/cancel`);
  await report(api, disk0, { kind: "working", progress: progressOf("sending", 200) });
  const { body } = await api.send<Page<RunListEntry>>("GET", "/v1/runs?plan=nightly");
  const [entry] = body.items;
  assert.ok(entry?.type === "run");
  const [target] = (await look(api, run)).targets;
  assert.deepEqual([entry.run.targets[siteB]?.moved?.bytesSent, target?.progress.bytesSent], [1100, 1100]);
});

test("a run of a plan without targets says what is gone, and how many objects it has", async () => {
  const { api, run } = await begin({ targets: [], retention: { keepLast: 2 } });
  const gone = [{ kind: "vm", id: "vm-old", name: "old", named: false, lastSequence: 3 }] as const;
  const unusable = { code: "OBJECT_UNUSABLE", message: "The vm “odd” is left out: it has no disk." };
  await takeSnapshot(api, { gone: [...gone], warnings: [unusable] });
  await workAt(api, [siteA]);
  const answer = await look(api, run);
  const { warnings = [], targets, status, objectCount } = answer;
  assert.deepEqual([status, objectCount], ["succeeded", 3]);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ["OBJECT_UNUSABLE", "OBJECT_GONE"],
  );
  assert.match(targets[0]?.warning?.message ?? "", /“odd”.* And 1 more\./);
  assert.deepEqual(counts(answer), {
    ...{ objectsTotal: 3, objectsDone: 3, objectsPrepared: undefined, volumesTotal: undefined, volumesDone: undefined },
  });
  assert.deepEqual((await objectsOf(api, run, "?target=a")).items.length, 3);
});
