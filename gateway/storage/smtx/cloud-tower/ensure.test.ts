import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../../../core/api/errors.ts";
import { OutcomeUnknownError } from "../outcome.ts";
import { type Ensure, ensure } from "./ensure.ts";
import { quickTime } from "./testing.ts";

interface Thing {
  readonly id: number;
  isReady: boolean;
}

/** A cluster on which making twice makes two. */
const clusterOf = (
  onCreate: (things: Thing[], nth: number) => void,
  onFind: (things: Thing[], nth: number) => void = () => undefined,
) => {
  const things: Thing[] = [];
  const counts = { created: 0, found: 0 };
  const options: Ensure<Thing> = {
    what: "the thing",
    find: async () => {
      counts.found += 1;
      onFind(things, counts.found);
      return things[0];
    },
    create: async () => {
      counts.created += 1;
      onCreate(things, counts.created);
    },
    isReady: ({ isReady }) => isReady,
  };
  return { things, counts, ensured: (call = {}) => ensure({ ...options, time: quickTime() }, call) };
};

const make = (things: Thing[], isReady = true): void => void things.push({ id: things.length + 1, isReady });
const lost = (): never => {
  throw new OutcomeUnknownError("CLUSTER_UNREACHABLE", "lost", { hint: "" });
};

describe("what is to be there once", () => {
  test("is not made where it is there", async () => {
    const { things, counts, ensured } = clusterOf((all) => make(all));
    make(things);
    assert.deepEqual([await ensured(), counts.created], [{ id: 1, isReady: true }, 0]);
  });

  test("is made once when the answer to its making was lost, and it was made, late", async () => {
    const { things, counts, ensured } = clusterOf(lost, (all, nth) => {
      if (nth === 10) make(all);
    });
    assert.equal((await ensured()).id, 1);
    assert.deepEqual([things.length, counts.created], [1, 1]);
  });

  test("is made again when it was lost and nothing came of it, and no third time", async () => {
    const second = clusterOf((all, nth) => (nth === 1 ? lost() : make(all)));
    assert.equal((await second.ensured()).id, 1);
    assert.equal(second.counts.created, 2);
    const never = clusterOf(lost);
    await assert.rejects(never.ensured(), (error) => error instanceof OutcomeUnknownError);
    assert.equal(never.counts.created, 2);
  });

  test("is waited for while the cluster is still making it", async () => {
    const { counts, ensured } = clusterOf(
      (all) => make(all, false),
      ([thing], nth) => {
        if (nth === 6 && thing !== undefined) thing.isReady = true;
      },
    );
    assert.deepEqual([await ensured(), counts.created], [{ id: 1, isReady: true }, 1]);
  });

  test("is busy where that takes too long", async () => {
    const { ensured } = clusterOf((all) => make(all, false));
    await assert.rejects(ensured(), (error) => VisibleError.is(error, "CLUSTER_BUSY"));
  });

  test("is not made where the cluster refuses it", async () => {
    const { counts, ensured } = clusterOf(() => {
      throw new VisibleError("CLUSTER_REFUSED", "no right");
    });
    await assert.rejects(ensured(), { message: "no right" });
    assert.equal(counts.created, 1);
  });

  test("is not waited for any more when that is called off", async () => {
    const stop = new AbortController();
    const { ensured } = clusterOf(lost, (_, nth) => {
      if (nth === 5) stop.abort(new Error("enough"));
    });
    await assert.rejects(ensured({ signal: stop.signal }), { message: "enough" });
  });
});
