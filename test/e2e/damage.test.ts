import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { GroupAnswer, RunAnswer } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { type GroupId, gatewayIdSchema } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Report } from "../../core/api/report.ts";
import type { RunTask } from "../../core/api/task.ts";
import { createTestApi, reportAlive, siteA, siteB } from "../../functions/api/testing.ts";
import { report } from "../../functions/api/testing-gateway.ts";
import type { Page } from "../../functions/documents/page.ts";
import { handleReport } from "../../functions/report.ts";
import { createInventoryTeller } from "../../gateway/agent/inventory.ts";
import { outcomeOfError } from "../../gateway/agent/outcome.ts";
import { Database } from "../../gateway/storage/extentstore/database/database.ts";
import { exportImage } from "../../gateway/storage/image/export.ts";
import type { GatewayIdentity, TaskContext } from "../../gateway/tasks/context.ts";
import { performTask } from "../../gateway/tasks/perform.ts";
import { servesNothing } from "../../gateway/tasks/serves-nothing.ts";
import { sendVolume } from "../../gateway/transfer/sender.ts";
import { openTwoSites, writeTo } from "../../gateway/transfer/testing/two-sites.ts";

const mib = 1024 * 1024;
const extents = 4;
const plain = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };
const time = { nowMs: () => performance.now(), sleep: async () => undefined };
const { signal } = new AbortController();

/**
 * Two sites with a volume, a plan and the control plane, all in this process: what gateways do
 * between its tasks and its reports.
 */
const setUp = async (t: TestContext) => {
  const sites = await openTwoSites();
  t.after(() => sites.close());
  const api = await createTestApi();
  for (const id of ["a", "b"]) await api.send("POST", "/v1/sites", { id, multiCluster: "main" });
  const volume = await sites.createVolume("web1", extents * mib, plain);
  await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(extents * mib) }]);

  const gatewayAt = (siteId: typeof siteA) => {
    const storage = siteId === siteA ? sites.source : sites.target;
    const identity: GatewayIdentity = {
      id: gatewayIdSchema.parse("gw-1"),
      siteId,
      endpoint: "127.0.0.1:1",
      tunnel: "direct-tls",
      version: "0.0.0",
      storage: "extentstore",
    };
    const now = () => api.deps.clock.now();
    const reports = { send: (said: Report) => handleReport(api.deps, JSON.parse(JSON.stringify(said))) };
    const context: TaskContext = {
      ...servesNothing,
      storage,
      identity,
      now,
      log: sites.log,
      signal,
      onMoved: () => undefined,
      onProgress: () => undefined,
      onAcknowledged: () => undefined,
      send: async ({ owner, receiver: _, compression, endpoints: __, groupId, sequence, baseGroupId, ...transfer }) =>
        sendVolume({
          storage,
          workers: sites.workers,
          peer: sites.peer,
          transfer,
          ids: { ...owner, groupId, sequence, baseGroupId },
          compression,
          // So they lie in the target's file in their order.
          extentsInFlight: 1,
          time,
          signal,
          log: sites.log,
          onMoved: () => undefined,
          onProgress: () => undefined,
          onAcknowledged: (extent) => void acknowledged.push(extent),
        }).then(({ progress }) => progress),
    };
    const teller = createInventoryTeller({ storage, reports, identity, now, log: sites.log });
    const work = async (task: RunTask): Promise<void> => {
      try {
        await report(api, task, { kind: "completed", result: await performTask(task, context) });
      } catch (error) {
        const outcome = outcomeOfError(error, signal, siteId);
        assert(outcome.type === "failed");
        await report(api, task, { kind: "failed", ...outcome, progressed: false });
      }
    };
    return { siteId, work, tell: () => teller.tellChanges({ signal, onMoved: () => undefined }) };
  };
  const gateways = [gatewayAt(siteA), gatewayAt(siteB)];
  /** Extents that the target has committed since the last run began. */
  let acknowledged: number[] = [];

  const beat = async () => {
    api.pass(5);
    for (const { siteId, tell } of gateways) {
      await reportAlive(api, siteId);
      await tell();
    }
  };
  const ended = async (id: string): Promise<RunAnswer> => {
    for (let round = 0; round < 20; round++) {
      for (const { siteId, work } of gateways) {
        for (const { task } of api.deps.tasks.takeAll(siteId)) if ("runId" in task) await work(task);
      }
    }
    await beat();
    return (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;
  };
  const file = join(sites.targetDir, "..", "exported.img");
  const exported = async (storage: typeof sites.source, groupId: GroupId): Promise<string> => {
    const [snapshot] = (await storage.findGroup(groupId))?.snapshots ?? [];
    assert(snapshot);
    const { snapshotId } = snapshot;
    return (await exportImage({ storage, file, format: "raw", signal, snapshotId })).sha256;
  };
  /** What the source had, by group. */
  const wanted = new Map<GroupId, string>();
  let rebuilds = 0;
  await beat();
  const plan = { name: "nightly", source: "a", targets: [{ site: "b", retention: { keepLast: 9 } }] };
  const objects = [{ kind: "volume", name: "web1" }];
  const created = await api.send("POST", "/v1/plans", { ...plan, objects });
  assert.equal(created.status, 201, JSON.stringify(created.body));

  return {
    sites,
    volume,
    beat,
    /** Runs the plan. @returns the group, and which extents the target got */
    run: async () => {
      acknowledged = [];
      const { body } = await api.send<RunAnswer>("POST", "/v1/plans/nightly/run");
      const { status, groupId, targets } = await ended(body.id);
      assert.equal(status, "succeeded", JSON.stringify(targets));
      wanted.set(groupId, await exported(sites.source, groupId));
      await rm(file);
      return { groupId, got: acknowledged };
    },
    rebuild: async (groupId: GroupId, more: object = {}) => {
      const json = { type: "rebuild", groupId, siteId: "b", namePrefix: `r${++rebuilds}-`, ...more };
      const { body } = await api.send<RunAnswer>("POST", "/v1/restores", json);
      const { status, targets } = await ended(body.id);
      return { status, reason: targets[0]?.reason };
    },
    /** The groups of site b that `group list` marks: how many extents of which object. */
    marked: async () => {
      const { body } = await api.send<Page<GroupAnswer>>("GET", "/v1/plans/nightly/groups?site=b");
      return Object.fromEntries(
        body.items.flatMap(({ id, damage }) =>
          damage === undefined ? [] : [[id, damage.map(({ name, extents: count }) => `${name} ${count}`).join()]],
        ),
      );
    },
    /** `volume export` of a group, compared with what the source had. */
    exported: async (groupId: GroupId): Promise<void> => {
      assert.equal(await exported(sites.target, groupId), wanted.get(groupId));
      await rm(file);
    },
  };
};

