import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Group, groupSchema, groupStateSchema } from "../api/group.ts";
import type { GroupId, Instant } from "../api/ids.ts";
import { planReclaim } from "./retention.ts";
import { correctionOf, hasLost, type SiteList, type ToldGroup } from "./site-list.ts";

const ulid = "01JZZZZZZZZZZZZZZZZZZZZZZZ";
const slotOf = (number: number) => `2026${number.toString().padStart(4, "0")}T010000000Z`;
const idOf = (number: number) => `group_${ulid}_${slotOf(number)}` as GroupId;
const takenAt = "2026-01-01T00:00:00.000Z" as Instant;

const group = (sequence: number, changes: Partial<Record<keyof Group, unknown>> = {}): Group =>
  groupSchema.parse({
    id: idOf(sequence),
    planId: `plan_${ulid}`,
    runId: `run_${ulid}_${slotOf(sequence)}`,
    siteId: "b",
    role: "mirror",
    sequence,
    takenAt,
    publishedAt: takenAt,
    objectCount: 1,
    sizeBytes: 1,
    state: "published",
    holds: [],
    ...changes,
  });
const told = (sequence: number, changes: Partial<ToldGroup> = {}): ToldGroup => ({
  ...{ groupId: idOf(sequence), sequence, takenAt, volumeCount: 1, sizeBytes: 1 },
  ...changes,
});
const list = (sequence: number, ...groups: readonly ToldGroup[]): SiteList => ({ sequence, groups });
const judge = (record: Group, by: SiteList, hasLostSome = false) => correctionOf(record, by, { hasLost: hasLostSome });

describe("a site's list", () => {
  test("a published group that is missing from it is lost, and is back with a later one that has it", () => {
    assert.equal(judge(group(3), list(5)), "lost");
    assert.equal(judge(group(3, { state: "lost" }), list(6, told(3))), "published");
  });

  test("says nothing of groups that are younger than it", () => {
    assert.equal(judge(group(6), list(5)), undefined);
    assert.equal(judge(group(6), list(5, told(6, { sequence: 99 }))), undefined);
  });

  test("changes nothing where it says what is known", () => {
    for (const state of groupStateSchema.options) {
      const record = group(3, { state, deletedSequence: 5 });
      const by = state === "deleted" || state === "lost" ? list(5) : list(5, told(3));
      assert.equal(judge(record, by), undefined, state);
    }
  });

  test("brings back a group that was deleted when it was asked for after that was heard, and not before", () => {
    const record = group(3, { state: "deleted", deletedSequence: 5 });
    assert.equal(judge(record, list(5, told(3))), undefined);
    assert.equal(judge(record, list(6, told(3))), "published");
  });

  test("has a source group that was deleted deleted again where it holds other bytes or may hold them", () => {
    const record = group(3, { state: "deleted", deletedSequence: 3, role: "source" });
    assert.equal(judge(record, list(6, told(3))), "published");
    assert.equal(judge(record, list(6, { groupId: idOf(3) })), "deleting");
    assert.equal(judge(record, list(6, told(3, { sequence: null }))), "deleting");
    assert.equal(judge(record, list(6, told(3, { takenAt: "2026-01-02T00:00:00.000Z" as Instant }))), "deleting");
  });

  test("a group of the same slot with another number or instant is not the one that is known", () => {
    for (const other of [{ sequence: 7 }, { takenAt: "2026-01-02T00:00:00.000Z" as Instant }]) {
      for (const state of ["published", "lost", "deleting", "unknown"] as const) {
        assert.equal(judge(group(3, { state }), list(5, told(3, other))), "unknown", state);
      }
    }
  });

  test("an unknown group that is missing from it is forgotten", () => {
    assert.equal(judge(group(3, { state: "unknown", sequence: 2 ** 50 }), list(5)), "gone");
  });

  test("of an older gateway has ids only, which say what is there and no more", () => {
    assert.equal(judge(group(3), list(5, { groupId: idOf(3) })), undefined);
    assert.equal(judge(group(3), list(5)), "lost");
    assert.equal(judge(group(3, { state: "lost" }), list(5, { groupId: idOf(3) })), "published");
  });

  test("that lacks groups has it decided anew what is to be deleted of those that are there", () => {
    const deleting = group(1, { state: "deleting" });
    const records = [deleting, group(2), group(3)];
    const whole = list(3, told(1), told(2), told(3));
    assert.equal(hasLost(records, whole), false);
    assert.equal(judge(deleting, whole), undefined);
    const older = list(3, told(1));
    assert.equal(hasLost(records, older), true);
    assert.equal(judge(deleting, older, true), "published");
    assert.equal(hasLost([group(2, { state: "lost" })], older), true);
  });

  test("taken twice is as good as taken once, and leaves only what it has as published", () => {
    const records = fc.uniqueArray(
      fc
        .record({
          sequence: fc.integer({ min: 1, max: 12 }),
          state: fc.constantFrom(...groupStateSchema.options),
          deletedSequence: fc.integer({ min: 0, max: 12 }),
          role: fc.constantFrom("mirror", "source"),
        })
        .map(({ sequence, ...rest }) => group(sequence, rest)),
      { selector: ({ sequence }) => sequence, maxLength: 12 },
    );
    const lists = fc.record({
      sequence: fc.integer({ min: 1, max: 12 }),
      groups: fc
        .uniqueArray(fc.integer({ min: 1, max: 12 }))
        .map((numbers) => numbers.map((number) => (number % 5 === 0 ? told(number, { sequence: 77 }) : told(number)))),
    });
    const take = (before: readonly Group[], by: SiteList): Group[] =>
      before.flatMap((record) => {
        const correction = correctionOf(record, by, { hasLost: hasLost(before, by) });
        if (correction === "gone") return [];
        const sequence = by.groups.find(({ groupId }) => groupId === record.id)?.sequence ?? record.sequence;
        const identity = correction === "unknown" ? { sequence } : {};
        return [correction === undefined ? record : { ...record, ...identity, state: correction }];
      });
    fc.assert(
      fc.property(records, lists, fc.integer({ min: 1, max: 5 }), (before, by, keepLast) => {
        const once = take(before, by);
        assert.deepEqual(take(once, by), once);
        for (const record of once.filter(({ state, sequence }) => state === "published" && sequence <= by.sequence)) {
          assert(by.groups.some(({ groupId, sequence }) => groupId === record.id && sequence === record.sequence));
        }
        const verdicts = planReclaim({ groups: once, keepLast });
        for (const { group: one, verdict } of verdicts) {
          if (one.state === "lost" || one.state === "unknown") assert.equal(verdict, "keep");
        }
        const readable = once.filter(({ state }) => state === "published");
        const kept = verdicts.filter((line) => line.verdict === "keep" && line.group.state === "published");
        assert.equal(kept.length, Math.min(keepLast, readable.length), "what is not there must not push out what is");
      }),
    );
  });
});
