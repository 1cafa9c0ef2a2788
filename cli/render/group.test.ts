import assert from "node:assert/strict";
import { test } from "node:test";
import { groupStateSchema, type Hold } from "../../core/api/group.ts";
import type { Instant } from "../../core/api/ids.ts";
import { groupNotes, groupStateText } from "./group.ts";

const inState = (state: (typeof groupStateSchema.options)[number], ...holds: string[]) => ({ state, holds });

test("a group's state says by whom it is held and for what, and what of it is damaged", () => {
  assert.equal(groupStateText(inState("published")), "published");
  const damage = ["a", "b", "c", "d"].map((name, index) => ({ volumeId: name, name, extents: index + 1 }));
  assert.equal(
    groupStateText({ ...inState("lost", "run_1"), damage }),
    "lost, read by run_1, damaged: a (1 extent), b (2 extents), c (3 extents), 1 more",
  );
  const until = "2026-03-01T12:00:00.000Z" as Instant;
  const heldFor: Hold[] = [{ runId: "restore_1", kind: "attach", until }];
  assert.equal(
    groupStateText({ ...inState("published", "restore_1"), heldFor }),
    "published, attached until 2026-03-01 12:00:00 UTC by restore_1",
  );
  assert.equal(groupStateText(inState("published", "run_1", "run_2")), "published, read by run_1, read by run_2");
  assert.equal(
    groupStateText(inState("published", "run_1", "run_2", "run_3"), 1),
    "published, read by run_1, read by 2 more",
  );
});

test("what is damaged, lost or unknown is explained below the list, and nothing else is", () => {
  assert.deepEqual(groupNotes([inState("published"), inState("deleting")]), []);
  const damaged = { ...inState("published"), damage: [{ volumeId: "v", name: "db", extents: 1 }] };
  const notes = groupNotes([damaged, ...groupStateSchema.options.map((state) => inState(state))]);
  assert.deepEqual(
    notes.map((note) => note.split(" ").slice(0, 3).join(" ")),
    ["What is damaged", "What is lost", "What is unknown"],
  );
});
