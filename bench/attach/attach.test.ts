import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runTool } from "../cases/tools.ts";
import { readCases } from "./cases.ts";

test("the benchmark of attached disks says of every case how fast both are", async () => {
  const script = join(import.meta.dirname, "attach.ts");
  const printed = await runTool(process.execPath, [script, "--size", "256MiB", "--runs", "1", "--seconds", "1"]);
  const rows = printed.split("\n").filter((line) => /\d \|$/.test(line));
  assert.equal(rows.length, readCases.length, printed);
  for (const row of rows) {
    const [ours, theirs, ratio] = row.split("|").slice(2, 5).map(Number);
    assert.ok(Number(ours) > 0 && Number(theirs) > 0 && Number(ratio) > 0, row);
  }
});
