import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RetentionAnswer, RunAnswer } from "../../core/api/answers.ts";
import type { Group } from "../../core/api/group.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import { type AttachmentAnswer, attachmentsPerGateway } from "../../core/api/restore/attach.ts";
import type { Run } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Page } from "../documents/page.ts";
import { handleReport } from "../report.ts";
import { handleSweep } from "../sweep.ts";
import { createNightlyPlan, createTestApi, siteA, siteB, type TestApi } from "./testing.ts";
import { complete, progressOf, report, serve, takeTasks, workAt } from "./testing-gateway.ts";

const groupsAtB = async (api: TestApi): Promise<readonly Group[]> =>
  (await api.send<Page<Group>>("GET", "/v1/plans/nightly/groups?site=b")).body.items;

const backUp = async (api: TestApi): Promise<void> => {
  await api.send("POST", "/v1/plans/nightly/run");
  await workAt(api, [siteA, siteB]);
  api.pass(60);
};

/** The nightly plan with one group, of which the object `db` is attached for an hour. */
const withAttached = async (more: object = {}) => {
  const api = await createTestApi();
  await createNightlyPlan(api, { targets: [{ site: "b", retention: { keepLast: 1 }, switches: { "vds-0": "ovs" } }] });
  await backUp(api);
  const [group] = await groupsAtB(api);
  assert.ok(group);
  const asked = { type: "attach", groupId: group.id, siteId: "b", object: "db", forSeconds: 3600, ...more };
  const { status, body: run } = await api.send<Run>("POST", "/v1/restores", asked);
  assert.equal(status, 201, JSON.stringify(run));
  const [task] = takeTasks(api, siteB);
  assert.ok(task?.kind === "attach");
  return { api, group, run, task, asked };
};

