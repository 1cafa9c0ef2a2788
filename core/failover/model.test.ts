import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Failover, failoverCommandSchema, failoverStateSchema } from "../api/failover/failover.ts";
import type { RunId } from "../api/ids.ts";
import { addSeconds } from "../ports/clock.ts";
import { decideFailover } from "./decide.ts";
import type { FailoverEvent } from "./events.ts";
import { commandRefusal } from "./refusal.ts";
import { endStates, failoverTable, isUnderWay, movesPlan } from "./table.ts";
import { HomeAndThere, objects, start, testFailover } from "./testing.ts";

const kinds = ["planned", "unplanned", "test"] as const;
const commands = failoverCommandSchema.options;

type Step =
  | { readonly type: "work"; readonly ends: "well" | "badly" | "unheard"; readonly cut: boolean }
  | { readonly type: "write"; readonly site: "home" | "there"; readonly object: number }
  | { readonly type: "delete"; readonly object: number }
  | { readonly type: "say"; readonly command: (typeof commands)[number]; readonly discardChanges: boolean }
  | { readonly type: "wait" };

const objectIndex = fc.integer({ min: 0, max: objects.length - 1 });
const stepOf = (mayDiscard: boolean): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        type: fc.constant("work" as const),
        ends: fc.oneof(
          { weight: 6, arbitrary: fc.constant("well" as const) },
          fc.constant("badly" as const),
          fc.constant("unheard" as const),
        ),
        cut: fc.boolean(),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant("say" as const),
        command: fc.constantFrom(...commands),
        discardChanges: mayDiscard ? fc.boolean() : fc.constant(false),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant("write" as const),
        site: fc.constantFrom("home" as const, "there" as const),
        object: objectIndex,
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("delete" as const), object: objectIndex }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("wait" as const) }) },
  );

/** A history: a failover, its two sites, and the hours that pass. */
class History {
  failover: Failover;
  readonly sites = new HomeAndThere();
  private seconds = 0;

  constructor(kind: Failover["kind"]) {
    this.failover = testFailover(kind);
    // The disaster: nothing runs at home any more.
    if (kind === "unplanned") this.sites.on.delete("home");
  }

  private decide(event: FailoverEvent): void {
    this.seconds += 1;
    this.failover = decideFailover(this.failover, event, addSeconds(start, this.seconds));
  }

  take(step: Step): void {
    const [object] = "object" in step ? objects.slice(step.object) : objects;
    switch (step.type) {
      case "write":
        // What is written to a test's copies goes with it.
        if (this.failover.kind === "test" && step.site === "there") break;
        this.sites.write(step.site, object?.id ?? "");
        break;
      case "delete":
        this.sites.deleteOriginal(object?.id ?? "", this.isUsedThere());
        break;
      case "say":
        this.decide({ type: step.command, discardChanges: step.discardChanges });
        break;
      case "wait":
        this.seconds += 24 * 3600;
        this.decide({ type: "due" });
        break;
      case "work":
        this.work(step);
    }
  }

  /** Once it was started there, and until it was looked whether home has everything. */
  private isUsedThere(): boolean {
    const { started, state } = this.failover;
    return started === true && this.sites.place === "there" && state !== "undo-placing";
  }

  /** What is cut has failed; what went well may not be heard of, and is done once more. */
  work({ ends, cut }: Pick<Extract<Step, { type: "work" }>, "ends" | "cut">): void {
    if (!isUnderWay(this.failover)) return;
    const before = this.failover;
    this.decide({ type: "begins", runId: `restore_${"0".repeat(26)}_20260301T000000000Z` as RunId });
    const result = ends === "badly" && !cut ? undefined : this.sites.carryOut(before, ends === "badly");
    if (ends === "unheard") return;
    const reason = { code: "GATEWAY_ABSENT", message: "Nobody answered." };
    this.decide(ends === "well" && result !== undefined ? { type: "done", result } : { type: "failed", reason });
  }
}

