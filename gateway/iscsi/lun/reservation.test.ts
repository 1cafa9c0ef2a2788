import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Initiator } from "../initiator.ts";
import { reservationOut } from "../scsi/cdb.ts";
import { ScriptedReservations } from "../testing/reservations.ts";
import { ScriptedTarget, scriptedName } from "../testing/target.ts";

type Reservations = ScriptedReservations;

/** A LUN whose target ends the connection at a request once, before or after it has done it. */
const losing = async (
  context: TestContext,
  action: number,
  when: "before" | "after",
  meanwhile?: (of: Reservations) => void,
) => {
  const reservations = new ScriptedReservations();
  let isLost = false;
  const target = await ScriptedTarget.start(context, {
    reply: (cdb, { socket }, data) => {
      if (isLost || cdb[0] !== 0x5f || cdb[1] !== action) return reservations.reply(cdb, data);
      isLost = true;
      const reply = when === "after" ? reservations.reply(cdb, data) : undefined;
      meanwhile?.(reservations);
      socket.destroy();
      return reply ?? {};
    },
  });
  const initiator = new Initiator({ portals: [target], initiatorName: "iqn.2020-01.test:us" });
  context.after(() => initiator.close());
  reservations.keys = [1n];
  reservations.holder = 1n;
  const lun = await initiator.openLun({ targetName: scriptedName, lun: 1 });
  await lun.reservation.register(2n);
  return { reservations, lun, wasLost: () => isLost };
};

describe("a request that changes a reservation and whose answer is lost", () => {
  for (const when of ["before", "after"] as const) {
    test(`${when} it was done is done once: taking over`, async (context) => {
      const { reservations, lun, wasLost } = await losing(context, reservationOut.preempt, when);
      await lun.reservation.preempt(2n, 1n);
      assert.deepEqual([reservations.keys, reservations.holder, wasLost()], [[2n], 2n, true]);
      await lun.reservation.preempt(2n, 1n);
    });

    test(`${when} it was done is done once: clearing`, async (context) => {
      const { reservations, lun, wasLost } = await losing(context, reservationOut.clear, when);
      await lun.reservation.clear(2n);
      assert.deepEqual([reservations.keys, reservations.holder, wasLost()], [[], undefined, true]);
    });
  }

  test("does not take over what another one has taken over", async (context) => {
    const another = (reservations: Reservations) => {
      reservations.keys = [2n, 3n];
      reservations.holder = 3n;
    };
    const { reservations, lun } = await losing(context, reservationOut.preempt, "before", another);
    await assert.rejects(lun.reservation.preempt(2n, 1n), { code: "FENCED" });
    assert.deepEqual([reservations.keys, reservations.holder], [[2n, 3n], 3n]);
  });
});
