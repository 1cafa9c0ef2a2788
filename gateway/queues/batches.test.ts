import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { messageBytesMax } from "../../core/api/message.ts";
import { settle } from "../agent/testing.ts";
import { type BatchFailure, inBatches } from "./batches.ts";

/** A queue that answers when it is told to. */
const heldQueue = () => {
  const batches: { readonly items: readonly number[]; readonly answer: (failed?: readonly BatchFailure[]) => void }[] =
    [];
  const send = (items: readonly number[]) =>
    new Promise<readonly BatchFailure[]>((resolve) => {
      batches.push({ items, answer: (failed = []) => resolve(failed) });
    });
  return { batches, send };
};

describe("batches", () => {
  test("what comes alone goes at once, and what comes while that is under way goes together after it", async () => {
    const { batches, send } = heldQueue();
    const add = inBatches(send);
    const all = [add(1)];
    await settle();
    assert.deepEqual(batches[0]?.items, [1]);
    for (const item of [2, 3, 4]) {
      all.push(add(item));
      await settle();
    }
    assert.equal(batches.length, 1);
    batches[0]?.answer();
    await settle();
    assert.deepEqual(batches[1]?.items, [2, 3, 4]);
    batches[1]?.answer();
    await Promise.all(all);
    all.push(add(5));
    await settle();
    assert.deepEqual(batches[2]?.items, [5]);
  });

  test("each is told what became of it alone", async () => {
    const { batches, send } = heldQueue();
    const add = inBatches(send);
    const told = Promise.allSettled([add(1), add(2), add(3)]);
    await settle();
    batches[0]?.answer([{ Id: "1", Code: "InternalError", Message: "It was not taken." }]);
    const [first, second, third] = await told;
    assert.deepEqual([first?.status, third?.status], ["fulfilled", "fulfilled"]);
    assert.ok(second?.status === "rejected");
    assert.deepEqual([second.reason.name, second.reason.message], ["InternalError", "It was not taken."]);
  });

  test("a request that fails is told to all that went with it, and to nobody else", async () => {
    let calls = 0;
    const add = inBatches<number>(async () => {
      calls += 1;
      if (calls === 1) throw new Error("no network");
      return [];
    });
    const failed = await Promise.allSettled([add(1), add(2)]);
    assert.deepEqual(
      failed.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    await add(3);
  });

  test("have ten entries and the bytes of one message at most, in the order in which they came", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: messageBytesMax }), { maxLength: 60 }), async (sizes) => {
        const seen: (readonly number[])[] = [];
        const add = inBatches<number>(
          async (items) => {
            seen.push(items);
            return [];
          },
          (bytes) => bytes,
        );
        await Promise.all(sizes.map(add));
        assert.deepEqual(seen.flat(), sizes);
        for (const [index, batch] of seen.entries()) {
          const bytes = batch.reduce((sum, each) => sum + each, 0);
          assert.ok(batch.length <= 10 && bytes <= messageBytesMax);
          const [first] = seen[index + 1] ?? [];
          assert.ok(first === undefined || batch.length === 10 || bytes + first > messageBytesMax, "it had room left");
        }
      }),
    ));
});
