import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { TestContext } from "node:test";
import type { KeptGroup, ManifestProof } from "../../../core/api/foreign/proof.ts";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { lunOfSource, publishAll, vmOfSource } from "../../../gateway/storage/conformance/objects.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { openStorage } from "../../../gateway/storage/open.ts";
import { type Authority, createAuthority } from "../../../pki/authority.ts";
import { proveManifest } from "../../../pki/manifest-proof.ts";
import { issueGatewayCertificate } from "../../../pki/testing.ts";
import type { Host } from "../../host/host.ts";
import { run, temporaryFolder } from "../../testing.ts";

export type Prove = (group: KeptGroup) => ManifestProof;

const identity = {
  multiCluster: siteIdSchema.parse("mc"),
  siteId: siteIdSchema.parse("b"),
  gatewayId: gatewayIdSchema.parse("b1"),
};

/**
 * What signs as a gateway does.
 * @param of as whom, if not as the target's own, and when; its certificate is of `issuedMs`, for 14
 *   days
 */
export const signerOf = async (
  authority: Authority,
  of: { readonly siteId?: string; readonly publishedAt?: string; readonly issuedMs?: number } = {},
): Promise<Prove & { readonly serial: string; readonly certificatePem: string }> => {
  const { siteId = identity.siteId, publishedAt = new Date().toISOString(), issuedMs: nowMs = Date.now() } = of;
  const own = { ...identity, siteId: siteIdSchema.parse(siteId) };
  const gateway = await issueGatewayCertificate(authority, { ...own, validDays: 14, nowMs });
  const prove: Prove = (group) => proveManifest({ ...group, publishedAt: instantSchema.parse(publishedAt) }, gateway);
  return Object.assign(prove, { serial: gateway.serial, certificatePem: gateway.certificatePem });
};

const mappedVm = { object: vmOfSource(), mapping: { switches: { prod: "dr-prod" } } };

/** What the plan has: a LUN `database`, and a VM `web` of two disks and two NICs. */
export const planObjects: readonly ObjectConfig[] = [lunOfSource(), mappedVm.object];

/**
 * A target's host after all else was lost: its store with groups of a plan `daily` of site a, and
 * the configuration of its gateway.
 * @param signed who signs the plan's groups 1, 2, 3; undefined: nobody
 */
export const foreignHost = async (
  t: TestContext,
  signed?: (own: Prove) => readonly (Prove | undefined)[] | Promise<readonly (Prove | undefined)[]>,
) => {
  const folder = await temporaryFolder(t);
  const store = join(folder, "store");
  const authority = await createAuthority({ multiCluster: "mc" });
  const config = join(folder, "gateway.yaml");
  await mkdir(join(folder, "tls"));
  await writeFile(join(folder, "tls", "ca.crt"), authority.certificatePem);
  await writeFile(
    config,
    `gatewayId: b1
siteId: b
multiCluster: mc
storage: { kind: extentstore, dir: store }
tls: { ca: tls/ca.crt, certificate: tls/none.crt, key: tls/none.key }
queues: { prefix: smtx }
`,
  );
  const withStorage = async <T>(use: (storage: StorageDriver) => Promise<T>): Promise<T> => {
    const storage = await openStorage({ kind: "extentstore", dir: store });
    return use(storage).finally(() => storage.close());
  };
  const own = await signerOf(authority);
  await withStorage(async (storage) => {
    await storage.administration?.createObjects([{ kind: "switch", name: "dr-prod" }]);
    for (const [index, prove] of (await (signed?.(own) ?? [undefined, own, own])).entries()) {
      await publishAll(storage, index + 1, [lunOfSource(), mappedVm], prove);
    }
  });
  return {
    ...{ folder, store, config, authority, withStorage },
    /** Changes the metadata behind the store's back. */
    tamper: (sql: string, ...values: SQLInputValue[]) => {
      const database = new DatabaseSync(join(store, "store.sqlite"));
      try {
        database.prepare(sql).run(...values);
      } finally {
        database.close();
      }
    },
    foreignPlan: async (words: string, parts: Partial<Host> = {}) => {
      const [command = "", ...more] = words.split(" ");
      const result = await run(["foreign-plan", command, ...more, "-c", config], parts);
      return { ...result, json: () => JSON.parse(result.stdout) };
    },
  };
};
export type ForeignHost = Awaited<ReturnType<typeof foreignHost>>;
