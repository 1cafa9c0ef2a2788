import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { OutcomeUnknownError } from "../outcome.ts";
import { type ScriptedAnswer, scriptedTask, scriptedTower } from "./testing.ts";

const idSchema = z.object({ id: z.string() });
type Answers = (nth: number) => ScriptedAnswer;

const changing = async (
  t: Parameters<typeof scriptedTower>[0],
  tasks: Answers,
  ids: readonly string[] = ["task-1"],
) => {
  const scripted = await scriptedTower(t, {
    "create-iscsi-lun": () => ids.map((task_id) => ({ task_id, data: { id: `of ${task_id}` } })),
    "get-tasks": (_, nth) => tasks(nth),
  });
  return { ...scripted, change: (call = {}) => scripted.tower.change("create-iscsi-lun", [], idSchema, call) };
};

describe("a task of the cluster", () => {
  test("may take as long as it moves, and tells of it", async (t) => {
    let moved = 0;
    const { change, time } = await changing(t, (nth) => [
      nth < 500
        ? scriptedTask("task-1", "EXECUTING", { progress: Math.floor(nth / 10) })
        : scriptedTask("task-1", "SUCCESSED"),
    ]);
    await change({
      onMoved: () => {
        moved += 1;
      },
    });
    assert.ok(time.nowMs() > 300_000, `${time.nowMs()} ms`);
    assert.ok(moved >= 40, `${moved}`);
  });

  test("moves also by what a step of it has done", async (t) => {
    const { change, time } = await changing(t, (nth) => [
      nth < 200
        ? scriptedTask("task-1", "EXECUTING", { steps: [{ current: Math.floor(nth / 10), finished: false }] })
        : scriptedTask("task-1", "SUCCESSED"),
    ]);
    await change();
    assert.ok(time.nowMs() > 120_000, `${time.nowMs()} ms`);
  });

  for (const status of ["PENDING", "EXECUTING", "PAUSED"]) {
    test(`that stays ${status} ends the waiting, and what comes of it is not known`, async (t) => {
      const { change, time } = await changing(t, () => [scriptedTask("task-1", status)]);
      const error: unknown = await change().catch((thrown: unknown) => thrown);
      assert.ok(error instanceof OutcomeUnknownError);
      assert.deepEqual([error.code, error.sent], ["TIMEOUT", true]);
      assert.match(error.message, /Task task-1 of create-iscsi-lun .* has not moved for 90 s/);
      assert.ok(time.nowMs() < 200_000, `${time.nowMs()} ms`);
    });
  }

  test("is seen to have ended before it has taken a third longer than it did", async (t) => {
    for (const endsMs of [20, 300, 4_000]) {
      const { change, time } = await changing(t, () => [
        scriptedTask("task-1", time.nowMs() < endsMs ? "EXECUTING" : "SUCCESSED"),
      ]);
      await change();
      assert.ok(time.nowMs() >= endsMs && time.nowMs() <= 1.34 * endsMs + 10, `${time.nowMs()} ms of ${endsMs}`);
    }
  });

  test("that CloudTower does not list yet is waited for", async (t) => {
    const { change } = await changing(t, (nth) => (nth < 5 ? [] : [scriptedTask("task-1", "SUCCESSED")]));
    assert.deepEqual(await change(), [{ id: "of task-1" }]);
  });

  test("that fails is told of in the cluster's own words, when the others have ended", async (t) => {
    const failed = scriptedTask("task-1", "FAILED", { error_code: "ELUN", error_message: "no\nspace" });
    const { change, count } = await changing(
      t,
      (nth) => [failed, scriptedTask("task-2", nth < 4 ? "EXECUTING" : "SUCCESSED")],
      ["task-1", "task-2"],
    );
    const error: unknown = await change().catch((thrown: unknown) => thrown);
    assert.ok(VisibleError.is(error, "CLUSTER_TASK_FAILED"));
    assert.match(error.message, /create-iscsi-lun at .* failed: ELUN: no space\./);
    assert.equal(count("get-tasks"), 4);
  });

  test("that fails because an object is locked says that the cluster is busy", async (t) => {
    const { change } = await changing(t, () => [scriptedTask("task-1", "FAILED", { error_code: "ResourceLocked" })]);
    await assert.rejects(change(), (error) => VisibleError.is(error, "CLUSTER_BUSY"));
  });

  test("that nobody can ask for any more may have been done", async (t) => {
    const { change } = await changing(t, () => "cut");
    const error: unknown = await change().catch((thrown: unknown) => thrown);
    assert.ok(error instanceof OutcomeUnknownError);
    assert.equal(error.code, "CLUSTER_UNREACHABLE");
  });

  test("is not waited for any more when that is called off", async (t) => {
    const stop = new AbortController();
    const { change } = await changing(t, (nth) => {
      if (nth === 3) stop.abort(new Error("enough"));
      return [scriptedTask("task-1", "EXECUTING", { progress: nth })];
    });
    await assert.rejects(change({ signal: stop.signal }), { message: "enough" });
  });
});
