import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sentenceCharactersMax } from "../api/bounds.ts";
import { type Reason, reasonSchema } from "../api/reason.ts";
import type { Step, TargetRun } from "../api/run.ts";
import { decidePart } from "./decide.ts";
import type { PartEvent } from "./events.ts";
import { begin, runOf, target } from "./testing.ts";
import { boundedWarnings, inOne, joined } from "./warnings.ts";

const warning = (message: string): Reason => ({ code: "OBJECT_GONE", message });
const many = (count: number) => Array.from({ length: count }, (_, index) => warning(`${index}`));

describe("warnings", () => {
  test("are twenty at most, of which the last says how many there are more", () => {
    assert.deepEqual(boundedWarnings(many(20)), many(20));
    assert.deepEqual(boundedWarnings(many(21)), [...many(19), warning("And 2 more.")]);
    assert.deepEqual(boundedWarnings(many(20), 1000), [...many(19), warning("And 981 more.")]);
  });

  test("are one for those who have room for one", () => {
    assert.equal(inOne([]), undefined);
    assert.deepEqual(inOne([warning("It is gone.")]), warning("It is gone."));
    assert.deepEqual(inOne(many(2), 7), warning("0 And 6 more."));
    const long = warning("x".repeat(sentenceCharactersMax));
    assert.ok((inOne([long, long])?.message ?? "").endsWith(" And 1 more."));
    for (const one of [inOne([long, long]), joined(long, long)]) {
      assert.ok((one?.message.length ?? 0) <= sentenceCharactersMax);
      reasonSchema.parse(one);
    }
  });
});

describe("a part", () => {
  const run = runOf("backup", 1);
  const play = (events: readonly PartEvent[]): TargetRun =>
    events.reduce((part, event) => decidePart(run, part, event, { now: begin }), run.targets[target] ?? assert.fail());
  const done = (step: Step, message?: string): PartEvent => ({
    ...{ type: "done", step },
    ...(message !== undefined && { warning: warning(message) }),
  });
  const reason = { code: "NOT_OURS", message: "It went wrong." };
  const prepared: readonly PartEvent[] = [
    { type: "start" },
    done("snapshotting", "One is gone."),
    done("preparing", "One is not connected."),
  ];

  test("that succeeds ends with what was to be known of each of its steps, and with what went wrong at its end", () => {
    const published = [...prepared, done("transferring"), done("publishing")];
    const good = play([...published, done("reclaiming")]);
    assert.deepEqual([good.state, good.warning], ["succeeded", warning("One is gone. One is not connected.")]);
    const { state, warning: said } = play([...published, { type: "gave-up", step: "reclaiming", reason }]);
    assert.deepEqual([state, said?.code], ["succeeded", "NOT_OURS"]);
    assert.equal(said?.message, "It went wrong. One is gone. One is not connected.");
  });

  test("that fails or is cancelled has a reason, and no warning", () => {
    for (const end of [{ type: "gave-up", step: "transferring", reason } as const, { type: "cancel" } as const]) {
      const part = play([...prepared, end]);
      assert.deepEqual([part.reason === null, part.warning], [false, null]);
    }
  });
});
