import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ManualTime, manualTime, settle } from "../agent/testing.ts";
import { FairGate } from "./fair-gate.ts";

/** Who comes to a gate, and what became of them. */
class Visit {
  readonly stop = new AbortController();
  outcome: "waits" | "inside" | "late" | "called off" = "waits";
  leave: () => void = () => undefined;

  constructor(gate: FairGate, site: string, time: ManualTime) {
    gate.enter({ site, waitMs: 1000, time, signal: this.stop.signal }).then(
      (leave) => {
        this.outcome = leave === undefined ? "late" : "inside";
        this.leave = leave ?? this.leave;
      },
      () => {
        this.outcome = "called off";
      },
    );
  }
}

const setUp = (max: number) => {
  const time = manualTime();
  const gate = new FairGate(max);
  const come = async (...sites: string[]): Promise<Visit[]> => {
    const visits = sites.map((site) => new Visit(gate, site, time));
    await settle();
    return visits;
  };
  return { time, come };
};
const outcomes = (visits: readonly Visit[]) => visits.map(({ outcome }) => outcome);

describe("a fair gate", () => {
  test("lets a site have all places while it is alone, and the next of it in when one leaves, in order", async () => {
    const { come } = setUp(2);
    const visits = await come("b", "b", "b", "b");
    assert.deepEqual(outcomes(visits), ["inside", "inside", "waits", "waits"]);
    visits[0]?.leave();
    visits[0]?.leave();
    await settle();
    assert.deepEqual(outcomes(visits), ["inside", "inside", "inside", "waits"], "a place is given back once");
  });

  test("lets another site have its share at once, though nobody leaves", async () => {
    const { come } = setUp(4);
    const slow = await come("b", "b", "b", "b");
    assert.deepEqual(outcomes(await come("c", "c", "c")), ["inside", "inside", "waits"]);
    assert.deepEqual(outcomes(await come("d", "d")), ["inside", "waits"]);
    assert.deepEqual(outcomes(slow), ["inside", "inside", "inside", "inside"], "nobody is put out");
  });

  test("lets nobody of a site in that has more than its share, until it has less", async () => {
    const { come } = setUp(4);
    const slow = await come("b", "b", "b", "b", "b");
    await come("c");
    for (const left of [0, 1]) {
      slow[left]?.leave();
      await settle();
      assert.equal(slow[4]?.outcome, "waits");
    }
    slow[2]?.leave();
    await settle();
    assert.equal(slow[4]?.outcome, "inside");
  });

  test("has one place at least for each site, however many there are", async () => {
    const { come } = setUp(2);
    assert.deepEqual(outcomes(await come("b", "c", "d", "e", "e")), ["inside", "inside", "inside", "inside", "waits"]);
  });

  test("turns away who waits too long or is called off, and keeps the place for the next", async () => {
    const { come, time } = setUp(1);
    const visits = await come("b", "b", "b");
    visits[1]?.stop.abort();
    await time.advance(999);
    assert.deepEqual(outcomes(visits), ["inside", "called off", "waits"]);
    await time.advance(1);
    assert.deepEqual(outcomes(visits), ["inside", "called off", "late"]);
    visits[0]?.leave();
    assert.deepEqual(outcomes(await come("b")), ["inside"]);
  });

  test("gives a site's share to the others when none of it waits any more", async () => {
    const { come, time } = setUp(3);
    const [first] = await come("c");
    const visits = await come("b", "b", "b");
    assert.deepEqual(outcomes(visits), ["inside", "waits", "waits"]);
    first?.leave();
    await settle();
    assert.deepEqual(outcomes(visits), ["inside", "inside", "inside"]);
    await time.advance(2000);
  });
});
