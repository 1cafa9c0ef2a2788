import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Lun } from "../../../gateway/iscsi/lun/lun.ts";
import { bytesAt, initiatorAt, makeDisk, targetName } from "./disks.ts";

const KiB = 1024;
const pieceBytes = 256 * KiB;
const pieces = 8;

const isFenced = { code: "FENCED" };

/**
 * Writes all pieces again and again, all at once, until it is fenced. @returns how often it wrote
 * one
 */
const writeUntilFenced = async (lun: Lun, data: Buffer): Promise<number> => {
  const writer = async (piece: number): Promise<number> => {
    for (let writes = 0; ; writes += 1) {
      try {
        await lun.write(piece * pieceBytes, data);
      } catch (error) {
        assert.ok(VisibleError.is(error, "FENCED"), `${error}`);
        return writes;
      }
    }
  };
  const writes = await Promise.all(Array.from({ length: pieces }, (_, piece) => writer(piece)));
  return writes.reduce((sum, count) => sum + count, 0);
};

describe("a LUN with a reservation", () => {
  test("is written by those who have registered, through all their sessions, and read by everybody", async (context) => {
    const { tgt } = await makeDisk(context);
    const options = { targetName, lun: 1, sessions: 3 };
    const ours = await initiatorAt(context, tgt).openLun({ ...options, reservationKey: 7n });
    const other = await initiatorAt(context, tgt, { initiatorName: "iqn.2020-01.test:other" }).openLun(options);
    assert.deepEqual(await ours.reservation.holder(), { key: 7n, type: 5 });
    assert.deepEqual((await other.reservation.keys()).keys, [7n, 7n, 7n]);
    await ours.write(0, Buffer.alloc(4 * pieceBytes, "x"));
    await other.read(0, Buffer.alloc(512));
    await assert.rejects(other.write(0, Buffer.alloc(512)), isFenced);
    await assert.rejects(other.read(0, Buffer.alloc(512)), isFenced, "fenced is for good");
  });

  test("is taken over by one of those who try, and the loser has not written", async (context) => {
    const { tgt } = await makeDisk(context);
    const open = (key: bigint) =>
      initiatorAt(context, tgt).openLun({ targetName, lun: 1, reservationKey: key, sessions: 2 });
    const old = await open(1n);
    const [one, two] = [await open(2n), await open(3n)];
    const tries = await Promise.allSettled([one.reservation.preempt(2n, 1n), two.reservation.preempt(3n, 1n)]);
    const lost = tries.filter((each) => each.status === "rejected");
    assert.equal(lost.length, 1);
    assert.ok(VisibleError.is(lost[0]?.reason, "FENCED"));
    const [winner, loser, key] = tries[0].status === "fulfilled" ? [one, two, 2n] : [two, one, 3n];
    await loser.reservation.unregister(key === 2n ? 3n : 2n);
    assert.deepEqual(await winner.reservation.holder(), { key, type: 5 });
    assert.deepEqual((await winner.reservation.keys()).keys, [key, key]);
    await assert.rejects(old.write(0, Buffer.alloc(512)), isFenced);
    await assert.rejects(loser.write(0, Buffer.alloc(512)), isFenced);
    await winner.write(0, Buffer.alloc(512));
    await winner.reservation.clear(key);
    assert.deepEqual([await winner.reservation.holder(), (await winner.reservation.keys()).keys], [undefined, []]);
  });

  test("changes hands 200 times under writes in flight, and no late byte arrives", async (context) => {
    const { tgt, file } = await makeDisk(context);
    const initiator = initiatorAt(context, tgt);
    const open = (key: bigint) => initiator.openLun({ targetName, lun: 1, sessions: 2, reservationKey: key });
    let old = await open(1n);
    let writes = 0;
    for (let key = 2n; key <= 201n; key += 1n) {
      const begun = Promise.withResolvers<void>();
      const counted = old.write(0, Buffer.alloc(512), { onMoved: begun.resolve });
      const writing = writeUntilFenced(old, randomBytes(pieceBytes));
      await Promise.all([begun.promise, counted]);
      const next = await open(key);
      await next.reservation.preempt(key, key - 1n);
      const data = randomBytes(pieces * pieceBytes);
      await next.write(0, data);
      writes += await writing;
      await old.close();
      assert.ok((await bytesAt(file, 0, data.length)).equals(data), `a late byte after hand-over ${key - 1n}`);
      old = next;
    }
    assert.ok(writes > 200, `only ${writes} writes were under way`);
  });
});

/* Here tgtd keeps the registrations of the two sessions that are gone, which nobody can use. */
describe("a session whose connection was lost", () => {
  const setUp = async (context: Parameters<typeof makeDisk>[0], mayRegister?: () => Promise<boolean>) => {
    const { tgt, target } = await makeDisk(context);
    const initiator = initiatorAt(context, tgt);
    const lun = await initiator.openLun({
      ...{ targetName, lun: 1, reservationKey: 7n, sessions: 2 },
      ...(mayRegister && { mayRegister }),
    });
    const other = await initiator.openLun({ targetName, lun: 1 });
    const cut = async () => {
      for (const connection of (await target.connections()).slice(0, 3)) await target.endConnection(connection);
    };
    return { lun, other, cut };
  };

  test("goes on with its key when it may", async (context) => {
    const { lun, other, cut } = await setUp(context, async () => true);
    await cut();
    for (let i = 0; i < 4; i++) await Promise.all([0, 1].map((at) => lun.write(at * 512, Buffer.alloc(512))));
    assert.deepEqual((await other.reservation.keys()).keys, [7n, 7n, 7n, 7n]);
    assert.deepEqual(await other.reservation.holder(), { key: 7n, type: 5 });
  });

  test("takes its key back and writes nothing when it may not, which it asks after registering", async (context) => {
    let mayRegister = true;
    const asked: bigint[][] = [];
    const { lun, other, cut } = await setUp(context, async () => {
      if (!mayRegister) asked.push([...(await other.reservation.keys()).keys]);
      return mayRegister;
    });
    mayRegister = false;
    await cut();
    await assert.rejects(lun.write(0, Buffer.alloc(512)), isFenced);
    mayRegister = true;
    await assert.rejects(lun.write(0, Buffer.alloc(512)), isFenced);
    assert.deepEqual(asked, [[7n, 7n, 7n]]);
    assert.deepEqual((await other.reservation.keys()).keys, [7n, 7n]);
  });

  test("never registers by itself where nobody says that it may", async (context) => {
    const { lun, other, cut } = await setUp(context);
    await cut();
    await assert.rejects(lun.write(0, Buffer.alloc(512)), isFenced);
    assert.deepEqual((await other.reservation.keys()).keys, [7n, 7n]);
  });
});
