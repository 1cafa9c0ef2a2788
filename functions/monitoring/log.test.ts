import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { createLog } from "./log.ts";

test("what somebody sends is in the log exactly, and steers no terminal", () => {
  const lines: string[] = [];
  const path = "/v1/\u001b[2J\u009b2J\u202e\u2028\u007f";
  createLog({ function: "api" }, { write: (line) => void lines.push(line) }).info({ path }, "changed");
  assert.match(lines.join(""), /^[ -~]+\n$/);
  assert.equal(JSON.parse(lines.join("")).path, path);
});

test("an expected failure is a line with its code at a level of its own; a defect has its stack", () => {
  const lines: string[] = [];
  const log = createLog({ function: "api" }, { write: (line) => void lines.push(line) });
  log.failed({ err: new VisibleError("TIMEOUT", "Too late.", { cause: new Error("slow") }) }, "it comes again");
  log.failed({ err: new TypeError("x is not a function") }, "it comes again");
  const [expected, defect] = lines.map((line) => JSON.parse(line));
  assert.deepEqual(expected.err, { code: "TIMEOUT", message: "Too late.", cause: { code: "Error", message: "slow" } });
  assert.deepEqual([expected.level, defect.level, expected.function], [35, 50, "api"]);
  assert.match(defect.err.stack, /log\.test/);
});
