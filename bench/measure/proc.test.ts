import assert from "node:assert/strict";
import { test } from "node:test";
import { medianOf } from "./measurement.ts";
import { descendantsOf, parsePeakBytes, parseStat, parseTransmittedBytes } from "./proc.ts";
import { timesOf } from "./processes.ts";

test("a process's times are found behind a name with parentheses and spaces", () => {
  const stat = "4711 (a) b (c) S 42 4711 4711 0 -1 4194304 100 200 0 0 150 50 1000 250 20 0 1 0 123 456 789";
  assert.deepEqual(parseStat(stat), { parentPid: 42, cpuSeconds: 2, childrenCpuSeconds: 12.5 });
  assert.throws(() => parseStat("4711 (cat) S 42"), RangeError);
  assert.equal(timesOf("self").parentPid, process.ppid);
});

test("the most memory is told in bytes, and is none of a process that has ended", () => {
  assert.equal(parsePeakBytes("Name:\tnode\nVmPeak:\t  9999 kB\nVmHWM:\t  1234 kB\nVmRSS:\t   99 kB\n"), 1234 * 1024);
  assert.equal(parsePeakBytes("Name:\tnode\nState:\tZ (zombie)\n"), 0);
});

test("transmitted bytes are the ninth figure of the interface's line", () => {
  const dev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
    lo:123456 2 3 4 5 6 7 8 654321 10 0 0 0 0 0 0
`;
  assert.equal(parseTransmittedBytes(dev, "lo"), 654321);
  assert.equal(parseTransmittedBytes(dev, "eth0"), 9);
  assert.throws(() => parseTransmittedBytes(dev, "wlan0"), RangeError);
});

test("descendants are found over generations, and others' are not", () => {
  const parents = new Map([
    [2, 1],
    [3, 2],
    [4, 3],
    [5, 1],
  ]);
  assert.deepEqual([...descendantsOf(2, parents)].sort(), [2, 3, 4]);
});

test("of several runs the median counts, and of memory the most", () => {
  const run = (wallSeconds: number, peak: number) => ({
    wallSeconds,
    cpuSeconds: 1,
    peakBytes: [peak, 5],
    wireBytes: 7,
  });
  assert.deepEqual(medianOf([run(3, 10), run(1, 30), run(2, 20)]), run(2, 30));
  assert.equal(medianOf([run(1, 1), run(2, 1)]).wallSeconds, 1.5);
});
