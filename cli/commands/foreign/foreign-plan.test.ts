import assert from "node:assert/strict";
import { chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { groupId, owner } from "../../../gateway/storage/conformance/fixtures.ts";
import { createAuthority } from "../../../pki/authority.ts";
import { issueRevocations } from "../../../pki/revocations.ts";
import { needRoot } from "../../../test/need.ts";
import { type ForeignHost, foreignHost, planObjects, signerOf } from "./testing-foreign.ts";

const spiffe = "spiffe://mc/site/b/gateway/b1";

/** All that restores refuses the newest group by this name, and nothing is made. */
const refuses = async (host: ForeignHost, code: string, more = "") => {
  const before = await host.withStorage((storage) => storage.inventory());
  const unsigned = code === "MANIFEST_UNSIGNED" ? "" : " --even-unsigned";
  for (const command of [`rebuild daily${unsigned}${more}`, `attach daily --object web${unsigned}${more}`]) {
    const { exitCode, stdout, stderr } = await host.foreignPlan(command);
    assert.equal(exitCode, 1, stdout);
    assert.match(stderr, new RegExp(`\\(${code}\\)\\n {2}hint: `));
  }
  assert.deepEqual(await host.withStorage((storage) => storage.inventory()), before);
  const shown = (await host.foreignPlan(`show daily${more} --json`)).json();
  assert.equal(shown.groups[0].manifest.code, code);
  assert.deepEqual(shown.objects, []);
};

const hostOfStranger = async (t: TestContext) => {
  const other = await createAuthority({ multiCluster: "mc" });
  const stranger = await signerOf(other);
  const host = await foreignHost(t, (own) => [own, own, stranger]);
  await writeFile(join(host.folder, "other.crt"), other.certificatePem);
  return host;
};

describe("foreign-plan, at the target's host with nothing else", () => {
  test("lists the plans that the site has groups of, how old they are, and who signed the newest", async (t) => {
    const { foreignPlan } = await foreignHost(t);
    const { items } = (await foreignPlan("list --json")).json();
    const [plan] = items;
    assert.equal(items.length, 1);
    assert.deepEqual(
      [plan.planId, plan.planName, plan.source, plan.groupCount, plan.newest.groupId, plan.newest.manifest.by],
      [owner.planId, "daily", "a", 3, groupId(3), spiffe],
    );
    const { stdout, exitCode } = await foreignPlan("list");
    assert.equal(exitCode, 0);
    assert.match(stdout, /daily +a +3 +2026-03-01 01:00:00 UTC +\d+ d .* +signed by b1 +plan_/);
  });

  test("shows a plan's groups, and the objects of one as the source had them", async (t) => {
    const { foreignPlan } = await foreignHost(t);
    const shown = (await foreignPlan(`show ${owner.planId} --json`)).json();
    assert.deepEqual(
      shown.groups.map((group: { sequence: number; manifest: { state: string } }) => [
        group.sequence,
        group.manifest.state,
      ]),
      [
        [3, "signed"],
        [2, "signed"],
        [1, "unsigned"],
      ],
    );
    assert.deepEqual([shown.groupId, shown.objects[1]], [groupId(3), planObjects[1]]);
    const { stdout } = await foreignPlan(`show daily --group ${groupId(1)}`);
    assert.match(stdout, /not signed +group_/);
    assert.match(stdout, /web +vm +1 MiB/);
    assert.match(stdout, /database +lun +512 KiB/);
  });

  test("believes who published then, though his certificate has expired since, and he was removed", async (t) => {
    const host = await foreignHost(t, (own) => [own, own]);
    const issuedMs = Date.parse("2026-01-01T00:00:00.000Z");
    const gone = await signerOf(host.authority, { issuedMs, publishedAt: "2026-01-10T00:00:00.000Z" });
    const [newest] = await host.withStorage((storage) => storage.foreignGroups());
    assert.ok(newest);
    host.tamper("UPDATE snapshotGroups SET proof = ? WHERE id = ?", JSON.stringify(gone(newest.group)), groupId(2));
    const revoked = [{ serial: gone.serial, revokedAtMs: issuedMs }];
    const list = await issueRevocations(host.authority, { revoked, atMs: Date.now() });
    await writeFile(join(host.folder, "tls", "none.crt.revoked"), list);
    const rebuilt = await host.foreignPlan("rebuild daily --json");
    assert.equal(rebuilt.exitCode, 0, rebuilt.stderr);
    assert.deepEqual(rebuilt.json().manifest, { state: "signed", by: spiffe, publishedAt: "2026-01-10T00:00:00Z" });
  });

  test("says what it does not find, and which command says what there is", async (t) => {
    const { foreignPlan, folder, authority } = await foreignHost(t, () => []);
    const gateway = join(folder, "gateway.crt");
    await writeFile(gateway, (await signerOf(authority)).certificatePem);
    assert.match((await foreignPlan("list")).stdout, /no groups of other sites/);
    for (const [words, code, exitCode] of [
      ["show daily", "PLAN_UNKNOWN", 3],
      [`list --authority ${join(folder, "gateway.yaml")}`, "BAD_REQUEST", 2],
      [`list --authority ${join(folder, "nowhere.crt")}`, "BAD_REQUEST", 2],
      [`list --authority ${gateway}`, "BAD_REQUEST", 2],
    ] as const) {
      const answer = await foreignPlan(words);
      assert.equal(answer.exitCode, exitCode, answer.stderr);
      assert.match(answer.stderr, new RegExp(`\\(${code}\\)\\n {2}hint: `));
    }
    const some = await foreignHost(t);
    const { exitCode, stderr } = await some.foreignPlan(`rebuild daily --group ${groupId(9)}`);
    assert.equal(exitCode, 3);
    assert.match(stderr, /\(GROUP_UNKNOWN\)\n {2}hint: .*foreign-plan show plan_\S+ -c /);
  });

  test("makes no store of a folder that is none", async (t) => {
    const { foreignPlan, config } = await foreignHost(t);
    await writeFile(
      config,
      "gatewayId: b1\nsiteId: b\nmultiCluster: mc\nstorage: { kind: extentstore, dir: other }\n" +
        "tls: { ca: tls/ca.crt, certificate: x, key: y }\nqueues: { prefix: smtx }\n",
    );
    const { exitCode, stderr } = await foreignPlan("list");
    assert.equal(exitCode, 3);
    assert.match(stderr, /There is no extentstore in .*other\. \(NOT_FOUND\)/);
  });

  test("opens no store of another user's, in whose folder root would leave what he can't read", async (t) => {
    if (!needRoot(t)) return;
    const { foreignPlan, store } = await foreignHost(t);
    await chown(join(store, "store.sqlite"), 65534, 65534);
    const { exitCode, stderr } = await foreignPlan("list");
    assert.equal(exitCode, 4);
    assert.match(stderr, /another user's.*\(FORBIDDEN\)\n {2}hint: .*sudo -u '#65534' smtx-backup foreign-plan/);
  });
});

describe("a manifest is refused by name", () => {
  test("that was changed by one byte", async (t) => {
    const host = await foreignHost(t);
    host.tamper(
      "UPDATE snapshotGroups SET manifest = replace(manifest, '\"web\"', '\"wec\"') WHERE id = ?",
      groupId(3),
    );
    await refuses(host, "MANIFEST_CHANGED");
  });

  test("whose proof was changed, or can't be read", async (t) => {
    const host = await foreignHost(t);
    for (const proof of ["{}", "", "x"]) {
      host.tamper("UPDATE snapshotGroups SET proof = ? WHERE id = ?", proof, groupId(3));
      await refuses(host, "MANIFEST_CHANGED");
    }
  });

  test("that a stranger has signed, until his authority is named", async (t) => {
    const host = await hostOfStranger(t);
    await refuses(host, "MANIFEST_BY_STRANGER");
    const { groups } = (
      await host.foreignPlan(`show daily --json --authority ${join(host.folder, "other.crt")}`)
    ).json();
    assert.deepEqual(
      groups.map(({ manifest }: { manifest: { state: string } }) => manifest.state),
      ["signed", "signed", "signed"],
    );
  });

  test("that another site's gateway has signed", async (t) => {
    const authorities: ForeignHost["authority"][] = [];
    const host = await foreignHost(t, (own) => [own, own]);
    authorities.push(host.authority);
    const [authority] = authorities;
    assert.ok(authority);
    const other = await signerOf(authority, { siteId: "c" });
    const [newest] = await host.withStorage((storage) => storage.foreignGroups());
    assert.ok(newest);
    host.tamper("UPDATE snapshotGroups SET proof = ? WHERE id = ?", JSON.stringify(other(newest.group)), groupId(2));
    await refuses(host, "MANIFEST_OF_OTHER_SITE");
  });

  test("that is older than the group that it names: put there from another group of the plan", async (t) => {
    const host = await foreignHost(t);
    host.tamper(
      `UPDATE snapshotGroups SET (manifest, proof) = (SELECT manifest, proof FROM snapshotGroups WHERE id = ?)
       WHERE id = ?`,
      groupId(2),
      groupId(3),
    );
    await refuses(host, "MANIFEST_OF_OTHER_GROUP");
    const unsigned = await foreignHost(t, () => [undefined, undefined]);
    unsigned.tamper(
      "UPDATE snapshotGroups SET manifest = (SELECT manifest FROM snapshotGroups WHERE id = ?) WHERE id = ?",
      groupId(1),
      groupId(2),
    );
    const { exitCode, stderr } = await unsigned.foreignPlan("rebuild daily");
    assert.equal(exitCode, 1);
    assert.match(stderr, /\(MANIFEST_OF_OTHER_GROUP\)/);
  });

  test("whose group has other volumes than it was signed with", async (t) => {
    const host = await foreignHost(t);
    host.tamper(
      "UPDATE snapshots SET sourceVolumeId = 'another' WHERE groupId = ? AND sourceVolumeId LIKE '%a1'",
      groupId(3),
    );
    await refuses(host, "MANIFEST_OF_OTHER_GROUP");
  });

  test("whose certificate was not valid when it was published", async (t) => {
    const host = await foreignHost(t, (own) => [own, own]);
    const late = await signerOf(host.authority, { publishedAt: "2020-01-01T00:00:00.000Z" });
    const [newest] = await host.withStorage((storage) => storage.foreignGroups());
    assert.ok(newest);
    host.tamper("UPDATE snapshotGroups SET proof = ? WHERE id = ?", JSON.stringify(late(newest.group)), groupId(2));
    await refuses(host, "MANIFEST_UNTIMELY");
  });

  test("that lost its signature, unless that is asked for; older ones, of before, only give a warning", async (t) => {
    const host = await foreignHost(t);
    host.tamper("UPDATE snapshotGroups SET proof = NULL WHERE id = ?", groupId(3));
    await refuses(host, "MANIFEST_UNSIGNED");
    const asked = await host.foreignPlan("rebuild daily --object database --even-unsigned");
    assert.equal(asked.exitCode, 0, asked.stderr);
    assert.match(asked.stderr, /warning: The manifest of group_\S+ is not signed/);
    const old = await host.foreignPlan(`rebuild daily --object database --prefix old- --group ${groupId(1)}`);
    assert.equal(old.exitCode, 0, old.stderr);
    assert.match(old.stderr, /warning: The manifest of group_\S+ is not signed/);
    const signed = await host.foreignPlan(`rebuild daily --object database --prefix new- --group ${groupId(2)}`);
    assert.doesNotMatch(signed.stderr, /not signed/);
  });
});
