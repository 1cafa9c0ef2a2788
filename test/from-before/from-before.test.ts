import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { answerOf } from "../../cli/context/client.ts";
import type { HistoryEntry, RunAnswer } from "../../core/api/answers.ts";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "../../core/api/ids.ts";
import { slots } from "../../core/schedule/slots.ts";
import { runTool } from "../../infra/local/demo/tools.ts";
import { ensureAuthority } from "../../infra/local/pki.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";
import { Local } from "../e2e/local.ts";
import { until } from "../patience.ts";
import { type Known, knownSchema, mirrorsOf, sumsOf, volumes, writeImage } from "./world.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const archives = (await readdir(here)).filter((name) => /\.tar\.(gz|zst)$/.test(name));
const dayMs = 24 * 3600 * 1000;

/** A folder is opened years later: the certificates in it have expired, whatever day it is. */
const expireCertificates = async (dir: string): Promise<void> => {
  const multiCluster = siteIdSchema.parse("local");
  const authority = await ensureAuthority(join(dir, "pki"), multiCluster);
  for (const site of ["a", "b"]) {
    const identity = { multiCluster, siteId: siteIdSchema.parse(site), gatewayId: gatewayIdSchema.parse(`${site}1`) };
    const nowMs = Date.now() - 20 * dayMs;
    const { certificatePem, keyPem } = await issueGatewayCertificate(authority, { ...identity, nowMs, validDays: 14 });
    await writeFile(join(dir, "sites", site, `${site}1.crt`), certificatePem);
    await writeFile(join(dir, "sites", site, `${site}1.key`), keyPem);
  }
};

/** Takes apart what `make.ts` packed, now or with gzip before. */
const unpack = async (archive: string, into: string): Promise<void> => {
  const packed = await readFile(join(here, archive));
  const content = archive.endsWith(".gz") ? gunzipSync(packed) : zstdDecompressSync(packed);
  await writeFile(join(into, "data.tar"), content);
  await runTool("tar", ["-xf", join(into, "data.tar"), "-C", into]);
};

