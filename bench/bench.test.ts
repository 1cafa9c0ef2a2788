import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testWith } from "../test/need.ts";
import { type BenchmarkReport, ourName } from "./results.ts";

const run = promisify(execFile);
const script = fileURLToPath(new URL("./bench.ts", import.meta.url));
const sizes = ["--size", "32MiB", "--extent", "8MiB", "--thin-size", "64MiB"];

const testWithRsync = await testWith("rsync");

testWithRsync(
  "the benchmark measures what it is told to, compares every byte, and leaves nothing behind",
  async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "smtx-backup-bench-test-"));
    t.after(() => rm(dir, { recursive: true }));
    const json = join(dir, "results.json");
    const options = ["--without", "restic,borg", "--cases", "full,5 % base gone"];
    const { stdout } = await run(process.execPath, [
      script,
      ...sizes,
      ...options,
      "--dir",
      join(dir, "work"),
      "--json",
      json,
    ]);
    const report: BenchmarkReport = JSON.parse(await readFile(json, "utf8"));
    const measured = report.results.map(({ case: name, tool }) => `${name}: ${tool}`);
    assert.deepEqual(measured, [
      ...["full: smtx-backup", "full: rsync", "full: rsync -z"],
      ...["5 % base gone: smtx-backup", "5 %: rsync", "5 %: rsync -z"],
    ]);
    for (const { wallSeconds, cpuSeconds, peakBytes, wireBytes } of report.results) {
      assert(wallSeconds > 0 && cpuSeconds >= 0 && wireBytes > 0);
      assert(peakBytes.length > 0 && peakBytes.every((bytes) => bytes > 0));
    }
    const full = report.results.find(({ case: name, tool }) => name === "full" && tool === ourName);
    assert(full && full.wireBytes < report.parameters.allocatedBytes, "a full copy that is compressed is smaller");
    assert.equal(report.parameters.cold, false);
    assert.match(stdout, /^.*, gateways warm\n/);
    assert.match(stdout, /full +wall +≤ 0\.55 of rsync -z/);
    assert.deepEqual(await readdir(dir), ["results.json"]);
  },
);

test("gateways are measured cold where that is asked for, and the report says so", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-bench-test-"));
  t.after(() => rm(dir, { recursive: true }));
  const [work, json] = [join(dir, "work"), join(dir, "results.json")];
  const options = ["--cold", "--without", "rsync,restic,borg", "--cases", "full", "--keep"];
  const { stdout } = await run(process.execPath, [script, ...sizes, ...options, "--dir", work, "--json", json]);
  const { parameters, results }: BenchmarkReport = JSON.parse(await readFile(json, "utf8"));
  assert.deepEqual([parameters.cold, results.length], [true, 1]);
  assert.match(stdout, /^.*, gateways cold\n/);
  assert.deepEqual((await readdir(work)).sort(), ["base.img", "ours"], "nothing was made to warm up with");
});

test("a size that is none is refused before anything is made", async () => {
  await assert.rejects(run(process.execPath, [script, "--size", "64 potatoes"]), {
    code: 2,
    stderr: /is no size such as 64MiB/,
  });
});
