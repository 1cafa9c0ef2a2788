import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeptGroup, ManifestProof } from "../core/api/foreign/proof.ts";
import { gatewayIdSchema, groupIdSchema, instantSchema, planIdSchema, siteIdSchema } from "../core/api/ids.ts";
import { createAuthority } from "./authority.ts";
import { judgeGroups } from "./judge-groups.ts";
import { proveManifest, volumeSetOf } from "./manifest-proof.ts";
import { issueGatewayCertificate } from "./testing.ts";

const authority = await createAuthority({ multiCluster: "mc" });
const identity = {
  multiCluster: siteIdSchema.parse("mc"),
  siteId: siteIdSchema.parse("b"),
  gatewayId: gatewayIdSchema.parse("b1"),
};
const gateway = await issueGatewayCertificate(authority, { ...identity, validDays: 14 });
const judge = { ...identity, authorities: [authority.certificatePem] };
const publishedAt = instantSchema.parse(new Date().toISOString());

const group = (sequence: number, source = "a"): KeptGroup => ({
  groupId: groupIdSchema.parse(`group_01K0Z3NDEKTSV4RRFFQ69G5FAV_2026030${sequence}T010000000Z`),
  planId: planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV"),
  source: siteIdSchema.parse(source),
  ...{ sequence, takenAt: publishedAt, manifestSha256: "0".repeat(64) },
  volumes: volumeSetOf([{ sourceVolumeId: "v", mirrorVolumeId: "m" }]),
});
const signed = (of: KeptGroup) => ({ group: of, proof: proveManifest({ ...of, publishedAt }, gateway) });
const states = (groups: readonly { readonly group: KeptGroup; readonly proof?: ManifestProof }[]) =>
  judgeGroups(groups, judge).map((one) => one.refusal?.code ?? one.judgement?.state);

describe("the groups of a plan", () => {
  test("that were published before there were signatures are unsigned, and no refusal", () => {
    assert.deepEqual(states([signed(group(3)), { group: group(2) }, { group: group(1) }]), [
      "signed",
      "unsigned",
      "unsigned",
    ]);
  });

  test("that lack a signature, and are newer than one that has it, are refused", () => {
    assert.deepEqual(states([{ group: group(4) }, signed(group(3)), { group: group(2) }, signed(group(1))]), [
      "MANIFEST_UNSIGNED",
      "signed",
      "MANIFEST_UNSIGNED",
      "signed",
    ]);
  });

  test("are judged by their own plan's alone, and by what is believed", () => {
    const swapped = { group: group(1), proof: signed(group(2)).proof };
    assert.deepEqual(states([{ group: group(3) }, swapped, signed(group(1, "c"))]), [
      "unsigned",
      "MANIFEST_OF_OTHER_GROUP",
      "signed",
    ]);
  });
});
