import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeptGroup } from "../../core/api/foreign/proof.ts";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "../../core/api/ids.ts";
import { createAuthority } from "../../pki/authority.ts";
import { judgeManifest, volumeSetOf } from "../../pki/manifest-proof.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";
import { recordingLog } from "../agent/testing.ts";
import { groupId, instant, planId, siteA } from "../tasks/testing.ts";
import { createProve } from "./prove.ts";

const issuedMs = Date.parse("2026-03-01T00:00:00.000Z");
const authority = await createAuthority({ multiCluster: "mc" });
const identity = {
  multiCluster: siteIdSchema.parse("mc"),
  siteId: siteIdSchema.parse("b"),
  gatewayId: gatewayIdSchema.parse("b1"),
};
const judge = { ...identity, authorities: [authority.certificatePem] };
const issued = (nowMs: number) => issueGatewayCertificate(authority, { ...identity, validDays: 14, nowMs });
const credentialsOf = async (nowMs: number) => ({
  ...(await issued(nowMs)),
  ...{ caPem: authority.certificatePem, revocations: undefined },
});
const group: KeptGroup = {
  ...{ groupId, planId, source: siteA, sequence: 1, takenAt: instant("2026-03-01T01:00:00.000Z") },
  ...{ volumes: volumeSetOf([{ sourceVolumeId: "v", mirrorVolumeId: "m" }]), manifestSha256: "0".repeat(64) },
};
const at = (days: number) => instantSchema.parse(new Date(issuedMs + days * 86_400_000).toISOString());

describe("what a gateway signs", () => {
  test("is believed with the key that it has at that moment, also after a renewal", async () => {
    let current = await credentialsOf(issuedMs);
    const log = recordingLog();
    const prove = createProve({ current: () => current, log });
    for (const day of [1, 20]) {
      if (day === 20) current = await credentialsOf(issuedMs + 10 * 86_400_000);
      const publishedAt = at(day);
      const judged = judgeManifest(prove({ ...group, publishedAt }), group, judge);
      assert.deepEqual(judged, { state: "signed", by: identity, publishedAt });
    }
    assert.deepEqual(log.lines, []);
  });

  test("is nothing while its certificate is not valid, which the log says: it would be refused", async () => {
    const current = await credentialsOf(issuedMs);
    const log = recordingLog();
    const prove = createProve({ current: () => current, log });
    for (const day of [-1, 15]) assert.equal(prove({ ...group, publishedAt: at(day) }), undefined);
    assert.equal(log.lines.length, 2);
    assert.match(JSON.stringify(log.lines), /unsigned: this gateway's certificate is not valid now/);
  });
});