const isCorrupt = (error: unknown) => VisibleError.is(error, "STORE_CORRUPT");
const change = (sites: Awaited<ReturnType<typeof openTwoSites>>, volume: ObjectConfig, offset: number) =>
  writeTo(sites.source, volume, [{ offset, data: randomBytes(70_000) }]);

test("damage that an export finds marks every restore point that shares it, and the next run sends those extents again", async (t) => {
  const { sites, volume, run, beat, marked, exported, rebuild } = await setUp(t);
  const { groupId: first } = await run();
  const [name = ""] = await readdir(sites.targetData);
  await change(sites, volume, 0);
  const { groupId: second } = await run();
  await change(sites, volume, 2 * mib);
  const { groupId: third, got } = await run();
  assert.deepEqual(got, [2]);
  // Of extent 2, which the third restore point has otherwise, and of extent 3,
  // which nobody has changed.
  const file = join(sites.targetData, name);
  const content = await readFile(file);
  for (const at of [2 * mib + 1000, 3 * mib + 1000]) content[at] = (content[at] ?? 0) ^ 1;
  await writeFile(file, content);
  await beat();
  assert.deepEqual(await marked(), {}, "nobody has read it");

  await assert.rejects(exported(first), isCorrupt);
  await beat();
  assert.deepEqual(await marked(), { [first]: "web1 1", [second]: "web1 1" });
  await assert.rejects(exported(third), isCorrupt);
  await beat();
  assert.deepEqual(await marked(), { [first]: "web1 2", [second]: "web1 2", [third]: "web1 1" });

  const refused = await rebuild(second);
  assert.deepEqual([refused.status, refused.reason?.code], ["failed", "GROUP_DAMAGED"]);
  assert.match(refused.reason?.message ?? "", /“web1” is damaged in the group .*: extents 2, 3 of it .* group list/);
  assert.equal((await rebuild(second, { evenDamaged: true })).status, "succeeded");

  const { groupId: fourth, got: again } = await run();
  assert.deepEqual(again, [3], "though nothing has changed at the source");
  // What is the same came again for all of them; what the source has otherwise since is lost to the
  // older ones.
  assert.deepEqual(await marked(), { [first]: "web1 1", [second]: "web1 1" });
  for (const whole of [third, fourth]) await exported(whole);
  assert.equal((await rebuild(fourth)).status, "succeeded");
  await assert.rejects(exported(second), isCorrupt);
});

test("a flipped byte in a mirror's block table fails no run, and the log names site, plan and what to do", async (t) => {
  const { sites, volume, run, exported, marked } = await setUp(t);
  await run();
  const database = new Database(join(sites.targetDir, "store.sqlite"));
  database.run(
    `UPDATE versions SET blocks = CAST(x'ffffffff' || substr(blocks, 5) AS BLOB) WHERE id IN (
       SELECT versionId FROM extents JOIN volumes USING (tableId) WHERE role = 'mirror' AND extent = 1)`,
  );
  database.close();
  await change(sites, volume, mib);
  const { groupId, got } = await run();
  assert.deepEqual(got, [1]);
  await exported(groupId);
  assert.equal(Object.keys(await marked()).length, 1, "the first restore point had another content there");
  const said = sites.log.lines.flatMap(({ level, fields }) =>
    level === "warn" && "err" in fields && VisibleError.is(fields.err)
      ? [`${fields.err.message} ${fields.err.hint}`]
      : [],
  );
  assert.match(
    said.join("\n"),
    /^Site b: The block table of extent 1 of mirror .* of plan_\w+ is damaged\. .*next run of its plan mends it/,
  );
  await change(sites, volume, mib);
  assert.deepEqual((await run()).got, [1], "the plan's runs go on as ever");
});
