import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Group, groupSchema } from "../api/group.ts";
import { type GroupId, instantSchema } from "../api/ids.ts";
import { type Gone, planReclaim, planSourceReclaim } from "./retention.ts";

const ulid = "01JZZZZZZZZZZZZZZZZZZZZZZZ";
const slotOf = (sequence: number) => `2026${sequence.toString().padStart(4, "0")}T010000000Z`;
const idOf = (sequence: number) => `group_${ulid}_${slotOf(sequence)}` as GroupId;

const group = (sequence: number, changes: Partial<Record<keyof Group, unknown>> = {}): Group =>
  groupSchema.parse({
    id: idOf(sequence),
    planId: `plan_${ulid}`,
    runId: `run_${ulid}_${slotOf(sequence)}`,
    siteId: "b",
    role: "mirror",
    sequence,
    takenAt: "2026-01-01T00:00:00.000Z",
    publishedAt: "2026-01-01T00:00:00.000Z",
    objectCount: 1,
    sizeBytes: 1,
    state: "published",
    holds: [],
    ...changes,
  });

/** Groups of one site in any order; mostly published, some held. */
const groupsAt = (siteId: string, role: Group["role"]): fc.Arbitrary<Group[]> =>
  fc.uniqueArray(
    fc
      .record({
        sequence: fc.integer({ min: 1, max: 30 }),
        state: fc.constantFrom("published", "published", "published", "lost", "unknown", "deleting", "deleted"),
        holds: fc.constantFrom([], [], ["run_1"], ["run_1", "run_2"]),
        ofFailedRun: fc.constantFrom(undefined, undefined, true),
      })
      .map(({ sequence, ofFailedRun, ...rest }) =>
        group(sequence, { siteId, role, ...rest, ...(ofFailedRun && { ofFailedRun }) }),
      ),
    { selector: ({ sequence }) => sequence, maxLength: 20 },
  );
const keepLasts = fc.integer({ min: 1, max: 12 });

/** Objects that the source has not any more: some named in the plan, some by a rule. */
const gones: fc.Arbitrary<Gone[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("vm", "nfs-file"),
    id: fc.uuid(),
    name: fc.string({ minLength: 1 }),
    lastSequence: fc.integer({ min: 1, max: 30 }),
    until: fc.constantFrom(undefined, instantSchema.parse("2026-03-01T00:00:00.000Z")),
  }),
  { maxLength: 4 },
);
/** The newest copy of it that good runs have left, or where there is none, any. */
const copyOf = ({ lastSequence }: Gone, groups: readonly Group[]): Group | undefined => {
  const has = ({ sequence }: Group) => sequence <= lastSequence;
  return good(groups).find(has) ?? published(groups).find(has);
};

const published = (groups: readonly Group[]) =>
  groups.filter(({ state }) => state === "published").sort((one, other) => other.sequence - one.sequence);
const good = (groups: readonly Group[]) => published(groups).filter(({ ofFailedRun }) => !ofFailedRun);
const ids = (plan: readonly { readonly group: Group; readonly verdict: string }[], verdict: "keep" | "delete") =>
  new Set(plan.filter((line) => line.verdict === verdict).map((line) => line.group.id));
/** What a target has too. */
const shared = (there: readonly Group[], here: readonly Group[]) =>
  there.filter(({ id }) => published(here).some((one) => one.id === id));
/** A newer group than all that a target has, which it lost, may come back. */
const lostBase = (groups: readonly Group[]) => {
  const newest = groups
    .filter(({ state }) => state === "published" || state === "lost")
    .sort((one, other) => other.sequence - one.sequence)[0];
  return newest?.state === "lost" ? newest : undefined;
};
const rules = (plan: readonly { readonly group: Group; readonly rule: string }[]) =>
  plan.map((line) => [line.group.sequence, line.rule]);

