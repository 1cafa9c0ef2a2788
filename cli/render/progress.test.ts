import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { RunTarget } from "../../core/api/answers.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import {
  bar,
  fractionOf,
  meter,
  paceOf,
  percentText,
  type Sample,
  targetLines,
  targetLogLine,
  withSample,
} from "./progress.ts";
import { columnsOf, plainStyle } from "./style.ts";

const gib = 1024 ** 3;
const progress: RunTarget["progress"] = {
  objectsTotal: 2,
  objectsDone: 1,
  extentsTotal: 8,
  extentsDone: 4,
  extentsUnchanged: 2,
  extentsHole: 1,
  bytesTotal: 2 * gib,
  bytesRead: gib / 4,
  bytesChanged: gib / 4,
  bytesSent: gib / 8,
};
const target: RunTarget = {
  site: siteIdSchema.parse("b"),
  state: "transferring",
  step: "transferring",
  reason: null,
  warning: null,
  startedAt: null,
  endedAt: null,
  attempt: 1,
  attemptsMax: 10,
  waitsFor: null,
  base: null,
  progress,
  current: { index: 1, name: "web1", phase: "comparing" },
};
const screen = { style: plainStyle, columns: 200, siteColumns: 1 };
const paced = (samples: readonly Sample[]) => samples.reduce<readonly Sample[]>(withSample, []);

describe("pace", () => {
  test("is not told from one moment, nor of what has not moved", () => {
    assert.equal(paceOf([]), undefined);
    assert.equal(paceOf(paced([{ atMs: 0, bytes: 0, fraction: 0 }])), undefined);
    const still = [0, 1000, 2000].map((atMs) => ({ atMs, bytes: 5, fraction: 0.1 }));
    assert.equal(paceOf(paced(still)), undefined);
  });

  test("is that of the last minute, also when progress is told every 15 s only", () => {
    const samples = Array.from({ length: 1200 }, (_, tick) => {
      const told = Math.floor(tick / 150) * 15;
      return { atMs: tick * 100, bytes: told * (told < 45 ? 1 : 100), fraction: told / 200 };
    });
    const pace = paceOf(paced(samples));
    assert.equal(pace?.bytesPerSecond, 100);
    assert.ok(pace.secondsLeft !== undefined && Math.abs(pace.secondsLeft - 95) < 0.001);
  });

  test("begins with the second moment of what was under way when it was looked at first: the first may be old", () => {
    const told = [
      { atMs: 0, bytes: 100, fraction: 0.1 },
      { atMs: 1000, bytes: 300, fraction: 0.3 },
    ];
    assert.equal(paceOf(paced(told)), undefined);
    assert.equal(paceOf(paced([...told, { atMs: 31_000, bytes: 600, fraction: 0.6 }]))?.bytesPerSecond, 10);
  });

  test("begins anew when an attempt does, and ends when nothing has moved for long", () => {
    const moving = paced([
      { atMs: 0, bytes: 0, fraction: 0 },
      { atMs: 1000, bytes: 100, fraction: 0.5 },
    ]);
    assert.equal(paceOf(moving)?.bytesPerSecond, 100);
    assert.equal(paceOf(withSample(moving, { atMs: 2000, bytes: 10, fraction: 0.1 })), undefined);
    assert.equal(paceOf(withSample(moving, { atMs: 9000, bytes: 100, fraction: 0.5 }))?.bytesPerSecond, 100);
    assert.equal(paceOf(withSample(moving, { atMs: 70_000, bytes: 100, fraction: 0.5 })), undefined);
  });
});

describe("a bar", () => {
  test("always has its columns, and 100 % only at the end", () => {
    fc.assert(
      fc.property(fc.double({ min: -1, max: 2, noNaN: true }), fc.integer({ min: 1, max: 50 }), (fraction, columns) => {
        assert.equal(columnsOf(bar(fraction, columns)), columns);
        assert.equal(percentText(fraction) === "100%", fraction >= 1);
      }),
    );
    assert.equal(bar(0.5, 4), "██░░");
  });

  test("stands beside its rate and the time left, as far as they are known", () => {
    const of = (pace: Parameters<typeof meter>[1]) => meter(0.25, pace, plainStyle);
    assert.equal(of(undefined), "█████░░░░░░░░░░░░░░░  25%");
    assert.equal(
      of({ bytesPerSecond: 2048, secondsLeft: 89.2 }),
      "█████░░░░░░░░░░░░░░░  25%  2 KiB/s  1 min 30 s left",
    );
    assert.equal(of({ bytesPerSecond: 2048, secondsLeft: undefined }), "█████░░░░░░░░░░░░░░░  25%  2 KiB/s");
  });
});

