import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ErrorCode, errorToldAs, VisibleError } from "../../core/api/errors.ts";
import type { TaskResult } from "../../core/api/task.ts";
import { progressOf, runTaskFields } from "../tasks/testing.ts";
import { result, setUp, task, volume } from "./testing-agent.ts";

describe("a task's life", () => {
  test("a task is reported as worked on after 3 s, 15 s later and then every 30 s, with its newest progress", async () => {
    const { queue, aboutTasks, firstTry, time, stop } = setUp();
    await queue.deliver(task());
    await time.advance(2_900);
    assert.deepEqual(aboutTasks(), []);
    await time.advance(100);
    firstTry().context.onProgress(progressOf({ extentsDone: 3 }));
    await time.advance(15_000);
    firstTry().context.onProgress(progressOf({ extentsDone: 4 }));
    await time.advance(29_900);
    assert.equal(aboutTasks().length, 2);
    await time.advance(100);
    const progresses = aboutTasks().map((report) => (report.kind === "working" ? report.progress?.extentsDone : null));
    assert.deepEqual(progresses, [undefined, 3, 4]);
    await time.advance(30_000);
    assert.equal(aboutTasks().length, 4);
    await stop();
  });

  test("a task's message is renewed for 18 s every 7 s while it is worked on", async () => {
    const { queue, time, stop } = setUp();
    await queue.deliver(task());
    await time.advance(21_000);
    assert.deepEqual(queue.calls, ["extend r1 18", "extend r1 18", "extend r1 18"]);
    await stop();
  });

  test("tasks that were begun at different times are renewed at the same ones", async () => {
    const { queue, time, stop } = setUp();
    for (const id of ["t1", "t2", "t3"]) {
      await queue.deliver(task({ id }));
      await time.advance(3_250);
    }
    assert.deepEqual(queue.calls, ["extend r1 18", "extend r2 18"], "what was begun just before it can wait");
    await time.advance(7_000);
    assert.deepEqual(queue.calls.slice(2).toSorted(), ["extend r1 18", "extend r2 18", "extend r3 18"]);
    await stop();
  });

  test("a completed task is reported, then its message is removed, and nothing renews it any more", async () => {
    const { queue, aboutTasks, firstTry, time, stop } = setUp();
    await queue.deliver(task());
    await firstTry().resolve(result);
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "completed");
    assert.deepEqual(last.result, result);
    assert.equal(last.taskId, "task-1");
    assert.equal(last.gatewayId, "a1");
    await time.advance(60_000);
    assert.deepEqual(queue.calls, ["remove r1"]);
    assert.equal(aboutTasks().at(-1)?.kind, "completed");
    await stop();
  });

  test("a completed task whose report is lost keeps its message, which is not renewed, so the task is repeated", async () => {
    const { queue, aboutTasks, firstTry, world, time, tries, stop } = setUp();
    await queue.deliver(task());
    world.reportsFail = true;
    await firstTry().resolve(result);
    await time.advance(30_000);
    assert.deepEqual(queue.calls, []);
    world.reportsFail = false;
    await queue.deliver(task(), "message-1");
    await tries[1]?.resolve(result);
    assert.equal(aboutTasks().at(-1)?.kind, "completed");
    assert.deepEqual(queue.calls, ["remove r2"]);
    await stop();
  });

  test("what came of a task and is too large to be told fails it for good, with what to do", async () => {
    const { queue, aboutTasks, firstTry, stop } = setUp();
    await queue.deliver(task());
    const object = { ...volume("v1"), labels: { text: "é".repeat(200_000) } };
    await firstTry().resolve({ kind: "rebuild", object });
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "failed");
    assert.equal(last.reason.code, "MESSAGE_TOO_LARGE");
    assert.match(last.reason.message, /has 1\d{6} bytes; a message may have 1048576\. Split the plan's objects/);
    assert.equal(last.retryable, false);
    assert.deepEqual(queue.calls, ["remove r1"]);
    await stop();
  });

  test("what a snapshot came to is told in parts, and its message is removed after the last of them", async () => {
    const { queue, aboutTasks, firstTry, tries, world, reports, time, stop } = setUp();
    const objects = Array.from({ length: 450 }, (_, index) => ({
      config: volume(`v${index}`),
      snapshotIds: [`s${index}`],
    }));
    const taken: TaskResult = { kind: "snapshot", takenAt: runTaskFields.issuedAt, from: 0, objects };
    await queue.deliver(task());
    world.reportsFailAfter = reports.length + 2;
    await firstTry().resolve(taken);
    assert.deepEqual(queue.calls, []);
    await time.advance(30_000);
    const told = () => aboutTasks().filter((report) => report.kind === "completed");
    const first = told();
    assert.equal(first.length, 2);
    world.reportsFailAfter = Number.POSITIVE_INFINITY;
    await queue.deliver(task(), "message-1");
    await tries[1]?.resolve(taken);
    assert.deepEqual(queue.calls, ["remove r2"]);
    const again = told().slice(2);
    assert.deepEqual(again.slice(0, 2), first);
    assert.deepEqual(
      again.map(({ part, result: of }) => [part?.number, part?.of, of.kind === "snapshot" && of.from]),
      [
        [0, 3, 0],
        [1, 3, 200],
        [2, 3, 400],
      ],
    );
    assert.deepEqual(
      again.flatMap(({ result: of }) => (of.kind === "snapshot" ? of.objects : [])),
      objects,
    );
    await stop();
  });

  for (const [code, retryable] of [
    ["STORE_FULL", true],
    ["LINK_BROKEN", true],
    ["BASE_MISSING", false],
    ["GROUP_ABORTED", false],
  ] as const satisfies readonly (readonly [ErrorCode, boolean])[]) {
    test(`${code} fails the task with its own code, ${retryable ? "worth a retry" : "for good"}`, async () => {
      const { queue, aboutTasks, firstTry, stop } = setUp();
      await queue.deliver(task());
      await firstTry().reject(new VisibleError(code, "What happened."));
      const last = aboutTasks().at(-1);
      assert.ok(last?.kind === "failed");
      const message = code === "STORE_FULL" ? "Site a: What happened." : "What happened.";
      assert.deepEqual(last.reason, { code, message });
      assert.equal(last.retryable, retryable);
      assert.equal(last.progressed, false);
      assert.deepEqual(queue.calls, ["remove r1"]);
      await stop();
    });
  }

  test("what to do is told with this site's name, which a storage does not know", async () => {
    const { queue, aboutTasks, firstTry, stop } = setUp();
    await queue.deliver(task());
    const hint = "Rebuild it all the same: smtx-backup rebuild group_1 --site SITE --damaged.";
    await firstTry().reject(new VisibleError("GROUP_DAMAGED", "It is damaged.", { hint }));
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "failed");
    assert.match(last.reason.message, / smtx-backup rebuild group_1 --site a --damaged\.$/);
    await stop();
  });

  test("a pool or a disk is told with the site whose it is", () => {
    for (const code of ["POOL_FULL", "DISK_FAILED", "STORE_FULL"] as const) {
      assert.equal(errorToldAs({ code, message: "No room." }, "b").message, "Site b: No room.");
    }
    assert.equal(errorToldAs({ code: "LINK_BROKEN", message: "No route." }, "b").message, "No route.");
  });

  test("a failure of a storage is told with the site whose it is, and what to do", async () => {
    const hint = "Check the disk.";
    for (const [toldBy, said] of [
      [undefined, "Site a: A block is damaged. Check the disk."],
      ["b", "Site b: A block is damaged. Check the disk."],
    ] as const) {
      const { queue, aboutTasks, firstTry, stop } = setUp();
      await queue.deliver(task());
      const told = { code: "STORE_CORRUPT", message: "A block is damaged.", hint };
      await firstTry().reject(errorToldAs(told, toldBy));
      const last = aboutTasks().at(-1);
      assert.ok(last?.kind === "failed");
      assert.equal(last.reason.message, said);
      await stop();
    }
  });

  test("a rate is told while it is true, and is none when nothing has moved for a while", async () => {
    const { queue, aboutTasks, firstTry, time, stop } = setUp();
    await queue.deliver(task());
    const rate = { doneBytesPerSecond: 10, sentBytesPerSecond: 5 };
    await time.advance(2000);
    firstTry().context.onProgress({ ...progressOf({ phase: "sending" }), rate });
    await time.advance(60_000);
    const rates = aboutTasks().map((report) => (report.kind === "working" ? report.progress?.rate : undefined));
    const still = { doneBytesPerSecond: 0, sentBytesPerSecond: 0 };
    assert.deepEqual(rates, [rate, still, still]);
    await stop();
  });

  test("an error that nobody expected is INTERNAL, worth a retry, and logged with its stack", async () => {
    const { queue, aboutTasks, firstTry, log, stop } = setUp();
    await queue.deliver(task());
    await firstTry().reject(new TypeError("x is not a function"));
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "failed");
    assert.equal(last.reason.code, "INTERNAL");
    assert.match(last.reason.message, /x is not a function/);
    assert.equal(last.retryable, true);
    const line = log.lines.find(({ level }) => level === "error");
    assert.ok(line?.fields["err"] instanceof TypeError);
    assert.equal(line.fields["task"], "task-1");
    await stop();
  });

  test("a host that has too few descriptors is told as that, with what to do", async () => {
    const { queue, aboutTasks, firstTry, stop } = setUp();
    await queue.deliver(task());
    await firstTry().reject(Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" }));
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "failed");
    assert.equal(last.reason.code, "TOO_FEW_DESCRIPTORS");
    assert.match(last.reason.message, /^The gateway of site \w+ may not open more files\. .*ulimit/);
    await stop();
  });

  test("a reason that would be too long for a message is shortened", async () => {
    const { queue, aboutTasks, firstTry, stop } = setUp();
    await queue.deliver(task());
    await firstTry().reject(new VisibleError("OBJECT_UNKNOWN", "数".repeat(1e6)));
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "failed");
    assert.match(last.reason.message, /^数{1999}…$/);
    await stop();
  });

  test("a failed task says when something was acknowledged in this try", async () => {
    const { queue, aboutTasks, firstTry, stop } = setUp();
    await queue.deliver(task());
    firstTry().context.onAcknowledged();
    await firstTry().reject(new VisibleError("LINK_BROKEN", "The link broke."));
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "failed");
    assert.equal(last.progressed, true);
    await stop();
  });

  test("a fenced task is dropped without a report: somebody newer works on it", async () => {
    const { queue, aboutTasks, firstTry, stop } = setUp();
    await queue.deliver(task());
    await firstTry().reject(new VisibleError("FENCED", "Somebody newer writes."));
    assert.deepEqual(aboutTasks(), []);
    assert.deepEqual(queue.calls, ["remove r1"]);
    await stop();
  });

  test("a renewal that fails does not end the work", async () => {
    const { queue, time, firstTry, log, stop } = setUp();
    queue.source.extend = () => Promise.reject(new Error("the receipt is gone"));
    await queue.deliver(task());
    await time.advance(14_000);
    assert.equal(log.lines.filter(({ message }) => message.startsWith("could not keep")).length, 2);
    await firstTry().resolve(result);
    assert.deepEqual(queue.calls, ["remove r1"]);
    await stop();
  });

  test("reports of progress that can't be sent do not end the work", async () => {
    const { queue, world, time, firstTry, stop } = setUp();
    world.reportsFail = true;
    await queue.deliver(task());
    await time.advance(30_000);
    world.reportsFail = false;
    await firstTry().resolve(result);
    assert.deepEqual(queue.ended(), ["remove r1"]);
    await stop();
  });
});

