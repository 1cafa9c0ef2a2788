import type { Initiator } from "../../../iscsi/initiator.ts";
import type { IscsiPortal } from "../../../iscsi/portal.ts";
import type { StorageCall } from "../../call.ts";
import { ensureVmVolume } from "../cloud-tower/nouns/vm-volumes.ts";
import { replicas } from "../reach.ts";
import { clonesAreMetadata } from "./clones.ts";
import { makesFiles } from "./files.ts";
import type { ProbeGround } from "./ground.ts";
import { groupsTakeVolumes } from "./groups.ts";
import { tellsHoles } from "./holes.ts";
import { reservationsHoldAcrossNodes } from "./reservations.ts";
import { rollsBackToOthers, rollsBackVolumes } from "./rollbacks.ts";
import { type SeenAbilities, seenBy, yes } from "./seen.ts";
import { tablesTell } from "./tables.ts";

export interface AskOptions {
  /** Opens an initiator for one portal, which gives up soon. */
  readonly openAt: (portals: readonly IscsiPortal[]) => Promise<Initiator>;
  /** Told of what is being asked. */
  readonly onStep: (step: string) => void;
}

/** All questions in turn. What they make stays: somebody removes it afterwards. */
export const askAll = async (
  ground: ProbeGround,
  { openAt, onStep }: AskOptions,
  call: StorageCall,
): Promise<SeenAbilities> => {
  onStep("LUNs, a snapshot and a clone");
  const lun = await ground.lun("lun", call);
  await ground.write(lun, ground.content, call);
  const snapshot = await ground.snapshot(lun, "before", call);
  const { time } = ground.parts;
  const beganMs = time.nowMs();
  const clone = await ground.clone(snapshot, "clone", call);
  const tookMs = time.nowMs() - beganMs;
  const other = await ground.lun("other", call);
  await ground.write(other, ground.content.toReversed(), call);

  onStep("whether clones take space");
  const metadata = await clonesAreMetadata(ground, { clone, written: other, tookMs }, call);
  onStep("what extent tables show");
  const tables = await tablesTell(ground, { lun, snapshot, clone }, call);
  onStep("whether a LUN can be rolled back to another one's snapshot");
  const rolledBack = await rollsBackToOthers(ground, { other, snapshot }, call);
  onStep("whether that, and clones, go for virtual volumes");
  const volumes = await ofVolumes(ground, { lun, snapshot }, call);
  onStep("whether files can be made");
  const files = await makesFiles(ground, call);
  onStep("whether a clone tells what it has nothing of");
  const holes = await tellsHoles(ground, call);
  onStep("whether reservations hold across nodes");
  const reservations = await reservationsHoldAcrossNodes(ground, { lun: other, openAt }, call);
  return {
    ...{ clonesAreMetadata: metadata, rollsBackToOthers: rolledBack, reservationsHoldAcrossNodes: reservations },
    ...tables,
    ...volumes,
    makesFiles: files,
    tellsHoles: holes,
  };
};

const ofVolumes = async (
  ground: ProbeGround,
  { lun, snapshot }: Pick<Parameters<typeof tablesTell>[1], "lun" | "snapshot">,
  call: StorageCall,
): Promise<SeenAbilities> => {
  const { tower, clusterId } = ground.parts;
  const policy = `REPLICA_${replicas}_THIN_PROVISION`;
  const wanted = { clusterId, name: ground.nameOf("volume"), sizeBytes: ground.sizeBytes, policy };
  let volume: Awaited<ReturnType<typeof ensureVmVolume>> | undefined;
  const made = await seenBy(async () => {
    volume = await ensureVmVolume(tower, wanted, call);
    return yes("");
  }, call);
  if (volume === undefined) return { rollsBackVolumes: made, clonesVolumes: made, groupsTakeVolumes: made };
  const grouped = await groupsTakeVolumes(ground, { lun, volume }, call);
  return { ...(await rollsBackVolumes(ground, { volume, snapshot }, call)), groupsTakeVolumes: grouped };
};
