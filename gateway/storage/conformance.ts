import { describe } from "node:test";
import { blockConformance } from "./conformance/blocks.ts";
import { broughtConformance } from "./conformance/brought.ts";
import { capsConformance } from "./conformance/caps.ts";
import { deleteRebuiltConformance } from "./conformance/delete-rebuilt.ts";
import { fileMirrorConformance } from "./conformance/file-mirrors.ts";
import { grantConformance } from "./conformance/grants.ts";
import { groupConformance } from "./conformance/groups.ts";
import { guardConformance } from "./conformance/guarded.ts";
import { lunMirrorConformance } from "./conformance/lun-mirrors.ts";
import { manifestConformance } from "./conformance/manifests.ts";
import { mappingConformance } from "./conformance/mapping.ts";
import { mirrorLabelConformance } from "./conformance/mirror-labels.ts";
import { mirrorConformance } from "./conformance/mirrors.ts";
import { orderConformance } from "./conformance/order.ts";
import { ownerConformance } from "./conformance/owners.ts";
import { proofConformance } from "./conformance/proofs.ts";
import { rebuildConformance } from "./conformance/rebuild.ts";
import { rebuildKindsConformance } from "./conformance/rebuild-kinds.ts";
import { rebuildObstaclesConformance } from "./conformance/rebuild-obstacles.ts";
import { rebuildTogetherConformance } from "./conformance/rebuild-together.ts";
import { rebuildUnderWayConformance } from "./conformance/rebuild-under-way.ts";
import { rebuildWishesConformance } from "./conformance/rebuild-wishes.ts";
import { releaseConformance } from "./conformance/release.ts";
import { rollbackConformance } from "./conformance/rollback.ts";
import { rollbackCutConformance } from "./conformance/rollback-cut.ts";
import { shapeConformance } from "./conformance/shapes.ts";
import { sharedVolumeConformance } from "./conformance/shared-volumes.ts";
import { skewConformance } from "./conformance/skew.ts";
import { snapshotHandleConformance } from "./conformance/snapshot-handles.ts";
import { sourceGroupConformance } from "./conformance/source-groups.ts";
import { stagingConformance } from "./conformance/staging.ts";
import { staleMirrorConformance } from "./conformance/stale-mirrors.ts";
import { standInGroupConformance } from "./conformance/stand-in-groups.ts";
import { standInConformance } from "./conformance/stand-ins.ts";
import type { ClusterTraits, StorageUnderTest } from "./conformance/storage-under-test.ts";
import { vmMirrorConformance } from "./conformance/vm-mirrors.ts";
import { volumeConformance } from "./conformance/volumes.ts";

/**
 * Registers the tests that every storage driver passes: what the comments of driver.ts promise.
 */
export const storageConformance = (
  name: string,
  open: () => Promise<StorageUnderTest>,
  traits: ClusterTraits,
): void => {
  describe(`${name} keeps the promises of the storage port`, { concurrency: traits.atOnce }, () => {
    capsConformance(open);
    if (traits.isConsole) volumeConformance(open);
    shapeConformance(open, traits);
    stagingConformance(open, traits.stagesVolumes);
    groupConformance(open, traits);
    sourceGroupConformance(open);
    skewConformance(open);
    snapshotHandleConformance(open);
    ownerConformance(open);
    mirrorConformance(open, traits);
    grantConformance(open);
    broughtConformance(open);
    lunMirrorConformance(open);
    fileMirrorConformance(open);
    vmMirrorConformance(open);
    mirrorLabelConformance(open);
    sharedVolumeConformance(open);
    mappingConformance(open, traits);
    staleMirrorConformance(open);
    releaseConformance(open);
    if (traits.isConsole) guardConformance(open);
    manifestConformance(open);
    proofConformance(open);
    orderConformance(open);
    rebuildConformance(open);
    rebuildKindsConformance(open);
    rebuildTogetherConformance(open);
    deleteRebuiltConformance(open);
    rollbackConformance(open, traits);
    // Elsewhere it is written by tasks of the cluster, and what cuts those is a test of its own.
    if (traits.isConsole) rollbackCutConformance(open);
    rebuildWishesConformance(open, traits);
    rebuildObstaclesConformance(open);
    rebuildUnderWayConformance(open);
    standInConformance(open);
    standInGroupConformance(open);
    blockConformance(open);
  });
};
