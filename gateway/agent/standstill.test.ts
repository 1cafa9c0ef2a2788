import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { type RunTask, taskSchema } from "../../core/api/task.ts";
import { hangingStorage } from "../storage/testing-hanging.ts";
import { storageTimeouts } from "../storage/timed-calls.ts";
import type { SendVolume } from "../tasks/context.ts";
import { performTask } from "../tasks/perform.ts";
import { groupId, identity, progressOf, runTaskFields } from "../tasks/testing.ts";
import { settle } from "./testing.ts";
import { result, setUp, task, volume } from "./testing-agent.ts";
import { agentTimings } from "./timings.ts";

const {
  standstillSeconds,
  letGoSeconds,
  callSeconds,
  beatSeconds,
  aliveSeconds,
  workingSeconds,
  workingSecondsLater,
  pollSeconds,
  renewSeconds,
  visibilitySeconds,
} = agentTimings;
const givenUpMs = standstillSeconds * 1000;
const hourMs = 3600_000;
const never = () => new Promise<never>(() => undefined);

const object = volume("v1");
const mirrorOf = { sourceVolumeId: "v1", mirrorVolumeId: "m1" };
const manifest = {
  ...{ planId: runTaskFields.planId, planName: "daily", source: runTaskFields.source, groupId, sequence: 1 },
  ...{ takenAt: runTaskFields.issuedAt, objects: [object] },
};
/** A task of each kind, and the call that hangs in it. */
const kinds: readonly (readonly [kind: RunTask["kind"], hangs: string, fields: object])[] = [
  ["snapshot", "findObjects", { step: "snapshotting", objects: [object] }],
  ["snapshot", "inventory", { step: "snapshotting", objects: [{ kind: "volume", match: "*" }] }],
  ["snapshot", "snapshotGroup", { step: "snapshotting", objects: [object] }],
  ["prepare", "prepareMirror", { step: "preparing", object }],
  ["transfer", "openSnapshot", { ...task(), id: "task-1" }],
  ["publish", "publishGroup", { step: "publishing", mirrors: [{ index: 0, volumes: [mirrorOf] }], manifest }],
  ["reclaim", "deleteGroup", { step: "reclaiming", groupIds: [groupId] }],
  ["reclaim", "listGroups", { step: "reclaiming", groupIds: [groupId] }],
  ["rebuild", "objectOfGroup", { step: "rebuilding", fromGroupId: groupId, object, name: "r" }],
  ["rebuild", "rebuildObject", { step: "rebuilding", fromGroupId: groupId, object, name: "r" }],
  ["abort", "abortGroup", { step: "transferring" }],
];
const facilities = { kinds: ["volume"], pools: [], switches: [] };
const answers = {
  ...{ inventory: [object], findObjects: [object], facilities },
  snapshotGroup: {
    takenAt: runTaskFields.issuedAt,
    snapshots: [{ volumeId: "v1", sourceVolumeId: "v1", snapshotId: "s1", sizeBytes: 1 }],
  },
  prepareMirror: [mirrorOf],
  publishGroup: { snapshots: [] },
  listGroups: [],
  objectOfGroup: object,
  rebuildObject: object,
};
const send: SendVolume = async ({ opening }) => {
  await opening;
  return progressOf({ phase: "done" });
};

