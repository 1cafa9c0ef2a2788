import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { ignoringConflict, retrying } from "./conflicts.ts";

/** Nobody waits here: chance makes every wait as short as it may be. */
const deps = { ids: { planId: () => assert.fail("no plan is made here"), fraction: () => 0 } };

const failing = (failures: number, failure: unknown = new CommitConflict()) => {
  let calls = 0;
  const work = async () => {
    calls += 1;
    if (calls <= failures) throw failure;
    return calls;
  };
  return { work, calls: () => calls };
};

describe("what somebody else's write in between makes fail", () => {
  test("is done again from its beginning", async () => {
    assert.equal(await retrying(deps, failing(3).work), 4);
  });

  test("ends after thirty tries, and says what others did", async () => {
    const { work, calls } = failing(100);
    const isRefusal = (error: unknown) =>
      VisibleError.is(error, "CONFLICT") && error.message === "Others kept at it." && error.retryable;
    await assert.rejects(retrying(deps, work, { others: "Others kept at it." }), isRefusal);
    assert.equal(calls(), 30);
  });

  test("is nothing but a conflict, or what is told to be one", async () => {
    const [broken, overtaken] = [new Error("broken"), new Error("overtaken")];
    const other = failing(1, broken);
    await assert.rejects(retrying(deps, other.work), broken);
    assert.equal(other.calls(), 1);
    assert.equal(await retrying(deps, failing(1, overtaken).work, { isOvertaken: (error) => error === overtaken }), 2);
  });

  test("may be ignored, and nothing else", async () => {
    assert.equal(await ignoringConflict(async () => undefined), true);
    assert.equal(await ignoringConflict(() => Promise.reject(new CommitConflict())), false);
    const broken = new Error("broken");
    await assert.rejects(
      ignoringConflict(() => Promise.reject(broken)),
      broken,
    );
  });
});