describe("a task that comes again", () => {
  test("the same message does not run twice, and the newest receipt renews and removes it", async () => {
    const { queue, tries, firstTry, time, stop } = setUp();
    await queue.deliver(task(), "message-1");
    await queue.deliver(task(), "message-1");
    assert.equal(tries.length, 1);
    await time.advance(7_000);
    await firstTry().resolve(result);
    assert.deepEqual(queue.calls, ["extend r2 18", "remove r2"]);
    await stop();
  });

  test("another message with the same try is removed at once, and the work goes on", async () => {
    const { queue, tries, firstTry, stop } = setUp();
    await queue.deliver(task(), "message-1");
    await queue.deliver(task(), "message-2");
    assert.equal(tries.length, 1);
    assert.deepEqual(queue.calls, ["remove r2"]);
    await firstTry().resolve(result);
    assert.deepEqual(queue.calls, ["remove r2", "remove r1"]);
    await stop();
  });

  test("a newer try takes the older one's place, after that has ended", async () => {
    const { queue, tries, firstTry, aboutTasks, stop } = setUp({ obeysAbort: false });
    await queue.deliver(task({ attempt: 1 }));
    await queue.deliver(task({ attempt: 2 }));
    assert.equal(tries.length, 1, "two tries ran at the same time");
    assert.equal(firstTry().context.signal.aborted, true);
    await firstTry().reject(new VisibleError("LINK_BROKEN", "The sockets were closed."));
    assert.equal(tries[1]?.task.attempt, 2);
    await tries[1]?.resolve(result);
    assert.deepEqual(queue.calls, ["remove r1", "remove r2"]);
    const last = aboutTasks().at(-1);
    assert.ok(last?.kind === "completed");
    assert.equal(last.attempt, 2);
    assert.ok(aboutTasks().every(({ kind }) => kind !== "failed"));
    await stop();
  });

  test("an older try than the one that is worked on is removed", async () => {
    const { queue, tries, stop } = setUp();
    await queue.deliver(task({ attempt: 3 }));
    await queue.deliver(task({ attempt: 2 }));
    assert.equal(tries.length, 1);
    assert.deepEqual(queue.calls, ["remove r2"]);
    await stop();
  });

  test("after it has ended it is done again", async () => {
    const { queue, tries, firstTry, stop } = setUp();
    await queue.deliver(task());
    await firstTry().resolve(result);
    await queue.deliver(task());
    assert.equal(tries.length, 2);
    await stop();
  });
});