assert(archives.length > 0, "there is no folder from before beside this test");
// Side by side: most of it is waiting for what nobody answers any more.
describe("what versions before have made", { concurrency: archives.length }, () => {
  for (const archive of archives) {
    const [commit = ""] = archive.split(".");
    describe(`a folder that ${commit} made, killed in the middle of a run`, { concurrency: 1 }, () => {
      let root: string;
      let local: Local;
      let known: Known;
      let next: RunAnswer;

      before(async () => {
        known = knownSchema.parse(JSON.parse(await readFile(join(here, `${commit}.json`), "utf8")));
        root = await mkdtemp(join(tmpdir(), "smtx-backup-from-before-"));
        await unpack(archive, root);
        local = new Local(join(root, "data"), process.env);
        await expireCertificates(local.dir);
        await local.start();
      });
      after(async () => {
        await local.kill();
        await rm(root, { recursive: true });
      });

      const param = () => ({ plan: known.plan });
      const history = async (): Promise<readonly HistoryEntry[]> =>
        (await answerOf(local.api.v1.plans[":plan"].runs.$get({ param: param(), query: {} }))).items as HistoryEntry[];

      test("goes by the limit that was set in it, until it is taken off", async () => {
        const site = { param: { site: "a" } };
        const { limits } = await answerOf(local.api.v1.sites[":site"].$get(site));
        assert.equal(limits?.length, 1);
        await answerOf(local.api.v1.sites[":site"].limits.$put({ ...site, json: { limits: [] } }));
      });

      test("its run goes on where it was, and succeeds", async () => {
        const run = await local.ended(known.underWay.runId);
        assert.equal(run.status, "succeeded", JSON.stringify(run));
        assert.equal(run.targets[0]?.base?.why, "increment");
      });

      test("every slot that went by meanwhile is a run or part of a skip (I11)", async () => {
        const { schedule } = await answerOf(local.api.v1.plans[":plan"].$get({ param: param() }));
        assert(schedule);
        await until("what has become of the slots", async () => {
          const until = instantSchema.parse(new Date().toISOString());
          const due = slots(schedule as Parameters<typeof slots>[0], { after: known.madeAt, until, limit: 1e6 });
          const counts = (await history()).map((entry) => {
            if (entry.type === "skip") return entry.skip.count;
            return entry.run.trigger === "schedule" ? 1 : 0;
          });
          return counts.reduce((sum, count) => sum + count, 0) === due.length;
        });
        for (const entry of await history()) {
          if (entry.type !== "run") continue;
          const { status } = await local.ended(entry.run.id);
          assert.equal(status, "succeeded");
        }
      });

      test("the next run is incremental, and sends only what has changed", async () => {
        const [db1] = volumes;
        const file = join(root, "db1.img");
        await writeImage(file, db1, (extent) => (extent === 5 ? 5 : 4), known.filledBytes);
        const [into] = [...(await local.volumeNames("a"))].find(([, name]) => name === db1.name) ?? [];
        assert(into);
        await local.importImage("a", file, { into });
        next = await local.ended(await local.runPlan(known.plan));
        assert.equal(next.status, "succeeded", JSON.stringify(next));
        const [target] = next.targets;
        assert.equal(target?.base?.why, "increment");
        assert.equal(target.progress.extentsTotal - target.progress.extentsUnchanged - target.progress.extentsHole, 1);
      });

      test("every restore point is rebuilt equal: those from before, that of the run under way, and the next", async () => {
        const expected = [
          ...known.points,
          known.underWay,
          { groupId: next.groupId, sha256: await sumsOf(local, "a", next.groupId) },
        ];
        const groups = await answerOf(
          local.api.v1.plans[":plan"].groups.$get({ param: param(), query: { site: "b" } }),
        );
        const published = groups.items.filter(({ state }) => state === "published").map(({ id }) => id);
        for (const [i, { groupId, sha256 }] of expected.entries()) {
          assert(
            published.some((id) => id === groupId),
            `${groupId} is not published`,
          );
          assert.deepEqual(await sumsOf(local, "b", groupId), sha256);
          assert.deepEqual(await rebuilt(groupId, `point${i}-`), sha256);
        }
      });

      test("its other plans go on: what has not changed is not sent, and what they kept is what it was", async () => {
        for (const { plan, site, source, point } of known.others) {
          const run = await local.ended(await local.runPlan(plan));
          assert.equal(run.status, "succeeded", JSON.stringify(run));
          if (site !== source) {
            const [target] = run.targets;
            assert.equal(target?.base?.why, "increment");
            assert.equal(target.progress.extentsUnchanged, target.progress.extentsTotal);
            assert.deepEqual(await rebuilt(point.groupId, `${plan}-`, site), point.sha256);
          }
          for (const groupId of [point.groupId, run.groupId]) {
            assert.deepEqual(await sumsOf(local, site, groupId), point.sha256);
          }
        }
      });

      test("its mirrors are the ones that they were, each once, with their LUN ids", async () => {
        const mirrors = [...(await mirrorsOf(local, "a")), ...(await mirrorsOf(local, "b"))];
        if (known.mirrors.length > 0) assert.deepEqual(mirrors, known.mirrors);
        assert.equal(new Set(mirrors.map(({ site, name }) => `${site} ${name}`)).size, mirrors.length);
      });

      /**
       * The SHA-256 of each volume that is rebuilt from a restore point, by the name that it had.
       */
      const rebuilt = async (groupId: string, namePrefix: string, site = "b"): Promise<Record<string, string>> => {
        const json = { type: "rebuild", groupId, siteId: site, namePrefix } as never;
        const { id } = await answerOf(local.api.v1.restores.$post({ json }));
        const restore = await local.ended(id);
        assert.equal(restore.status, "succeeded", JSON.stringify(restore));
        const found: Record<string, string> = {};
        for (const [volumeId, name] of await local.volumeNames(site)) {
          if (!name.startsWith(namePrefix)) continue;
          const { sha256 } = await local.exportImage(site, join(root, "rebuilt.img"), { volumeId });
          found[name.slice(namePrefix.length)] = sha256;
        }
        return found;
      };
    });
  }
});
