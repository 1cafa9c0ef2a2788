import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Group, groupSchema } from "../api/group.ts";
import { basesAmong } from "./bases.ts";
import { planReclaim, planSourceReclaim } from "./retention.ts";

const ulid = "01JZZZZZZZZZZZZZZZZZZZZZZZ";
const slotOf = (sequence: number) => `2026${sequence.toString().padStart(4, "0")}T010000000Z`;

const group = (siteId: string, sequence: number, changes: Partial<Record<keyof Group, unknown>> = {}): Group =>
  groupSchema.parse({
    ...{ id: `group_${ulid}_${slotOf(sequence)}`, planId: `plan_${ulid}`, runId: `run_${ulid}_${slotOf(sequence)}` },
    ...{ siteId, role: "mirror", sequence, objectCount: 1, sizeBytes: 1, state: "published", holds: [] },
    ...{ takenAt: "2026-01-01T00:00:00.000Z", publishedAt: "2026-01-01T00:00:00.000Z" },
    ...changes,
  });

const groupsAt = (siteId: string): fc.Arbitrary<Group[]> =>
  fc.uniqueArray(
    fc
      .record({
        sequence: fc.integer({ min: 1, max: 12 }),
        role: fc.constantFrom("source", "mirror"),
        state: fc.constantFrom("published", "published", "published", "lost", "unknown", "deleting"),
        takenAt: fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"),
        keepUntil: fc.constantFrom(undefined, undefined, undefined, "2027-01-01T00:00:00.000Z"),
      })
      .map(({ sequence, ...changes }) => group(siteId, sequence, changes)),
    { selector: ({ sequence }) => sequence, maxLength: 12 },
  );

/** The newest that both have, and that is no rollback's own. */
const common = (some: readonly Group[], others: readonly Group[]): Group | undefined => {
  const isUsed = ({ state, keepUntil }: Group) => state === "published" && keepUntil === undefined;
  const has = ({ id, takenAt }: Group) =>
    others.some((other) => isUsed(other) && other.id === id && other.takenAt === takenAt);
  return some.filter((one) => isUsed(one) && has(one)).sort((one, other) => other.sequence - one.sequence)[0];
};

describe("the base of the next increment between two sites", () => {
  test("is the newest group that both have, and is kept at both, whichever sends and whatever they keep (I4)", () => {
    fc.assert(
      fc.property(groupsAt("b"), groupsAt("c"), fc.integer({ min: 1, max: 3 }), (atB, atC, keepLast) => {
        const base = common(atB, atC);
        for (const [here, others] of [
          [atB, atC],
          [atC, atB],
        ] as const) {
          if (base !== undefined) assert(basesAmong(here, others).has(base.id));
          const taken = { sourceGroups: here, mirrorGroups: others, activeGroupIds: [] };
          for (const verdicts of [planReclaim({ groups: here, others, keepLast }), planSourceReclaim(taken)]) {
            const kept = verdicts.flatMap(({ group: one, verdict }) => (verdict === "keep" ? [one.id] : []));
            assert(base === undefined || kept.includes(base.id));
          }
        }
      }),
    );
  });

  test("is one that came back with its disk, where the other has lost it for now", () => {
    const here = [1, 2, 3].map((sequence) => group("b", sequence));
    const others = [group("c", 1), group("c", 2, { state: "lost" })];
    assert.deepEqual([...basesAmong(here, others).keys()], [group("b", 1).id, group("b", 2).id]);
  });

  test("is named with the site at the other end, as of a restore point that is older than the newest", () => {
    const groups = [1, 2, 3].map((sequence) => group("c", sequence));
    const verdicts = planReclaim({ groups, keepLast: 1, others: [group("a", 2)] });
    assert.deepEqual(
      verdicts.map(({ rule, explanation }) => [rule, explanation]),
      [
        ["newest", "kept: the newest group is never deleted"],
        ["base", "kept: the next increment to a starts from it"],
        ["excess", "deleted: not among the newest 1"],
      ],
    );
  });
});
