import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { truncate } from "node:fs/promises";
import { describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { bytesAt, initiatorAt, MiB, makeDisk, startTgt, targetName } from "./disks.ts";

describe("a LUN", () => {
  for (const pdus of ["large", "small"] as const) {
    test(`holds what is written, however long it is, in ${pdus} PDUs`, async (context) => {
      const { tgt, file, sizeBytes } = await makeDisk(context, { pdus });
      const lun = await initiatorAt(context, tgt).openLun({ targetName, lun: 1, sessions: 2 });
      assert.deepEqual([lun.sizeBytes, lun.blockBytes, lun.identity.vendor], [sizeBytes, 512, "IET"]);
      for (const [offset, length] of [
        [0, 512],
        [512, 3 * MiB - 512],
        [4 * MiB, 5 * MiB],
        [sizeBytes - 1536, 1536],
      ] as const) {
        const data = randomBytes(length);
        await lun.write(offset, data);
        await lun.flush();
        assert.ok((await bytesAt(file, offset, length)).equals(data));
        const back = Buffer.alloc(length);
        await lun.read(offset, back);
        assert.ok(back.equals(data));
      }
    });
  }

  test("has an id above 255, which is no other one's, and blocks of 4 KiB", async (context) => {
    const { tgt, file } = await makeDisk(context, { lunId: 300, blockBytes: 4096 });
    const initiator = initiatorAt(context, tgt);
    const lun = await initiator.openLun({ targetName, lun: 300 });
    await lun.write(4096, Buffer.alloc(4096, "x"));
    assert.deepEqual(
      await bytesAt(file, 0, 12_288),
      Buffer.from(`${"\0".repeat(4096)}${"x".repeat(4096)}${"\0".repeat(4096)}`),
    );
    await assert.rejects(lun.write(512, Buffer.alloc(4096)), { code: "BAD_REQUEST" });
    await assert.rejects(lun.read(lun.sizeBytes, Buffer.alloc(4096)), { code: "BAD_REQUEST" });
    await assert.rejects(initiator.openLun({ targetName, lun: 300 & 255 }), { code: "VOLUME_UNKNOWN" });
  });

  test("says what is mapped, and gives back what is unmapped", async (context) => {
    const { tgt } = await makeDisk(context);
    const lun = await initiatorAt(context, tgt).openLun({ targetName, lun: 1 });
    await lun.write(MiB, Buffer.alloc(2 * MiB, "x"));
    await lun.flush();
    await lun.unmap(2 * MiB, MiB);
    assert.deepEqual(await lun.mapped(0, 16 * MiB), [
      { offset: 0, length: MiB, isMapped: false },
      { offset: MiB, length: MiB, isMapped: true },
      { offset: 2 * MiB, length: 14 * MiB, isMapped: false },
    ]);
    assert.deepEqual(await lun.mapped(1.5 * MiB, MiB), [
      { offset: 1.5 * MiB, length: MiB / 2, isMapped: true },
      { offset: 2 * MiB, length: MiB / 2, isMapped: false },
    ]);
    const back = Buffer.alloc(MiB, "y");
    await lun.read(2 * MiB, back);
    assert.ok(back.equals(Buffer.alloc(MiB)));
  });

  test("that was made anew and has grown is measured again", async (context) => {
    const { tgt, target, file } = await makeDisk(context);
    const lun = await initiatorAt(context, tgt).openLun({ targetName, lun: 1 });
    await truncate(file, 32 * MiB);
    await target.removeLun(1);
    await target.addLun(1, file);
    assert.equal(await lun.measure(), 32 * MiB);
    await lun.write(31 * MiB, Buffer.alloc(MiB, "x"));
  });

  test("that is gone is unknown, open or not", async (context) => {
    const { tgt, target } = await makeDisk(context);
    const initiator = initiatorAt(context, tgt);
    const lun = await initiator.openLun({ targetName, lun: 1 });
    await target.removeLun(1);
    await assert.rejects(lun.read(0, Buffer.alloc(512)), { code: "VOLUME_UNKNOWN" });
    await assert.rejects(initiator.openLun({ targetName, lun: 1 }), { code: "VOLUME_UNKNOWN" });
    await assert.rejects(initiator.openLun({ targetName: `${targetName}2`, lun: 1 }), { code: "VOLUME_UNKNOWN" });
  });

  test("that is read-only says so", async (context) => {
    const { tgt, target } = await makeDisk(context);
    const lun = await initiatorAt(context, tgt).openLun({ targetName, lun: 1 });
    await target.setLun(1, { readonly: "1" });
    await assert.rejects(lun.write(0, Buffer.alloc(512)), { code: "CLUSTER_REFUSED" });
  });
});

describe("logging in", () => {
  const chap = { user: "us", secret: "abcdefghijkl" };

  test("proves who we are, and is refused by name without", async (context) => {
    const { tgt } = await makeDisk(context, { chap });
    const lun = await initiatorAt(context, tgt, { chap }).openLun({ targetName, lun: 1 });
    await lun.write(0, Buffer.alloc(512));
    for (const other of [undefined, { ...chap, secret: "abcdefghijkm" }, { ...chap, user: "you" }]) {
      const initiator = initiatorAt(context, tgt, other === undefined ? {} : { chap: other });
      const refused = await initiator.openLun({ targetName, lun: 1 }).catch((error: unknown) => error);
      assert.ok(VisibleError.is(refused, "CLUSTER_REFUSED"), `${refused}`);
      assert.doesNotMatch(JSON.stringify([refused, `${refused.stack}`]), /abcdefghijk/);
    }
  });

  test("needs no proof where none is asked for, though we could give one", async (context) => {
    const { tgt } = await makeDisk(context);
    const lun = await initiatorAt(context, tgt, { chap }).openLun({ targetName, lun: 1 });
    await lun.read(0, Buffer.alloc(512));
  });
});

describe("finding out what there is", () => {
  test("tells a portal's targets and a target's LUNs", async (context) => {
    const chap = { user: "us", secret: "abcdefghijkl" };
    const { tgt, target, file } = await makeDisk(context, { chap });
    await target.addLun(300, file);
    for (let i = 0; i < 200; i++)
      await tgt.createTarget({ name: `${targetName}-with-a-long-name-${i}`, pdus: "small" });
    const initiator = initiatorAt(context, tgt, { chap });
    assert.deepEqual(await initiator.luns(targetName), [0, 1, 300]);
    const targets = await initiator.targets();
    assert.equal(targets.length, 201);
    assert.ok(targets.some(({ name, addresses }) => name === targetName && addresses[0] === `127.0.0.1:${tgt.port},1`));
  });

  test("fails by name where nobody listens", async (context) => {
    const tgt = await startTgt(context);
    await tgt.stop();
    const initiator = initiatorAt(context, tgt);
    await assert.rejects(initiator.targets(), { code: "CLUSTER_UNREACHABLE" });
    await assert.rejects(initiator.luns(targetName), { code: "CLUSTER_UNREACHABLE" });
    await assert.rejects(initiator.openLun({ targetName, lun: 1 }), { code: "CLUSTER_UNREACHABLE" });
  });
});
