import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { Tgt } from "../tgt.ts";
import { bytesAt, folderOf, initiatorAt, MiB, sparseFile, startTgt, targetName } from "./disks.ts";

const sizeBytes = 32 * MiB;

/** A portal that sends everybody to a node, and two nodes with the same disk. */
const cluster = async (context: TestContext) => {
  const file = await sparseFile(join(await folderOf(context), "disk"), sizeBytes);
  const portal = await startTgt(context);
  const door = await portal.createTarget({ name: targetName });
  const nodes = [
    await startTgt(context, { host: "127.0.0.2" }),
    await startTgt(context, { host: "127.0.0.3" }),
  ] as const;
  const targets = await Promise.all(nodes.map((node) => node.createTarget({ name: targetName })));
  await Promise.all(targets.map((target) => target.addLun(1, file)));
  await door.redirect(nodes[0]);
  const [first, second] = targets;
  assert(first !== undefined && second !== undefined);
  return { file, portal, door, nodes, targets: [first, second] as const };
};

/** How a node ends: its connections are reset, or nothing is heard of it any more. */
const ends = {
  dies: (node: Tgt) => node.stop(),
  "falls silent": async (node: Tgt) => node.freeze(),
} as const;

describe("a portal with two nodes", () => {
  test("sends each session to a node, for now or for good", async (context) => {
    const { portal, door, nodes, targets } = await cluster(context);
    const initiator = initiatorAt(context, portal);
    for (const reason of ["Temporary", "Permanent"]) {
      await door.redirect(nodes[1], reason);
      const lun = await initiator.openLun({ targetName, lun: 1, sessions: 2 });
      assert.equal((await targets[1].connections()).length, 2);
      await lun.close();
    }
    assert.equal((await targets[0].connections()).length, 0);
  });

  test("that sends us round in circles is left", async (context) => {
    const { portal, nodes, targets } = await cluster(context);
    await targets[0].redirect(nodes[1]);
    await targets[1].redirect(nodes[0]);
    const initiator = initiatorAt(context, portal);
    await assert.rejects(initiator.openLun({ targetName, lun: 1 }), {
      code: "CLUSTER_REFUSED",
      message: /node to node/,
    });
  });

  for (const [how, end] of Object.entries(ends)) {
    test(`of which one ${how} while it is read and written goes on with the other`, async (context) => {
      const { file, portal, door, nodes, targets } = await cluster(context);
      const limits = { silenceSeconds: 1, answerSeconds: 2, requestBytes: 128 * 1024 };
      const lun = await initiatorAt(context, portal, { limits }).openLun({ targetName, lun: 1, sessions: 2 });
      const data = randomBytes(sizeBytes);
      await lun.write(0, data.subarray(0, 16 * MiB));
      const back = Buffer.alloc(16 * MiB);
      const [readBegun, writeBegun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const reading = lun.read(0, back, { onMoved: readBegun.resolve });
      const writing = lun.write(16 * MiB, data.subarray(16 * MiB), { onMoved: writeBegun.resolve });
      await Promise.all([readBegun.promise, writeBegun.promise]);
      await end(nodes[0]);
      await door.redirect(nodes[1]);
      await Promise.all([reading, writing]);
      await lun.flush();
      assert.ok(back.equals(data.subarray(0, 16 * MiB)));
      assert.ok((await bytesAt(file, 0, sizeBytes)).equals(data));
      assert.equal((await targets[1].connections()).length, 2);
    });
  }

  test("that are both gone make a call fail after so many tries", async (context) => {
    const { portal, nodes } = await cluster(context);
    const lun = await initiatorAt(context, portal, { limits: { reconnects: 3 } }).openLun({ targetName, lun: 1 });
    await Promise.all(nodes.map((node) => node.stop()));
    await assert.rejects(lun.read(0, Buffer.alloc(512)), { code: "CLUSTER_UNREACHABLE" });
  });

  test("are both tried where the portal is gone", async (context) => {
    const { portal, nodes } = await cluster(context);
    const initiator = initiatorAt(context, portal, { portals: [portal, ...nodes] });
    await portal.stop();
    await nodes[0].stop();
    const lun = await initiator.openLun({ targetName, lun: 1 });
    await lun.read(0, Buffer.alloc(512));
  });
});

describe("a call that is called off", () => {
  test("ends with the reason when its target has forgotten it, and leaves its buffer alone", async (context) => {
    const { portal, nodes, targets } = await cluster(context);
    const limits = { abortSeconds: 1 };
    const lun = await initiatorAt(context, portal, { limits }).openLun({ targetName, lun: 1 });
    await lun.write(0, Buffer.alloc(8 * MiB, "x"));
    for (const isFrozen of [false, true]) {
      const stop = new AbortController();
      const into = Buffer.alloc(8 * MiB);
      if (isFrozen) nodes[0].freeze();
      const reading = lun.read(0, into, { signal: stop.signal });
      const writing = lun.write(8 * MiB, Buffer.alloc(8 * MiB, "y"), { signal: stop.signal });
      stop.abort(new Error("enough"));
      await assert.rejects(reading, /enough/);
      await assert.rejects(writing, /enough/);
      const then = Buffer.from(into);
      if (isFrozen) nodes[0].thaw();
      await lun.read(0, Buffer.alloc(512));
      assert.ok(into.equals(then));
    }
    assert.equal((await targets[0].connections()).length, 1);
  });

  test("that stands still is aborted, and says so", async (context) => {
    const { portal, nodes } = await cluster(context);
    const limits = { commandSeconds: 1, abortSeconds: 1 };
    const lun = await initiatorAt(context, portal, { limits }).openLun({ targetName, lun: 1 });
    nodes[0].freeze();
    await assert.rejects(lun.read(0, Buffer.alloc(512)), { code: "TIMEOUT" });
    nodes[0].thaw();
    await lun.read(0, Buffer.alloc(512));
  });
});
