import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CommitConflict } from "../ports/store.ts";
import { VisibleError } from "./errors.ts";
import { describedError, expectedCode, failureLevel, visibleFailure } from "./failure.ts";

const system = (code: string, message = code) => Object.assign(new Error(message), { code });

describe("a failure of a host", () => {
  test("is told by what it lacks, however deep that lies", () => {
    for (const [cause, code] of [
      [system("ENOSPC"), "STORE_FULL"],
      [new Error("commit failed (backend: database or disk is full)"), "STORE_FULL"],
      [system("EMFILE"), "TOO_FEW_DESCRIPTORS"],
    ] as const) {
      const visible = visibleFailure(new Error("outer", { cause: new Error("inner", { cause }) }), "the control plane");
      assert.equal(visible?.code, code);
      assert.match(visible.message, /^The control plane .+\.$/);
      assert.ok(visible.hint);
    }
  });

  test("is the error itself where a person can read it, and none for a defect", () => {
    const error = new VisibleError("LINK_BROKEN", "The link broke.");
    assert.equal(visibleFailure(error, "x"), error);
    assert.equal(visibleFailure(new TypeError("x is not a function"), "x"), undefined);
    assert.equal(visibleFailure(system("EACCES"), "x"), undefined);
  });
});

describe("a failure that was to be expected", () => {
  const link = new TypeError("fetch failed", { cause: system("ECONNREFUSED", "connect ECONNREFUSED") });
  const service = Object.assign(new Error("slow down"), { name: "ThrottlingException", $metadata: {} });

  test("has a code: our own, a link's, a service's", () => {
    assert.equal(expectedCode(new VisibleError("GROUP_STALE", "old")), "GROUP_STALE");
    assert.equal(expectedCode(link), "ECONNREFUSED");
    assert.equal(expectedCode(service), "ThrottlingException");
    assert.equal(expectedCode(new CommitConflict()), "CONFLICT");
    assert.equal(expectedCode(AbortSignal.abort().reason), "AbortError");
  });

  test("has a level of its own in a log, unless a disk is behind it", () => {
    assert.equal(failureLevel(link), "notice");
    assert.equal(failureLevel(new VisibleError("GROUP_STALE", "old")), "notice");
    assert.equal(failureLevel(new VisibleError("DISK_FAILED", "dead")), "warn");
    assert.equal(failureLevel(new TypeError("x")), "error");
  });

  test("is none that is a defect", () => {
    for (const error of [new TypeError("x"), new VisibleError("INTERNAL", "x"), system("ERR_ASSERTION"), "text"]) {
      assert.equal(expectedCode(error), undefined);
    }
  });

  test("is described without a stack, and so are its causes; a defect with them", () => {
    const broken = new VisibleError("LINK_BROKEN", "The link broke.", { hint: "Look.", cause: new RangeError("odd") });
    assert.deepEqual(describedError(broken), {
      ...{ code: "LINK_BROKEN", message: "The link broke.", hint: "Look." },
      cause: { code: "RangeError", message: "odd" },
    });
    const defect = describedError(new TypeError("x", { cause: new RangeError("odd") }));
    assert.match(defect.stack ?? "", /failure\.test/);
    assert.match(defect.cause?.stack ?? "", /failure\.test/);
  });
});
