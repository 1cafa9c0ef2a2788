import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseCases } from "./cases/cases.ts";
import type { Measurement } from "./measure/measurement.ts";
import { measureAll } from "./measure-all.ts";

/** Tools that take a second longer each time, and say what they were asked for. */
const toolsOf = () => {
  const asked: string[] = [];
  const measure = async (what: string): Promise<Measurement> => {
    asked.push(what);
    return { wallSeconds: asked.length, cpuSeconds: 1, peakBytes: [1], wireBytes: 1 };
  };
  return {
    asked,
    ours: { measure: (run: { readonly name: string }) => measure(run.name) },
    rivals: ["one", "other"].map((name) => ({
      name,
      measure: ({ variant }: { readonly variant: string }) => measure(`${name} ${variant}`),
      close: async () => undefined,
    })),
  };
};

const say = () => undefined;

test("what two cases are to a rival it does once, under the first one's name, and of the thin volume nothing", async () => {
  const { asked, ...tools } = toolsOf();
  const cases = chooseCases("5 %,5 % base gone,striped 5 %,thin unchanged");
  const results = await measureAll({ cases, runs: 1, ...tools, say });
  assert.deepEqual(asked, ["5 %", "one 5 %", "other 5 %", "5 % base gone", "striped 5 %", "thin unchanged"]);
  assert.deepEqual(
    results.map(({ case: name, tool }) => `${name}: ${tool}`),
    [
      ...["5 %: smtx-backup", "5 %: one", "5 %: other", "5 % base gone: smtx-backup"],
      ...["striped 5 %: smtx-backup", "thin unchanged: smtx-backup"],
    ],
  );
});

test("what is measured several times has all its runs, and their median", async () => {
  const { ours } = toolsOf();
  const [result] = await measureAll({ cases: chooseCases("full"), runs: 3, ours, rivals: [], say });
  assert.deepEqual([result?.wallSeconds, result?.runs.map(({ wallSeconds }) => wallSeconds)], [2, [1, 2, 3]]);
});
