import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import { messageBytesMax } from "../../core/api/message.ts";
import type { Task } from "../../core/api/task.ts";
import { createMemoryTaskQueue } from "./task-queue.ts";

const siteId = "a" as SiteId;
const task: Task = { kind: "inventory", id: "inventory_1", siteId, issuedAt: "2026-11-24T12:00:00.000Z" as Instant };

test("a memory task queue gives each site's tasks once, oldest first, with their delays", async () => {
  const queue = createMemoryTaskQueue();
  await queue.ensure("b" as SiteId);
  await queue.send(siteId, [{ task }, { task: { ...task, id: "inventory_2" }, delaySeconds: 7 }]);
  assert.deepEqual(queue.sites(), ["b", "a"]);
  assert.deepEqual(queue.takeAll("b" as SiteId), []);
  assert.deepEqual(queue.takeAll(siteId), [
    { task, delaySeconds: 0 },
    { task: { ...task, id: "inventory_2" }, delaySeconds: 7 },
  ]);
  assert.deepEqual(queue.takeAll(siteId), []);
});

test("a memory task queue takes no message that is too large for one, nor what was sent with it", async () => {
  const queue = createMemoryTaskQueue();
  const large = { ...task, id: "x".repeat(messageBytesMax) };
  await assert.rejects(queue.send(siteId, [{ task }, { task: large }]), { code: "MESSAGE_TOO_LARGE" });
  assert.deepEqual(queue.takeAll(siteId), []);
});