const look = async (api: TestApi, { id }: Pick<Run, "id">) => (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;
const shown = (api: TestApi, { id }: Pick<Run, "id">) => api.send<AttachmentAnswer>("GET", `/v1/attachments/${id}`);
const listed = async (api: TestApi) =>
  (await api.send<Page<AttachmentAnswer>>("GET", "/v1/sites/b/attachments")).body.items;

describe("an attachment", () => {
  test("is told with where it is, until when, by whom, and what was read", async () => {
    const { api, group, run, task } = await withAttached();
    assert.equal((await shown(api, run)).body.attached, null);
    await serve(api, task);
    await report(api, task, { kind: "working", progress: progressOf("sending", 500) });
    const { body } = await shown(api, run);
    assert.equal(body.attached?.gatewayId, "gw-1");
    assert.equal(body.attached?.socket, "/run/attached/db.sock");
    assert.equal(body.until, addSeconds(body.since, 3600));
    assert.deepEqual([body.groupId, body.object, body.by], [group.id, { kind: "lun", name: "db" }, "test"]);
    assert.equal(body.bytesRead, 1000);
    assert.deepEqual(await listed(api), [body]);
    assert.deepEqual(api.errors, []);
  });

  test("is where the gateway that began last says, whatever an earlier one goes on saying", async () => {
    const { api, run, task } = await withAttached();
    const earlier = api.deps.clock.now();
    api.pass(30);
    await serve(api, task, { socket: "/run/second.sock" });
    await serve(api, task, { socket: "/run/first.sock", since: earlier });
    assert.equal((await shown(api, run)).body.attached?.socket, "/run/second.sock");
  });

  test("is told by no other site, and of no other task", async () => {
    const { api, run, task } = await withAttached();
    const attached = {
      since: api.deps.clock.now(),
      host: "h",
      socket: "/tmp/trap",
      exports: [{ name: "x", disk: 0, sizeBytes: 1 }],
    };
    const { id: taskId, runId, target, step, index, attempt } = task;
    const about = { taskId, runId, target, step, index, attempt };
    const gatewayId = gatewayIdSchema.parse("gw-1");
    await handleReport(api.deps, { kind: "working", ...about, siteId: siteA, gatewayId, attached });
    assert.equal((await shown(api, run)).body.attached, null);
    await report(api, { ...task, attempt: 7 }, { kind: "working", attached });
    assert.equal((await shown(api, run)).body.attached, null);
  });

  test("holds its group while that is next in line, and the preview says until when and by what", async () => {
    const { api, group, run, task } = await withAttached();
    await serve(api, task);
    await backUp(api);
    await backUp(api);
    assert.ok((await groupsAtB(api)).some(({ id }) => id === group.id));
    const { body } = await api.send<RetentionAnswer>("GET", "/v1/plans/nightly/retention");
    const said = body.sites.find(({ site }) => site === "b")?.groups.find((one) => one.group.id === group.id);
    assert.match(said?.explanation ?? "", new RegExp(`^kept: attached until .* UTC by ${run.id}$`));
    await api.send("POST", `/v1/attachments/${run.id}/detach`);
    await workAt(api, [siteB]);
    await backUp(api);
    assert.ok(!(await groupsAtB(api)).some(({ id }) => id === group.id));
  });

  for (const [how, path, status] of [
    ["detached", (id: string) => `/v1/attachments/${id}/detach`, "succeeded"],
    ["cancelled", (id: string) => `/v1/runs/${id}/cancel`, "cancelled"],
  ] as const) {
    test(`that is ${how} has ${status} at once, lets its group go, and its site is told`, async () => {
      const { api, run, task } = await withAttached();
      await serve(api, task);
      const { body } = await api.send<RunAnswer>("POST", path(run.id));
      assert.equal(body.status, status);
      const [group] = await groupsAtB(api);
      assert.deepEqual([group?.holds, group?.heldFor], [[], undefined]);
      assert.deepEqual(await listed(api), []);
      assert.equal((await shown(api, run)).status, 409);
      const told = takeTasks(api, siteB);
      assert.deepEqual(
        told.map(({ kind, groupId, step }) => [kind, groupId, step]),
        [["abort", task.groupId, "attaching"]],
      );
      assert.equal((await api.send("POST", path(run.id))).status, 409);
      // What its gateway says afterwards brings nothing back.
      await serve(api, task);
      await complete(api, told[0] as RunTask);
      await report(api, task, { kind: "completed", result: { kind: "attach", progress: progressOf("done", 0) } });
      assert.deepEqual(await listed(api), []);
      assert.equal((await look(api, run)).status, status);
      assert.deepEqual(api.errors, []);
    });
  }

  test("ends when its gateway says that its time is over, and by itself when no gateway says it", async () => {
    const told = await withAttached();
    const result = { kind: "attach", progress: progressOf("done", 700) };
    await report(told.api, told.task, { kind: "completed", result });
    const { status, targets } = await look(told.api, told.run);
    assert.deepEqual([status, targets[0]?.progress.bytesRead], ["succeeded", 1400]);
    const silent = await withAttached();
    await serve(silent.api, silent.task);
    for (let minutes = 0; minutes < 59; minutes += 1) {
      silent.api.pass(60);
      await handleSweep(silent.api.deps);
      for (const task of takeTasks(silent.api, siteB)) if (task.kind === "attach") await serve(silent.api, task);
    }
    assert.equal((await look(silent.api, silent.run)).status, "running");
    for (let minutes = 0; minutes < 14; minutes += 1) {
      silent.api.pass(60);
      await handleSweep(silent.api.deps);
    }
    assert.equal((await look(silent.api, silent.run)).status, "succeeded");
    assert.deepEqual((await groupsAtB(silent.api))[0]?.holds, []);
  });

  test("fails with a reason, and lets its group go, when nobody serves it", async () => {
    const { api, run } = await withAttached({ forSeconds: 7 * 24 * 3600 });
    for (let hours = 0; hours < 24; hours += 1) {
      api.pass(3600);
      await handleSweep(api.deps);
    }
    const { status, targets } = await look(api, run);
    assert.deepEqual([status, targets[0]?.reason?.code], ["failed", "GATEWAY_ABSENT"]);
    assert.deepEqual((await groupsAtB(api))[0]?.holds, []);
    assert.deepEqual(await listed(api), []);
  });

  test("may be of what a source keeps itself", async () => {
    const { api, group } = await withAttached();
    const asked = { type: "attach", groupId: group.id, siteId: "a", object: "db" };
    assert.equal((await api.send("POST", "/v1/restores", asked)).status, 201);
    assert.equal(takeTasks(api, siteA)[0]?.kind, "attach");
  });

  test("is refused of what is not there, for too long, and where as much is attached as may be", async () => {
    const { api, asked } = await withAttached();
    const refused = async (changes: object, code: string) => {
      const before = await api.dump();
      const { body } = await api.send<{ error: { code: string } }>("POST", "/v1/restores", { ...asked, ...changes });
      assert.equal(body.error?.code, code, JSON.stringify(changes));
      assert.equal(await api.dump(), before);
    };
    await refused({ object: "no such" }, "OBJECT_UNKNOWN");
    await refused({ disk: 1 }, "VOLUME_UNKNOWN");
    await refused({ siteId: "c" }, "SITE_UNKNOWN");
    await refused({ forSeconds: 7 * 24 * 3600 + 1 }, "BAD_REQUEST");
    await refused({ forSeconds: 59 }, "BAD_REQUEST");
    await refused({ listen: { host: "127.0.0.1", port: 1, clientAuthority: "none" } }, "BAD_REQUEST");
    await refused({ listen: { host: "a b", port: 1 } }, "BAD_REQUEST");
    for (let more = 1; more < attachmentsPerGateway; more += 1) {
      assert.equal((await api.send("POST", "/v1/restores", asked)).status, 201);
    }
    await refused({}, "ATTACHMENTS_FULL");
  });

  test("is no other run: those can't be detached", async () => {
    const { api, group } = await withAttached();
    const { status, body } = await api.send<{ error: { code: string } }>(
      "POST",
      `/v1/attachments/${group.runId}/detach`,
    );
    assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"]);
  });
});