describe("planReclaim", () => {
  test("speaks of every group that is still there once, newest first", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), keepLasts, (groups, keepLast) => {
        const expected = groups.filter(({ state }) => state !== "deleted").map(({ sequence }) => sequence);
        assert.deepEqual(
          planReclaim({ groups, keepLast }).map((line) => line.group.sequence),
          expected.sort((one, other) => other - one),
        );
      }),
    );
  });

  test("never deletes the newest published group, whatever the retention says (I3)", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), fc.nat(12), (groups, keepLast) => {
        const kept = ids(planReclaim({ groups, keepLast }), "keep");
        for (const newest of [published(groups)[0], good(groups)[0]]) {
          if (newest !== undefined) assert.ok(kept.has(newest.id));
        }
      }),
    );
  });

  test("keeps what is held, lost or unknown and, of the rest, the newest keepLast of good runs", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), keepLasts, (groups, keepLast) => {
        const kept = ids(planReclaim({ groups, keepLast }), "keep");
        const settled = groups.filter(({ state, holds }) => {
          return state === "lost" || state === "unknown" || (state === "published" && holds.length > 0);
        });
        const free = good(groups).filter(({ holds }) => holds.length === 0);
        assert.ok([...settled, ...free.slice(0, keepLast)].every(({ id }) => kept.has(id)));
        const left = free.slice(keepLast).filter((one) => one !== good(groups)[0] && one !== published(groups)[0]);
        assert.ok(left.every(({ id }) => !kept.has(id)));
      }),
    );
  });

  test("groups of failed runs push out no good one, and are not more than keepLast themselves", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), keepLasts, (groups, keepLast) => {
        const kept = ids(planReclaim({ groups, keepLast }), "keep");
        const without = ids(
          planReclaim({ groups: groups.filter(({ ofFailedRun }) => !ofFailedRun), keepLast }),
          "keep",
        );
        assert.ok([...without].every((id) => kept.has(id)));
        const failed = published(groups).filter(({ ofFailedRun, holds }) => ofFailedRun && holds.length === 0);
        assert.ok(failed.filter(({ id }) => kept.has(id)).length <= keepLast);
      }),
    );
    const groups = [group(1), group(2), group(3, { ofFailedRun: true }), group(4), group(5, { ofFailedRun: true })];
    assert.deepEqual(rules(planReclaim({ groups, keepLast: 2 })), [
      [5, "newest"],
      [4, "newest"],
      [3, "failed"],
      [2, "last"],
      [1, "excess"],
    ]);
  });

  test("never deletes the newest good copy of an object that is gone, however old it is (I3)", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), keepLasts, gones, (groups, keepLast, gone) => {
        const kept = ids(planReclaim({ groups, keepLast, gone }), "keep");
        for (const object of gone) {
          const copy = copyOf(object, groups);
          if (copy !== undefined) assert.ok(kept.has(copy.id));
        }
      }),
    );
  });

  test("keeps for what is gone its newest copy and no other, and pushes out nothing for it", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), keepLasts, gones, (groups, keepLast, gone) => {
        const kept = ids(planReclaim({ groups, keepLast, gone }), "keep");
        const without = ids(planReclaim({ groups, keepLast }), "keep");
        assert.ok([...without].every((id) => kept.has(id)));
        const copies = new Set(gone.map((object) => copyOf(object, groups)?.id));
        assert.ok([...kept].every((id) => without.has(id) || copies.has(id)));
      }),
    );
  });

  test("says which object a group is kept for, and until when", () => {
    const groups = [1, 2, 3, 4].map((sequence) => group(sequence));
    const vm = (name: string, lastSequence: number, more: object = {}): Gone => ({
      ...{ kind: "vm", id: `vm-${name}`, name, lastSequence },
      ...more,
    });
    const until = instantSchema.parse("2026-03-01T00:00:00.000Z");
    const gone = [vm("web", 2), vm("db", 2, { until }), vm("app", 4)];
    const plan = planReclaim({ groups, keepLast: 1, gone });
    assert.deepEqual(rules(plan), [
      [4, "newest"],
      [3, "excess"],
      [2, "gone"],
      [1, "excess"],
    ]);
    assert.equal(
      plan[2]?.explanation,
      "kept: the newest that may have what is gone from the source: vm “web” (while the plan names it), vm “db” (until 2026-03-01 00:00:00 UTC)",
    );
    const many = ["1", "2", "3", "4", "5"].map((name) => vm(name, 2));
    assert.match(planReclaim({ groups, keepLast: 1, gone: many })[2]?.explanation ?? "", /“3” \(.*\), and 2 more$/);
  });

  test("finishes every deletion that was begun", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), keepLasts, (groups, keepLast) => {
        for (const { group, verdict, rule } of planReclaim({ groups, keepLast })) {
          assert.equal(rule === "deleting", group.state === "deleting");
          if (rule === "deleting") assert.equal(verdict, "delete");
        }
      }),
    );
  });

  test("a longer retention or one more hold never deletes what was kept", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), keepLasts, fc.nat(), (groups, keepLast, pick) => {
        const kept = ids(planReclaim({ groups, keepLast }), "keep");
        const longer = ids(planReclaim({ groups, keepLast: keepLast + 1 }), "keep");
        const held = groups.map((one, index) => (index === pick % groups.length ? { ...one, holds: ["run_9"] } : one));
        const more = ids(planReclaim({ groups: held, keepLast }), "keep");
        assert.ok([...kept].every((id) => longer.has(id) && more.has(id)));
      }),
    );
  });

  test("a second look after the deletions deletes nothing more", () => {
    fc.assert(
      fc.property(groupsAt("b", "mirror"), keepLasts, gones, (groups, keepLast, gone) => {
        const deleted = ids(planReclaim({ groups, keepLast, gone }), "delete");
        const left = groups.filter(({ id }) => !deleted.has(id));
        assert.equal(ids(planReclaim({ groups: left, keepLast, gone }), "delete").size, 0);
      }),
    );
  });

  test("says the rule of each group, and why in words", () => {
    const groups = [group(1), group(2, { holds: ["run_1"] }), group(3), group(4), group(5, { state: "deleting" })];
    const plan = planReclaim({ groups: [...groups, group(6), group(7, { state: "deleted" })], keepLast: 2 });
    assert.deepEqual(rules(plan), [
      [6, "newest"],
      [5, "deleting"],
      [4, "last"],
      [3, "excess"],
      [2, "held"],
      [1, "excess"],
    ]);
    assert.deepEqual(
      plan.map(({ explanation }) => explanation),
      [
        "kept: the newest group is never deleted",
        "deleted: its deletion was begun before",
        "kept: among the newest 2",
        "deleted: not among the newest 2",
        "kept: read by run_1",
        "deleted: not among the newest 2",
      ],
    );
  });
});

