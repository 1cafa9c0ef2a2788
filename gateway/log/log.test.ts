import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { logDestination } from "./destination.ts";
import { createLog } from "./log.ts";

const logged = (write: (log: ReturnType<typeof createLog>) => void, level: "debug" | "info" = "debug") => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  write(createLog({ gatewayId: "a1", siteId: "a", level, destination }));
  return lines.map((line) => JSON.parse(line));
};

describe("the log", () => {
  test("writes one JSON object a line with the gateway's and the site's id", () => {
    const [line] = logged((log) => log.info({ endpoint: "127.0.0.1:1" }, "ready"));
    assert.equal(line.gatewayId, "a1");
    assert.equal(line.siteId, "a");
    assert.equal(line.endpoint, "127.0.0.1:1");
    assert.equal(line.level, "info");
    assert.equal(line.msg, "ready");
    assert.match(line.time, /^\d{4}-\d\d-\d\dT/);
  });

  test("puts a child's fields on each of its lines", () => {
    const [line] = logged((log) => log.child({ plan: "plan_1" }).child({ task: "t" }).warn({}, "slow"));
    assert.equal(line.plan, "plan_1");
    assert.equal(line.task, "t");
    assert.equal(line.siteId, "a");
  });

  test("covers what is named like a secret, however deep, in fields and in a child's fields", () => {
    const fields = {
      request: { headers: [{ Authorization: "Bearer s3cret" }] },
      privateKey: "s3cret",
      token: "s3cret",
    };
    const lines = logged((log) => {
      log.error(fields, "refused");
      log.child({ tls: { key: "s3cret" } }).info({}, "hello");
      log.warn({ err: new Error("bad", { cause: { secretAccessKey: "s3cret" } }) }, "oops");
    });
    assert.equal(lines.length, 3);
    assert.ok(!JSON.stringify(lines).includes("s3cret"), JSON.stringify(lines));
    assert.equal(lines[0].request.headers[0].Authorization, "[redacted]");
  });

  test("writes an error with its code, its hint and its cause", () => {
    const cause = Object.assign(new Error("no route"), { code: "EHOSTUNREACH" });
    const error = new VisibleError("LINK_BROKEN", "The link broke.", { hint: "Look at the cable.", cause });
    const [line] = logged((log) => log.warn({ err: error }, "failed"));
    assert.equal(line.err.code, "LINK_BROKEN");
    assert.equal(line.err.hint, "Look at the cable.");
    assert.equal(line.err.cause.code, "EHOSTUNREACH");
  });

  test("has a level of its own for an expected failure, which has no stack; a defect has one", () => {
    const broken = new VisibleError("LINK_BROKEN", "The link broke.", { cause: new Error("no route") });
    const lines = logged((log) => {
      log.failed({ err: broken }, "could not send");
      log.failed({ err: new TypeError("x is not a function") }, "could not send");
    }, "info");
    assert.deepEqual(
      lines.map(({ level }) => level),
      ["notice", "error"],
    );
    assert.ok(!JSON.stringify(lines[0]).includes("stack"), JSON.stringify(lines[0]));
    assert.match(lines[1].err.stack, /log\.test/);
  });

  test("on a disk that is full costs lines, and never whoever writes them", async (t) => {
    const full = openSync("/dev/full", "w");
    t.after(() => closeSync(full));
    const log = createLog({ gatewayId: "a1", siteId: "a", level: "info", destination: logDestination(full) });
    for (let line = 0; line < 3; line++) log.info({ line }, "still here");
  });

  test("steers no terminal by what a peer says, and says it exactly", () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const said = "\u001b]0;owned\u0007\r\u009b2J\u202e\u2028\u007f";
    createLog({ gatewayId: "a1", siteId: "a", level: "info", destination }).info({ said }, said);
    assert.match(lines.join(""), /^[ -~]+\n$/);
    assert.equal(JSON.parse(lines.join("")).said, said);
  });

  test("is silent below its level", () => {
    assert.deepEqual(
      logged((log) => log.debug({}, "detail"), "info"),
      [],
    );
  });

  test("an object that contains itself does not stop it", () => {
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    const [line] = logged((log) => log.info({ loop }, "round"));
    assert.equal(line.msg, "round");
  });
});