describe("a storage call that never returns", () => {
  for (const [kind, hangs, fields] of kinds) {
    test(`in a task ${kind} (${hangs}) fails it as TIMEOUT, nothing says any more that it is worked on, and another gateway does it`, async () => {
      const hanging = hangingStorage((name) => name === hangs, answers);
      const bad = setUp({ concurrency: 1, perform: performTask, context: { storage: hanging.driver, send } });
      const wanted = taskSchema.parse({ ...runTaskFields, ...fields, kind });
      await bad.queue.deliver(wanted);
      assert.ok(hanging.calls.some(({ name }) => name === hangs));
      await bad.time.advance(storageTimeouts.durableSeconds * 1000);
      const failed = bad.aboutTasks().at(-1);
      assert.ok(failed?.kind === "failed", "the task is given up");
      assert.equal(failed.reason.code, "TIMEOUT");
      assert.match(failed.reason.message, new RegExp(hangs));
      assert.equal(failed.retryable, true);
      assert.deepEqual(bad.queue.ended(), ["remove r1"]);
      const said = bad.aboutTasks().length;
      await bad.time.advance(60_000);
      assert.equal(bad.aboutTasks().length, said, "somebody goes on saying that it is worked on");
      assert.ok(!bad.queue.calls.slice(-1)[0]?.startsWith("extend"), "its message is kept hidden");

      const good = setUp({
        perform: performTask,
        context: { storage: hangingStorage(() => false, answers).driver, send },
      });
      await good.queue.deliver({ ...wanted, attempt: 2 });
      assert.equal(good.aboutTasks().at(-1)?.kind, "completed");
      // What hung goes on now, beside what was done meanwhile: nobody hears of it.
      hanging.named(hangs).end(answers[hangs as keyof typeof answers]);
      await settle();
      assert.equal(bad.aboutTasks().length, said);
      await Promise.all([bad.stop(), good.stop()]);
    });
  }
});

describe("a task that stands still", () => {
  test("whatever hangs in it, is given up after minutes: an hour has some 15 reports and not 241", async () => {
    const { queue, aboutTasks, time, stop, log } = setUp({ perform: never });
    await queue.deliver(task());
    await time.advance(hourMs);
    const kinds = aboutTasks().map(({ kind }) => kind);
    const working = kinds.filter((kind) => kind === "working").length;
    assert.ok(working > 1 && working <= standstillSeconds / workingSeconds + 2, `${working} reports`);
    assert.deepEqual(kinds.slice(working), ["failed"]);
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "failed" && last.retryable);
    assert.equal(last.reason.code, "TIMEOUT");
    assert.match(last.reason.message, /stood still for 180 s/);
    assert.deepEqual(queue.ended(), ["remove r1"]);
    const extended = queue.calls.filter((call) => call.startsWith("extend")).length;
    assert.ok(extended <= (standstillSeconds + letGoSeconds) / beatSeconds + 1, `${extended} renewals`);
    assert.ok(log.lines.some(({ message }) => message === "task failed"));
    await stop();
  });

  test("gives its place back, and what it comes to afterwards is not told", async () => {
    const { queue, tries, firstTry, aboutTasks, time, stop } = setUp({ concurrency: 1, obeysAbort: false });
    await queue.deliver(task({ id: "t1" }));
    await queue.deliver(task({ id: "t2" }));
    assert.equal(tries.length, 1);
    await time.advance(givenUpMs + letGoSeconds * 1000);
    assert.equal(firstTry().context.signal.aborted, true, "it was told to stop");
    assert.equal(tries[1]?.task.id, "t2");
    await firstTry().resolve(result);
    assert.ok(!aboutTasks().some(({ kind }) => kind === "completed"));
    await stop();
  });

  for (const [what, move] of [
    ["its progress changes", ({ onProgress }, minute) => onProgress(progressOf({ extentsDone: minute }))],
    ["something is acknowledged", ({ onAcknowledged }) => onAcknowledged()],
    ["something is read, sent or answered", ({ onMoved }) => onMoved()],
    ["its storage answers", ({ storage }) => void storage.inventory()],
  ] as const satisfies readonly (readonly [
    string,
    (context: Parameters<typeof performTask>[1], minute: number) => void,
  ])[]) {
    test(`is not one in which every two minutes ${what}`, async () => {
      const { queue, firstTry, aboutTasks, time, stop } = setUp();
      await queue.deliver(task());
      for (let minute = 0; minute < 12; minute += 2) {
        move(firstTry().context, minute);
        await time.advance(120_000);
      }
      assert.equal(aboutTasks().length, (12 * 60) / workingSecondsLater + 1);
      assert.ok(aboutTasks().every(({ kind }) => kind === "working"));
      await stop();
    });
  }

  test("is one that tells the same progress over and over", async () => {
    const { queue, firstTry, aboutTasks, time, stop } = setUp();
    await queue.deliver(task());
    for (let minute = 0; minute < 10; minute++) {
      firstTry().context.onProgress(progressOf({ extentsDone: 3 }));
      await time.advance(60_000);
    }
    assert.equal(aboutTasks().at(-1)?.kind, "failed");
    await stop();
  });

  test("that does not let go keeps its next try waiting for 15 s and no longer", async () => {
    const { queue, tries, aboutTasks, time, stop } = setUp({ obeysAbort: false });
    await queue.deliver(task({ attempt: 1 }));
    await queue.deliver(task({ attempt: 2 }));
    await time.advance(letGoSeconds * 1000 - 1);
    assert.equal(tries.length, 1);
    await time.advance(1);
    assert.equal(tries[1]?.task.attempt, 2);
    assert.deepEqual(queue.ended(), ["remove r1"]);
    await tries[1]?.resolve(result);
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "completed" && last.attempt === 2);
    await stop();
  });

  test("tells that it was fenced, when that is what it ends with", async () => {
    const { queue, firstTry, aboutTasks, time, stop } = setUp({ obeysAbort: false });
    await queue.deliver(task());
    await time.advance(givenUpMs);
    await firstTry().reject(new VisibleError("FENCED", "Somebody newer writes."));
    assert.ok(aboutTasks().every(({ kind }) => kind === "working"));
    assert.deepEqual(queue.ended(), ["remove r1"]);
    await stop();
  });
});

