import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { run } from "../../../cli/testing.ts";
import { probeGateway } from "../../../gateway/check/probe-gateway.ts";
import {
  type AbilityAnswer,
  type AbilityName,
  abilitiesOf,
  abilityNames,
} from "../../../gateway/storage/smtx/abilities/abilities.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import type { ProbeReport } from "../../../gateway/storage/smtx/probe/report.ts";
import { reachCluster } from "../../../gateway/storage/smtx/reach.ts";
import type { SmtxConfig } from "../../../gateway/storage/smtx-config.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import type { ClusterBehaviour } from "../rest/storage.ts";
import { namesOn, openConfigured } from "./configured.ts";

const contentBytes = 2 ** 20;

type Asked = Omit<ClusterBehaviour, "showsRoundedSizes" | "listsCommandLine"> & {
  readonly sharesReservations: boolean;
};

const said = (can: boolean): AbilityAnswer => (can ? "yes" : "no");

const expected = (cluster: Asked): Readonly<Record<AbilityName, AbilityAnswer>> => ({
  rollsBackToOthers: said(cluster.rollsBackToOthers),
  // What a volume has become can be read by a clone only.
  rollsBackVolumes:
    cluster.rollsBackToOthers && !cluster.clonesVolumesAnywhere ? "unknown" : said(cluster.rollsBackToOthers),
  clonesAreMetadata: said(cluster.clonesShare),
  clonesVolumes: said(cluster.clonesVolumesAnywhere),
  groupsTakeVolumes: said(cluster.groupsTakeVolumes),
  reservationsHoldAcrossNodes: said(cluster.sharesReservations),
  tablesOfSnapshots: said(cluster.tablesOfSnapshots),
  tablesShowOneRow: said(cluster.marksOneRow),
  idsSurviveClone: said(cluster.keepsIdsInClones && cluster.clonesShare),
  makesFiles: said(cluster.makesFiles),
  tellsHoles: said(cluster.tellsHoles),
});

const answersIn = ({ answers }: ProbeReport) =>
  Object.fromEntries(answers.map(({ ability, answer }) => [ability, answer]));

/**
 * Sixteen clusters: of any three abilities each combination is among them, as they are the words of
 * the extended Hamming code, whose dual is itself and has no word of less than four.
 */
const clusters: readonly Asked[] = Array.from({ length: 16 }, (_, word) => {
  const [a, b, c, d] = [8, 4, 2, 1].map((bit) => (word & bit) !== 0) as [boolean, boolean, boolean, boolean];
  const isOdd = (...bits: readonly boolean[]) => bits.filter(Boolean).length % 2 === 1;
  return {
    ...{ rollsBackToOthers: a, clonesVolumesAnywhere: b, groupsTakeVolumes: c, clonesShare: d },
    ...{ tablesOfSnapshots: isOdd(a, b, c), marksOneRow: isOdd(a, b, d), keepsIdsInClones: isOdd(a, c, d) },
    sharesReservations: isOdd(b, c, d),
    // Nothing else has to do with them.
    makesFiles: a,
    tellsHoles: b,
  };
});

const knownBy = async (config: SmtxConfig) => {
  const opened: (() => Promise<void>)[] = [];
  try {
    const { ledger } = await reachCluster(config, { time: steadyTime, onOpened: (close) => opened.push(close) });
    return await ledger.read(abilitiesOf);
  } finally {
    for (const close of opened.reverse()) await close();
  }
};

for (const sharesReservations of [true, false]) {
  describe(`a probe of a cluster whose nodes ${sharesReservations ? "share" : "do not share"} reservations`, async () => {
    test("answers each question as the cluster is, in any combination, and leaves nothing", async (context) => {
      const { standIn, config, close } = await openConfigured({ nodes: { sharesReservations } });
      context.after(close);
      for (const cluster of clusters.filter((one) => one.sharesReservations === sharesReservations)) {
        Object.assign(standIn.behaviour, cluster);
        const report = await probeCluster(config, { contentBytes });
        assert.deepEqual(answersIn(report), expected(cluster), JSON.stringify(report.answers, undefined, 1));
        assert.deepEqual([namesOn(standIn), report.left, standIn.tower.breaches], [[], [], []]);
      }
    });
  });
}