describe("planSourceReclaim", () => {
  const scenes = fc.record({
    sourceGroups: groupsAt("a", "source"),
    mirrorGroups: fc.tuple(groupsAt("b", "mirror"), groupsAt("c", "mirror")).map((all) => all.flat()),
    activeGroupIds: fc.uniqueArray(fc.integer({ min: 1, max: 30 }).map(idOf), { maxLength: 3 }),
    keepLast: fc.nat(6),
  });

  test("never deletes the base of any target's next increment (I4)", () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const gone = new Set(
          planSourceReclaim(scene)
            .filter(({ verdict, rule }) => verdict === "delete" && rule !== "deleting")
            .map((line) => line.group.id),
        );
        for (const target of ["b", "c"]) {
          const at = scene.mirrorGroups.filter(({ siteId }) => siteId === target);
          const there = shared(at, scene.sourceGroups);
          for (const base of [published(there)[0], lostBase(there)]) {
            if (base !== undefined) assert.ok(!gone.has(base.id));
          }
        }
      }),
    );
  });

  test("never deletes the last copy of an object that is gone, which no target has (I3)", () => {
    fc.assert(
      fc.property(scenes, gones, (scene, gone) => {
        const kept = ids(planSourceReclaim({ ...scene, gone }), "keep");
        for (const object of gone) {
          const copy = copyOf(object, scene.sourceGroups);
          const isAtTarget = ["b", "c"].some((target) =>
            good(scene.mirrorGroups).some((one) => one.siteId === target && one.sequence <= object.lastSequence),
          );
          if (copy !== undefined && (scene.keepLast > 0 || !isAtTarget)) assert.ok(kept.has(copy.id));
        }
        assert.ok([...ids(planSourceReclaim(scene), "keep")].every((id) => kept.has(id)));
      }),
    );
    const sourceGroups = [1, 2, 3].map((sequence) => group(sequence, { siteId: "a", role: "source" }));
    const gone: Gone[] = [{ kind: "vm", id: "vm-1", name: "web", lastSequence: 1 }];
    const scene = { sourceGroups, activeGroupIds: [], gone };
    const rulesAt = (...sequences: number[]) =>
      rules(planSourceReclaim({ ...scene, mirrorGroups: sequences.map((sequence) => group(sequence)) })).map(
        ([, rule]) => rule,
      );
    assert.deepEqual(rulesAt(3), ["base", "excess", "gone"]);
    assert.deepEqual(rulesAt(1, 3), ["base", "excess", "excess"]);
  });

  test("deletes exactly what is no base, not active, not held and not among the newest keepLast", () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const bases = ["b", "c"].flatMap((target) => {
          const at = scene.mirrorGroups.filter(({ siteId }) => siteId === target);
          const there = shared(at, scene.sourceGroups);
          return [published(there)[0]?.id, lostBase(there)?.id];
        });
        const inUse = ({ id, holds }: Group) => holds.length > 0 || scene.activeGroupIds.includes(id);
        const free = good(scene.sourceGroups).filter((one) => !inUse(one));
        const last = new Set(free.slice(0, scene.keepLast));
        const expected = scene.sourceGroups.filter((one) => {
          if (one.state === "lost" || one.state === "unknown") return true;
          return one.state === "published" && (inUse(one) || bases.includes(one.id) || last.has(one));
        });
        assert.deepEqual(ids(planSourceReclaim(scene), "keep"), new Set(expected.map(({ id }) => id)));
      }),
    );
  });

  test("a longer retention, a further hold or a further active run never deletes what was kept", () => {
    fc.assert(
      fc.property(scenes, fc.integer({ min: 1, max: 30 }), (scene, sequence) => {
        const kept = ids(planSourceReclaim(scene), "keep");
        const id = idOf(sequence);
        const sourceGroups = scene.sourceGroups.map((one) => (one.id === id ? { ...one, holds: ["run_9"] } : one));
        for (const change of [
          { keepLast: scene.keepLast + 1 },
          { sourceGroups },
          { activeGroupIds: [...scene.activeGroupIds, id] },
        ]) {
          const after = ids(planSourceReclaim({ ...scene, ...change }), "keep");
          assert.ok([...kept].every((one) => after.has(one)));
        }
      }),
    );
  });

  test("a target that lags behind keeps its old base, and the targets are named", () => {
    const sourceGroups = [1, 2, 3, 4].map((sequence) => group(sequence, { siteId: "a", role: "source" }));
    const mirrorGroups = [
      group(1),
      group(3),
      group(1, { siteId: "c" }),
      group(2, { siteId: "c", state: "deleting" }),
      group(3, { siteId: "d" }),
    ];
    const plan = planSourceReclaim({ sourceGroups, mirrorGroups, activeGroupIds: [idOf(4)] });
    assert.deepEqual(
      plan.map(({ rule, explanation }) => [rule, explanation]),
      [
        ["active", "kept: its run has not ended"],
        ["base", "kept: the next increment to b, d starts from it"],
        ["excess", "deleted: no target needs it"],
        ["base", "kept: the next increment to c starts from it"],
      ],
    );
  });
});