describe("what hangs beside the tasks", () => {
  test("an inventory that never comes does not keep the later ones from being told", async () => {
    let hangs = true;
    const { driver, calls } = hangingStorage(() => hangs, { inventory: [object], facilities });
    const { reports, time, stop } = setUp({ context: { storage: driver } });
    await time.advance(storageTimeouts.answerSeconds * 1000);
    assert.ok(calls.length >= 1 && calls.every(({ call }) => call.signal?.aborted || call === calls.at(-1)?.call));
    hangs = false;
    await time.advance(storageTimeouts.answerSeconds * 1000 + beatSeconds * 1000);
    assert.deepEqual(
      reports.flatMap((report) => (report.kind === "inventory" ? report.objects : [])),
      [object],
    );
    await stop();
  });

  test("an inventory task that hangs lets its message go, and its place", async () => {
    const { driver } = hangingStorage();
    const { queue, tries, time, stop } = setUp({ concurrency: 1, context: { storage: driver } });
    await queue.deliver({ kind: "inventory", id: "i1", siteId: identity.siteId, issuedAt: runTaskFields.issuedAt });
    await queue.deliver(task({ id: "t1" }));
    await time.advance(storageTimeouts.answerSeconds * 1000);
    assert.equal(tries[0]?.task.id, "t1");
    const renewed = queue.calls.filter((call) => call.startsWith("extend r1")).length;
    await time.advance(60_000);
    assert.equal(queue.calls.filter((call) => call.startsWith("extend r1")).length, renewed);
    await stop();
  });

  test("so does one whose report is never taken", async () => {
    const { queue, tries, world, time, stop } = setUp({ concurrency: 1 });
    await settle();
    world.reportsHang = true;
    await queue.deliver({ kind: "inventory", id: "i1", siteId: identity.siteId, issuedAt: runTaskFields.issuedAt });
    await queue.deliver(task({ id: "t1" }));
    await time.advance(1.2 * callSeconds * 1000);
    assert.equal(tries[0]?.task.id, "t1");
    await stop();
  });

  test("a report that is never taken does not keep later ones from being sent", async () => {
    const { world, reports, time, stop } = setUp();
    await settle();
    world.reportsHang = true;
    await time.advance(aliveSeconds * 1000);
    world.reportsHang = false;
    const before = reports.filter(({ kind }) => kind === "alive").length;
    await time.advance((callSeconds + 2 * beatSeconds) * 1000);
    assert.ok(reports.filter(({ kind }) => kind === "alive").length > before);
    await stop();
  });

  test("a task whose last report is never taken gives its message and its place back", async () => {
    const { queue, tries, firstTry, world, time, stop } = setUp({ concurrency: 1 });
    await queue.deliver(task({ id: "t1" }));
    await queue.deliver(task({ id: "t2" }));
    world.reportsHang = true;
    await firstTry().resolve(result);
    await time.advance(2 * callSeconds * 1000);
    assert.equal(tries[1]?.task.id, "t2");
    assert.deepEqual(queue.ended(), [], "the message of the first comes again by itself");
    await stop();
  });

  test("a message that can't be removed because the queue hangs keeps no place", async () => {
    const { queue, tries, firstTry, time, stop } = setUp({ concurrency: 1 });
    queue.source.remove = never;
    await queue.deliver(task({ id: "t1" }));
    await queue.deliver(task({ id: "t2" }));
    await firstTry().resolve(result);
    assert.equal(tries.length, 1);
    await time.advance(callSeconds * 1000);
    assert.equal(tries[1]?.task.id, "t2");
    await stop();
  });

  test("a renewal that never returns does not keep a task's end from being dealt with, nor the next renewal", async () => {
    const { queue, firstTry, time, stop } = setUp();
    const { extend } = queue.source;
    queue.source.extend = never;
    await queue.deliver(task());
    await time.advance(renewSeconds * 1000);
    queue.source.extend = extend;
    firstTry().context.onMoved();
    await time.advance((callSeconds + renewSeconds) * 1000);
    assert.ok(queue.calls.includes(`extend r1 ${visibilitySeconds}`));
    queue.source.extend = never;
    await time.advance(renewSeconds * 1000);
    await firstTry().resolve(result);
    await time.advance(callSeconds * 1000);
    assert.deepEqual(queue.ended(), ["remove r1"]);
    await stop();
  });

  test("a poll that never returns is given up, and what it brings after all is given back", async () => {
    const { queue, tries, time, stop } = setUp();
    const { receive } = queue.source;
    const late = Promise.withResolvers<Awaited<ReturnType<typeof receive>>>();
    let polls = 0;
    queue.source.receive = (options) => (polls++ === 0 ? late.promise : receive(options));
    await time.advance(pollSeconds * 1000 + callSeconds * 1000 + agentTimings.pollBackoffMs.max);
    await queue.deliver(task());
    assert.equal(tries.length, 1);
    late.resolve([{ messageId: "late", receipt: "late", body: "" }]);
    await settle();
    assert.ok(queue.calls.includes("release late"));
    await stop();
  });

  test("settings that can't be taken up because a disk hangs do not keep the next from being taken", async () => {
    const { settings, applied, time, stop } = setUp({ revoke: never });
    const of = (version: number, revocations?: object) => ({
      kind: "settings",
      id: `s${version}`,
      siteId: identity.siteId,
      gatewayId: identity.id,
      version,
      gateways: 1,
      limits: [],
      issuedAt: runTaskFields.issuedAt,
      ...(revocations !== undefined && { revocations }),
    });
    const list = { pem: "p", issuedAt: runTaskFields.issuedAt, authority: "a".repeat(64) };
    await settings.deliver(of(1, list));
    await settings.deliver(of(2));
    assert.deepEqual(
      applied.map(({ version }) => version),
      [1],
    );
    await time.advance(callSeconds * 1000);
    assert.deepEqual(
      applied.map(({ version }) => version),
      [1, 2],
    );
    await stop();
  });
});
