import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, errorCodes } from "../../core/api/errors.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";

const codes = Object.keys(errorCodes) as ErrorCode[];

test("every error has an exit code that --help lists, and none is 0", () => {
  const listed = Object.values(exitCodes).map(({ code }) => code as number);
  for (const code of codes) assert.ok(exitCodeOf(code) !== 0 && listed.includes(exitCodeOf(code)), code);
});

test("what the API calls not found, unauthorised or forbidden is that for scripts, too", () => {
  const byStatus: Record<number, number> = { 404: 3, 401: 4, 403: 4, 400: 2, 413: 2 };
  for (const code of codes.filter((code) => code !== "FRAME_INVALID")) {
    const expected = byStatus[errorCodes[code].status];
    if (expected !== undefined) assert.equal(exitCodeOf(code), expected, code);
  }
});

test("an API that can't be reached, and a defect, have exit codes of their own", () => {
  const of = (wanted: number) => codes.filter((code) => exitCodeOf(code) === wanted);
  assert.deepEqual(of(5), ["LINK_BROKEN", "LINK_SLOW", "TIMEOUT"]);
  assert.deepEqual(of(70), ["INTERNAL"]);
});
