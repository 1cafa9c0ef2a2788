import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunObject } from "../../core/api/answers.ts";
import { foldedRows } from "./folded.ts";
import { type AtTarget, objectsNeeded, runObjectsText } from "./run-objects.ts";
import { styleFor } from "./style.ts";

const style = styleFor({ isTerminal: false, env: {} });

const file = (directory: string, index: number, more: Partial<RunObject> = {}): RunObject => ({
  ...{ index, kind: "nfs-file", id: `file-${index}`, name: `/exports/e1/${directory}/${index}.vmdk` },
  progress: {
    ...{ phase: "done", extentsTotal: 1, extentsDone: 1, extentsUnchanged: 0, extentsHole: 0 },
    ...{ bytesTotal: 1024, bytesRead: 1024, bytesChanged: 1024, bytesSent: 1024 },
  },
  ...more,
});
const waiting = (object: RunObject): RunObject => ({ ...object, progress: { ...object.progress, phase: "waiting" } });
const five = [0, 1, 2, 3, 4].map((index) => file("vm", index));
const at = (site: string, objects: readonly RunObject[]): AtTarget => ({ site, hasEnded: false, objects });

describe("files of one directory", () => {
  test("are one line where there are many of them, and each its own where they are few or for other reasons", () => {
    const namesOf = (objects: readonly RunObject[]) => foldedRows(objects).map(({ name }) => name);
    assert.deepEqual(namesOf([...five, file("iso", 5)]), ["/exports/e1/vm/ (5 files)", "/exports/e1/iso/5.vmdk"]);
    const because = "nfs-file below /exports/e1/vm";
    const parted = five.map((one) => (one.index < 2 ? { ...one, because } : one));
    assert.equal(namesOf(parted).length, 5);
    assert.equal(namesOf(five.map((one) => ({ ...one, kind: "lun" as const }))).length, 5);
  });

  test("are told with how many are done and what was sent for all of them, at each target", () => {
    const [first, second, ...others] = five;
    assert.ok(first && second);
    const half = [first, second, ...others.map(waiting)];
    const text = runObjectsText([at("b", five), at("c", half)], style) ?? "";
    assert.match(text, /\/exports\/e1\/vm\/ \(5 files\) +5 +it is named +done, 5 KiB sent +2 of 5 done, 5 KiB sent\n/);
    assert.match(text, /\nFiles of one directory are one line; --json has each\.$/);
  });

  test("count with those that come after what is shown of the others", () => {
    const luns = Array.from({ length: 60 }, (_, index) => ({ ...file("x", index), kind: "lun" as const }));
    assert.equal(objectsNeeded(luns), 50);
    const behind = [0, 70, 71, 72].map((index) => file("vm", index));
    assert.equal(objectsNeeded([...behind.slice(0, 1), ...luns.slice(1), ...behind.slice(1)]), 73);
  });

  test("are one line of a rebuild too, with what the first of them is now and how many were made", () => {
    const rebuilt = five.map((one) => ({
      ...one,
      rebuilt: { id: `new-${one.index}`, name: `/exports/e2/r/${one.index}` },
    }));
    const [, row] = (runObjectsText([at("b", rebuilt)], style) ?? "").split("\n");
    assert.match(row ?? "", /\/vm\/ \(5 files\) .* \/exports\/e2\/r\/0 and 4 more +–$/);
    const [first, ...others] = rebuilt.map(waiting);
    assert.ok(first);
    const cut = [first, ...others.map(({ rebuilt: _, ...one }) => one)];
    const text = runObjectsText([{ ...at("b", cut), hasEnded: true }], style) ?? "";
    assert.match(text, / 1 of 5 done, 5 KiB sent +\/exports\/e2\/r\/0 +–\n/);
  });
});

test("what a rebuild that failed has made is done, and what it has not is not", () => {
  const rebuilt = { id: "lun-new", name: "rebuilt-db" };
  const made = waiting({ ...file("x", 0), kind: "lun", name: "db", rebuilt });
  const objects = [made, waiting({ ...file("x", 1), kind: "lun", name: "web" })];
  const text = runObjectsText([{ ...at("b", objects), hasEnded: true }], style) ?? "";
  assert.match(text, /\nlun +db .* done.* +rebuilt-db +lun-new\n/);
  assert.match(text, /\nlun +web .* not done +– +–$/);
});

test("of a site that is asked for alone, nothing is said of the others", () => {
  const text = runObjectsText([at("b", five), at("c", five)], style, "c") ?? "";
  assert.match(text, /^KIND +NAME +VOLUMES +WHY +AT C\n/);
  assert.doesNotMatch(runObjectsText([at("b", five)], style, "a") ?? "", / AT /);
});
