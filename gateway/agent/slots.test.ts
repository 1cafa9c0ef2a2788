import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { siteIdSchema } from "../../core/api/ids.ts";
import type { RunTask } from "../../core/api/task.ts";
import { progressOf } from "../tasks/testing.ts";
import { result, setUp, task } from "./testing-agent.ts";

const [b, c] = ["b", "c"].map((id) => siteIdSchema.parse(id));
const to = (target: RunTask["target"] | undefined, id: string) => task({ id, ...(target && { target }) });
type World = ReturnType<typeof setUp>;
const begun = ({ tries }: World) => tries.map((one) => one.task.id);
const tryOf = ({ tries }: World, id: string) => {
  const found = tries.find((one) => one.task.id === id);
  assert.ok(found, `${id} was not begun`);
  return found;
};

describe("slots of targets", () => {
  test("a target that reads 512 KiB every 29 s holds its own share, and the source's other target goes on", async () => {
    const world = setUp({ isFair: true });
    const { queue, time, aboutTasks, stop } = world;
    for (const id of ["b1", "b2", "b3", "b4", "b5", "b6"]) await queue.deliver(to(b, id));
    const slow = ["b1", "b2", "b3", "b4"];
    assert.deepEqual(begun(world), slow);
    for (const id of ["c1", "c2", "c3"]) await queue.deliver(to(c, id));
    assert.deepEqual(begun(world), [...slow, "c1", "c2"]);
    for (const id of ["c1", "c2", "c3"]) await tryOf(world, id).resolve(result);
    // An hour of a reader whom nothing can be said against.
    for (let chunks = 0; chunks < 124; chunks++) {
      for (const id of slow) tryOf(world, id).context.onMoved();
      await time.advance(29_000);
    }
    await queue.deliver(to(c, "c4"));
    assert.deepEqual(begun(world), [...slow, "c1", "c2", "c3", "c4"], "the slow one has no slot more");
    assert.deepEqual(
      aboutTasks().filter(({ kind }) => kind === "failed"),
      [],
      "waiting is no try",
    );
    await stop();
  });

  test("a task that waits is told as worked on, keeps its message, and begins when a slot is free", async () => {
    const world = setUp({ isFair: true, concurrency: 1 });
    const { queue, time, aboutTasks, stop } = world;
    await queue.deliver(to(b, "b1"));
    await queue.deliver(to(b, "b2"));
    await time.advance(50_000);
    assert.ok(aboutTasks().some((report) => report.kind === "working" && report.taskId === "b2"));
    assert.deepEqual(queue.ended(), []);
    assert.ok(queue.calls.includes("extend r2 18"));
    await tryOf(world, "b1").resolve(result);
    assert.deepEqual(begun(world), ["b1", "b2"]);
    await stop();
  });

  test("a task that waited for a minute is given back, for another gateway may have a slot", async () => {
    const world = setUp({ isFair: true, concurrency: 1 });
    const { queue, time, aboutTasks, stop } = world;
    await queue.deliver(to(b, "b1"));
    await queue.deliver(to(b, "b2"));
    await time.advance(60_000);
    assert.deepEqual(queue.ended(), ["release r2"]);
    assert.ok(aboutTasks().every(({ kind }) => kind === "working"));
    await queue.deliver(to(b, "b2"), "message-2");
    await tryOf(world, "b1").resolve(result);
    assert.deepEqual(begun(world), ["b1", "b2"]);
    await stop();
  });

  test("tasks of a slow target before it in the queue, however many, keep none of another's waiting", async () => {
    const world = setUp({ isFair: true, concurrency: 2 });
    const { queue, time, stop } = world;
    for (let count = 0; count < 300; count++) await queue.deliver(to(b, `b${count}`));
    await queue.deliver(to(c, "c1"));
    await time.advance(60_000);
    assert.deepEqual(begun(world), ["b0", "b1", "c1"]);
    // The 234 that are passed over come ten at a time and a second apart, and then nothing comes.
    assert.ok(queue.polls.length < 67 + 24 + 20, `${queue.polls.length} polls in a minute`);
    assert.equal(queue.calls.filter((call) => call.startsWith("release")).length, 64);
    await stop();
  });

  test("a stop gives back what waits as well", async () => {
    const world = setUp({ isFair: true, concurrency: 1 });
    await world.queue.deliver(to(b, "b1"));
    await world.queue.deliver(to(b, "b2"));
    await world.stop();
    assert.deepEqual(world.queue.ended().toSorted(), ["release r1", "release r2"]);
  });

  test("the next try of a task that waits takes its place", async () => {
    const world = setUp({ isFair: true, concurrency: 1 });
    const { queue, stop } = world;
    await queue.deliver(to(b, "b1"));
    await queue.deliver(to(b, "b2"));
    await queue.deliver(task({ id: "b2", ...(b && { target: b }), attempt: 2 }));
    await tryOf(world, "b1").resolve(result);
    assert.equal(tryOf(world, "b2").task.attempt, 2);
    assert.deepEqual(queue.ended(), ["remove r2", "remove r1"]);
    await stop();
  });
});

test("attachments last for hours, and keep none of the places that backups need", async () => {
  const world = setUp({ concurrency: 2 });
  const { queue, stop } = world;
  const attach = {
    ...{ kind: "attach", step: "attaching", until: "2026-03-08T01:00:00.000Z", writable: false },
    ...{ fromGroupId: task().groupId, object: { kind: "lun", id: "lun-1" } },
  };
  for (const id of ["a1", "a2", "a3", "a4"]) await queue.deliver({ ...task({ id }), ...attach });
  for (const id of ["t1", "t2", "t3"]) await queue.deliver(task({ id }));
  assert.deepEqual(begun(world), ["a1", "a2", "a3", "a4", "t1", "t2"]);
  await tryOf(world, "a1").resolve({ kind: "attach", progress: progressOf({ phase: "done" }) });
  assert.deepEqual(begun(world).length, 6, "its end frees no place either");
  await tryOf(world, "t1").resolve(result);
  assert.deepEqual(begun(world).at(-1), "t3");
  await stop();
});