test("what a probe was answered the driver finds in the ledger, with the day", async (context) => {
  const { config, close } = await openConfigured({ hasShell: false });
  context.after(close);
  const { day } = await probeCluster(config, { contentBytes });
  const known = await knownBy(config);
  assert.deepEqual(known.clonesVolumes, { answer: "yes", day });
  assert.deepEqual(known.idsSurviveClone, { answer: "unknown" });
});

test("without SSH, and with one node within reach, a probe says what it can't tell, and why", async (context) => {
  const { standIn, config, close } = await openConfigured({ hasShell: false });
  context.after(close);
  for (const host of standIn.tower.model.hosts.all()) standIn.tower.model.hosts.delete(host);
  const { answers } = await probeCluster(config, { contentBytes });
  const unknown = answers.filter(({ answer }) => answer === "unknown");
  assert.deepEqual(
    unknown.map(({ ability }) => ability),
    ["reservationsHoldAcrossNodes", "tablesOfSnapshots", "tablesShowOneRow", "idsSurviveClone", "makesFiles"],
  );
  assert.match(unknown[0]?.evidence ?? "", /a way to 1 of the cluster's nodes/);
  assert.match(unknown[1]?.evidence ?? "", /storage\.ssh is not configured/);
});

test("an account without a right leaves unknown what needs it, and a hiccup of the cluster is no answer", async (context) => {
  const { standIn, config, close } = await openConfigured({ hasShell: false });
  context.after(close);
  const { faults } = standIn.tower;
  faults.add("create-consistency-group", { kind: "forbidden" }, { times: 10 });
  faults.add("rollback-iscsi-lun-from-snapshot", { kind: "error", status: 500, message: "out of breath" });
  const { answers } = await probeCluster(config, { contentBytes });
  const answered = new Map(answers.map(({ ability, answer, evidence }) => [ability, { answer, evidence }]));
  assert.equal(answered.get("groupsTakeVolumes")?.answer, "unknown");
  assert.match(answered.get("groupsTakeVolumes")?.evidence ?? "", /refuses create-consistency-group/);
  assert.equal(answered.get("rollsBackToOthers")?.answer, "yes");
});

test("figures of the cluster that are old are no answer", async (context) => {
  const { standIn, config, close } = await openConfigured({ hasShell: false });
  context.after(close);
  context.mock.method(standIn.cluster.storage.zbs, "uniqueBytes", () => 0);
  const { answers } = await probeCluster(config, { contentBytes, figuresSeconds: 2 });
  const { answer, evidence } = answers.find(({ ability }) => ability === "clonesAreMetadata") ?? assert.fail();
  assert.deepEqual([answer, /shows 0 bytes of a LUN that \d+ were written to/.test(evidence)], ["unknown", true]);
});

test("a rollback that succeeds and does nothing is seen by the bytes", async (context) => {
  const { standIn, config, close } = await openConfigured({ hasShell: false });
  context.after(close);
  context.mock.method(standIn.cluster.storage.zbs, "rollback", () => undefined);
  const { answers } = await probeCluster(config, { contentBytes });
  for (const name of ["rollsBackToOthers", "rollsBackVolumes"]) {
    const { answer, evidence } = answers.find(({ ability }) => ability === name) ?? assert.fail();
    assert.deepEqual([answer, evidence], ["no", "The rollback succeeded, and the content is another one."]);
  }
});

test("a gateway's configuration is enough to probe its cluster, and that of an extentstore is told apart", async (context) => {
  const { config, dir, close } = await openConfigured({ hasShell: false });
  context.after(close);
  const file = join(dir, "gateway.json");
  const tls = { ca: "ca.pem", certificate: "a.pem", key: "a.key" };
  const others = { gatewayId: "a-1", siteId: "a", multiCluster: "mc", queues: { prefix: "none" }, tls };
  await writeFile(file, JSON.stringify({ ...others, storage: config }));
  const { exitCode, stdout } = await run(["gateway", "probe", "-c", file, "--yes", "--json"], {
    probeCluster: probeGateway,
  });
  assert.equal(exitCode, 0);
  assert.equal(JSON.parse(stdout).answers.length, abilityNames.length);
  await writeFile(file, JSON.stringify({ ...others, storage: { kind: "extentstore", dir: "store" } }));
  const refused = await run(["gateway", "probe", "-c", file, "--yes"], { probeCluster: probeGateway });
  assert.match(refused.stderr, /nothing to ask of a storage of the kind extentstore/);
});