const historyOf = (mayDiscard: boolean) =>
  fc.tuple(fc.constantFrom(...kinds), fc.array(stepOf(mayDiscard), { maxLength: 80, size: "max" }));

/** Where people may leave it. A test is removed when its site is back. */
const isAtRest = ({ kind, state, halted }: Failover): boolean =>
  (kind === "test" && state === "removing") ||
  (halted === undefined && (endStates.has(state) || state === "failed-over" || state === "testing"));

describe("a failover, whatever fails, is cut, is said twice or in between", () => {
  test("never loses what only one side has, unless it is told to", () => {
    fc.assert(
      fc.property(historyOf(false), ([kind, steps]) => {
        const history = new History(kind);
        for (const step of steps) {
          history.take(step);
          assert.deepEqual(history.sites.lost(), [], `${history.failover.state}: ${JSON.stringify(step)}`);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test("has nothing run at both sites by its orders without a warning", () => {
    fc.assert(
      fc.property(historyOf(true), ([kind, steps]) => {
        const history = new History(kind);
        for (const step of steps) {
          history.take(step);
          const isWarned = history.failover.warnings.some(({ code }) => code === "MAY_RUN_TWICE");
          assert(history.sites.ranTwice === 0 || isWarned, history.failover.state);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("has a way forward and a way back from wherever it is, also when one of the sites answers no more", () => {
    fc.assert(
      fc.property(historyOf(true), ([kind, steps]) => {
        const history = new History(kind);
        for (const step of steps) history.take(step);
        for (const dead of [undefined, "home", "there"] as const) {
          assert(wayTo(history.failover, isAtRest, dead), `no way out of ${history.failover.state}, dead: ${dead}`);
        }
        const isHome = ({ state }: Failover) => endStates.has(state);
        assert(wayTo(history.failover, isHome, undefined), `no way back from ${history.failover.state}`);
        if (kind === "test") return;
        assert(wayTo(history.failover, isHome, "there"), `no way back from ${history.failover.state} without b`);
      }),
      { numRuns: 100 },
    );
  });

  test("gives nothing up by what was said of the way that it was on before", () => {
    const reason = { code: "GATEWAY_ABSENT", message: "Nobody answered." };
    const fail = (failover: Failover) => decideFailover(failover, { type: "failed", reason }, start);
    const undo = (failover: Failover, discardChanges: boolean) =>
      decideFailover(failover, { type: "undo", discardChanges }, start);
    const failback = fail({ ...testFailover("unplanned"), state: "stopping-there", started: true, placed: true });
    const resuming = undo(failback, true);
    assert.equal(resuming.state, "resuming");
    for (const halted of [fail(resuming), fail(undo(resuming, true))]) {
      const undone = undo(halted, false);
      assert.deepEqual([undone.state, undone.discardChanges], ["undo-stopping", undefined]);
      assert.equal(undo(halted, true).discardChanges, true);
    }
  });

  test("of a test ends by itself when its time is over, also where it halted on its way", () => {
    const reason = { code: "NOT_READY", message: "Nobody answered." };
    for (const state of ["looking", "rebuilding", "starting"] as const) {
      const halted = decideFailover({ ...testFailover("test"), state, made: [] }, { type: "failed", reason }, start);
      assert.equal(decideFailover(halted, { type: "due" }, addSeconds(start, 3599)), halted);
      const over = decideFailover(halted, { type: "due" }, addSeconds(start, 3600));
      assert.ok(["removing", "removed"].includes(over.state), `${state}: ${over.state}`);
    }
  });

  test("halts where an original is gone at home before what is there goes, until it is said once more", () => {
    const before = { ...testFailover("unplanned"), state: "undo-looking", discardChanges: true } as const;
    const halted = decideFailover(before, { type: "done", result: { missingCount: 1 } }, start);
    assert.equal(halted.halted?.code, "OBJECT_GONE");
    const say = (discardChanges: boolean) => decideFailover(halted, { type: "undo", discardChanges }, start).state;
    assert.deepEqual([say(false), say(true)], ["undo-looking", "undo-placing"]);
  });

  test("means the same when a command is said twice", () => {
    fc.assert(
      fc.property(
        historyOf(true),
        fc.constantFrom(...commands),
        fc.boolean(),
        ([kind, steps], type, discardChanges) => {
          const history = new History(kind);
          for (const step of steps) history.take(step);
          const event = { type, discardChanges } as const;
          const once = decideFailover(history.failover, event, start);
          if (!isUnderWay(once)) return;
          assert.equal(decideFailover(once, event, start), once, `${history.failover.state}: ${type}`);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** At which site a state's work is done. */
const siteOf = (state: Failover["state"]): "home" | "there" | "none" => {
  if (state.includes("placing") || state === "sending" || state === "sending-back") return "none";
  const isHome = /^(stopping|comparing|stopping-here|comparing-here|rolling-back|rebuilding-beside)$/.test(state);
  return isHome || /^(undo-looking|unmaking-beside|starting-here|undo-starting|clearing)$/.test(state)
    ? "home"
    : "there";
};

/** Whether commands lead somewhere, where all goes well but at a site that is dead. */
const wayTo = (
  from: Failover,
  isThere: (failover: Failover) => boolean,
  dead: "home" | "there" | undefined,
): boolean => {
  const seen = new Set<string>();
  let open = [from];
  for (let depth = 0; depth < 120 && open.length > 0; depth += 1) {
    if (open.some(isThere)) return true;
    open = open
      .flatMap((failover) => nextOf(failover, dead))
      .filter((next) => {
        const { steps: _, warnings: __, since: ___, ...rest } = next;
        const text = JSON.stringify(rest);
        return !seen.has(text) && seen.add(text);
      });
  }
  return open.some(isThere);
};

const muchLater = addSeconds(start, 400 * 24 * 3600);

const nextOf = (failover: Failover, dead: "home" | "there" | undefined): readonly Failover[] => {
  if (isUnderWay(failover)) {
    const { state } = failover;
    const isDead = dead !== undefined && (siteOf(state) === dead || state === "sending" || state === "sending-back");
    const reason = { code: "GATEWAY_ABSENT", message: "Nobody answered." };
    const group = { id: "group_x" as never, takenAt: start };
    const runId = "restore_x" as never;
    const done = { type: "done", result: { runId, group, unchangedCount: 1 } } as const;
    return [decideFailover(failover, isDead ? { type: "failed", reason } : done, muchLater)];
  }
  const said = commands.flatMap((type) =>
    [false, true].map((discardChanges) => decideFailover(failover, { type, discardChanges }, muchLater)),
  );
  return [...said, decideFailover(failover, { type: "due" }, addSeconds(muchLater, 400 * 24 * 3600))].filter(
    (next) => next !== failover,
  );
};

describe("the table of a failover", () => {
  test("refuses what has no place there, with a code and a command that helps", () => {
    for (const kind of kinds) {
      for (const state of failoverStateSchema.options) {
        for (const command of commands) {
          const failover = { ...testFailover(kind), state };
          const refusal = commandRefusal(failover, command);
          const isAllowed = failoverTable[state][command] !== undefined && !(kind === "test" && command === "failback");
          assert.equal(refusal === undefined, isAllowed, `${state}: ${command}`);
          if (refusal === undefined) continue;
          assert.match(refusal.hint ?? "", /smtx-backup (failover|failback) /);
          assert.equal(decideFailover(failover, { type: command, discardChanges: true }, start), failover);
        }
      }
    }
  });

  test("has the plan's objects only while it moves them", () => {
    for (const state of failoverStateSchema.options) {
      const failover = { ...testFailover("planned"), state };
      const isSettled = isAtRest(failover) || state === "removing" || state === "undo-removing";
      assert.equal(movesPlan(failover), !isSettled, state);
      assert.equal(movesPlan({ ...failover, kind: "test" }), false);
    }
  });
});
