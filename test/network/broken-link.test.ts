import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { sourceSite, targetSite } from "../../bench/ours/tasks.ts";
import { groupIdOf, type PlanId, type RunId, type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import type { TargetRun } from "../../core/api/run.ts";
import { defaultRetryPolicy } from "../../core/run/retry-policy.ts";
import { statusOf } from "../../core/run/steps.ts";
import { LabControlPlane } from "./control-plane.ts";
import { Lab } from "./lab.ts";
import { type LabHost, runOn } from "./link.ts";
import { makeDisk, type Node, overwriteDisk, type RandomDisk } from "./sites.ts";

const mib = 1024 * 1024;
const volumeBytes = 32 * mib;
/** Incompressible, so each target's copy takes 4 s, and both of them at once 8 s. */
const rate = "64mbit";
const otherSite = siteIdSchema.parse("c");
/**
 * The kernel gives up at once, and not after 3 s and more, on a neighbour that does not answer.
 * Each try has thirty connections to make: without it the ten of them take a quarter of an hour.
 */
const neighbours = [
  ...["base_reachable_time_ms=2000", "delay_first_probe_time=1", "retrans_time_ms=100"],
  ...["mcast_solicit=1", "ucast_solicit=1"],
];
/**
 * The patience of the control plane, but for its waits between the tries, which grow to minutes.
 */
const retryPolicy = {
  ...defaultRetryPolicy,
  retrySeconds: 0.1,
  retrySecondsMax: 1,
  workingSeconds: 900,
  dispatchSeconds: 900,
};
const endMs = 60_000;
const failMs = 240_000;

const secondsOf = ({ startedAt, endedAt }: TargetRun): number => {
  assert(startedAt !== null && endedAt !== null);
  return (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
};

describe("a plan with two targets, to one of which the link breaks for good", () => {
  let lab: Lab;
  let controlPlane: LabControlPlane;
  let hosts: { readonly a1: LabHost; readonly b1: LabHost; readonly c1: LabHost };
  let nodes: { readonly a: Node; readonly b: Node; readonly c: Node };
  let disk: RandomDisk;
  let planId: PlanId;
  let usualSeconds: number;

  before(async () => {
    lab = await Lab.create();
    hosts = {
      a1: await lab.link.addHost("a1", "10.77.0.1", rate),
      b1: await lab.link.addHost("b1", "10.77.0.2"),
      c1: await lab.link.addHost("c1", "10.77.0.3"),
    };
    await runOn(hosts.a1, "sysctl", "-qw", ...neighbours.map((setting) => `net.ipv4.neigh.eth0.${setting}`));
    nodes = {
      a: await lab.startNode(sourceSite, hosts.a1),
      b: await lab.startNode(targetSite, hosts.b1),
      c: await lab.startNode(otherSite, hosts.c1),
    };
    controlPlane = new LabControlPlane(retryPolicy);
    await controlPlane.addSite(sourceSite, nodes.a);
    await controlPlane.addSite(targetSite, nodes.b);
    await controlPlane.addSite(otherSite, nodes.c);
    disk = await makeDisk(nodes.a, { bytes: volumeBytes, extentBytes: 4 * mib });
    const { kind, id, name } = disk.object;
    planId = await controlPlane.addPlan((planId, now) => ({
      id: planId,
      kind: "backup",
      status: "active",
      name: "network",
      source: sourceSite,
      targets: [targetSite, otherSite].map((site) => ({ site, retention: { keepLast: 2 }, switches: {} })),
      objectCount: 1,
      objectSet: 1,
      objects: [{ kind, id, name }],
      compression: { enabled: true, level: 1, dictionary: true },
      createdAt: now,
      slotsDoneUntil: now,
      sequence: 0,
      lanes: {},
    }));
  });

  after(async () => {
    await lab?.remove();
    await controlPlane?.stop();
  });

  const succeeded = async (runId: RunId, target: SiteId, node: Node): Promise<number> => {
    const { part } = await controlPlane.ended(runId, target, endMs);
    assert.equal(part.state, "succeeded", JSON.stringify(part));
    assert.equal(await node.gateway.call("sha256", { groupId: groupIdOf(runId) }), disk.digest);
    return secondsOf(part);
  };
  const sentToBoth = async (runId: RunId) => ({
    b: await succeeded(runId, targetSite, nodes.b),
    c: await succeeded(runId, otherSite, nodes.c),
  });

  test("backs up to both while the links are up", async (t) => {
    const seconds = await sentToBoth(await controlPlane.run(planId));
    usualSeconds = seconds.c;
    t.diagnostic(`${seconds.b.toFixed(1)} s and ${seconds.c.toFixed(1)} s`);
  });

  test("fails for the one after ten tries, with the reason, and is on time for the other", async (t) => {
    disk = await overwriteDisk(nodes.a, disk, volumeBytes);
    const before = controlPlane.tries.length;
    const sentBefore = await lab.link.sentBytes(hosts.a1);
    const runId = await controlPlane.run(planId);
    await lab.link.sent(hosts.a1, sentBefore + 0.4 * volumeBytes);
    await lab.link.passHost(hosts.b1, false);

    const seconds = await succeeded(runId, otherSite, nodes.c);
    t.diagnostic(`the other target: ${seconds.toFixed(1)} s, usually ${usualSeconds.toFixed(1)} s`);
    assert.ok(seconds < 1.2 * usualSeconds + 1);

    const { run, part } = await controlPlane.ended(runId, targetSite, failMs);
    t.diagnostic(`${secondsOf(part).toFixed(1)} s: ${part.state}, ${part.reason?.code}: ${part.reason?.message}`);
    assert.equal(part.state, "failed");
    assert.equal(part.reason?.code, "LINK_BROKEN");
    assert.match(part.reason.message, /\(10 tries\)$/);
    assert.equal(statusOf(run), "partly");
    const tries = controlPlane.tries
      .slice(before)
      .filter(({ task }) => task.kind === "transfer" && task.target === targetSite);
    t.diagnostic(`seconds of each try: ${tries.map((one) => one.seconds.toFixed(1)).join(", ")}`);
    assert.equal(tries.length, retryPolicy.triesMax);
    assert.ok(tries.every(({ failed }) => failed));
  });

  test("backs up to both again when the link is there again", async () => {
    await lab.link.passHost(hosts.b1, true);
    await sentToBoth(await controlPlane.run(planId));
  });
});