describe("how far a target is", () => {
  test("counts extents that need no sending and bytes that were read or sent, and is whole only when it has succeeded", () => {
    assert.equal(fractionOf(target), 0.5);
    assert.equal(fractionOf({ ...target, progress: { ...progress, bytesRead: gib } }), 3 / 8 + 1 / 2);
    assert.equal(fractionOf({ ...target, progress: { ...progress, bytesSent: gib } }), 3 / 8 + 1 / 2);
    assert.equal(fractionOf({ ...target, progress: { ...progress, extentsDone: 8 } }), 0.99);
    assert.equal(fractionOf({ ...target, state: "succeeded" }), 1);
    assert.equal(fractionOf({ ...target, progress: { ...progress, extentsTotal: 0, bytesTotal: 0 } }), 0);
  });

  test("is drawn with phase, object, bytes sent, rate and time left", () => {
    assert.deepEqual(targetLines(target, { bytesPerSecond: 2 ** 20, secondsLeft: 30 }, screen), [
      "b  transferring  ██████████░░░░░░░░░░  50%  1 MiB/s  30 s left  128 MiB sent",
      "   comparing web1; 1 of 2 objects done",
    ]);
  });

  test("tells which try it is and why it waits", () => {
    const waiting: RunTarget = {
      ...target,
      state: "waiting",
      attempt: 3,
      waitsFor: "Try 3 of 10 follows. The last one failed: no route.",
    };
    const [head, ...below] = targetLines(waiting, undefined, screen);
    assert.match(head ?? "", /^b {2}waiting \(transferring\), try 3 of 10 {2}█/);
    assert.deepEqual(below.at(-1), "   Try 3 of 10 follows. The last one failed: no route.");
  });

  test("names no object while none is under way, and counts none where there is one only", () => {
    assert.equal(targetLines({ ...target, current: null }, undefined, screen).length, 1);
    const one = { ...target, progress: { ...progress, objectsTotal: 1, objectsDone: 0 } };
    assert.deepEqual(targetLines(one, undefined, screen).slice(1), ["   comparing web1"]);
  });

  test("counts mirrors while the configuration is brought up to date, and volumes where objects have several", () => {
    const preparing: RunTarget = {
      ...target,
      ...{ state: "preparing", step: "preparing", current: { index: 3, name: "web1", phase: "waiting" } },
      progress: { ...progress, objectsTotal: 36, objectsDone: 0, objectsPrepared: 9, bytesSent: 0 },
    };
    assert.deepEqual(targetLines(preparing, undefined, screen), [
      "b  preparing  █████░░░░░░░░░░░░░░░  25%",
      "   web1; 9 of 36 mirrors ready",
    ]);
    assert.equal(targetLogLine({ ...preparing, current: null }), "b: preparing; 9 of 36 mirrors ready");
    const ofVms: RunTarget = { ...target, progress: { ...progress, volumesTotal: 8, volumesDone: 3 } };
    assert.equal(targetLines(ofVms, undefined, screen)[1], "   comparing web1; 1 of 2 objects done, 3 of 8 volumes");
  });

  test("has no bar before there is anything to send, and none after", () => {
    for (const state of ["queued", "snapshotting", "preparing", "succeeded"] as const) {
      const step = state === "snapshotting" || state === "preparing" ? state : null;
      const [line] = targetLines({ ...target, state, step }, undefined, screen);
      assert.equal(line, `b  ${state}  128 MiB sent`);
    }
  });

  test("never takes more than a line of the terminal each", () => {
    for (const line of targetLines({ ...target, waitsFor: "x".repeat(500) }, undefined, { ...screen, columns: 40 })) {
      assert.ok(columnsOf(line) <= 40);
    }
  });

  test("is a line of a log without what changes all the time", () => {
    assert.equal(targetLogLine(target), "b: transferring; 50%; 128 MiB sent; comparing web1; 1 of 2 objects done");
    const waitsFor = "x".repeat(500);
    assert.equal(
      targetLogLine({ ...target, waitsFor })
        .split("; ")
        .at(-1),
      waitsFor,
      "it is whole",
    );
    const reason = { code: "LINK_BROKEN", message: "no route" };
    assert.equal(
      targetLogLine({ ...target, state: "failed", step: null, reason })
        .split("; ")
        .at(-1),
      "no route (LINK_BROKEN)",
    );
  });
});
