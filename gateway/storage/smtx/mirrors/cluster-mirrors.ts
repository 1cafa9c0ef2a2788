import assert from "node:assert/strict";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import { allOf } from "../../../time/all-of.ts";
import type { StorageCall } from "../../call.ts";
import type {
  MirrorSession,
  MirrorVolume,
  OpenMirrorOptions,
  PrepareMirrorOptions,
  PublishGroupOptions,
  SnapshotGroup,
} from "../../control.ts";
import { findPublished, snapshotOfSource } from "../../extentstore/cluster/snapshots.ts";
import { geometryOf } from "../../extentstore/cluster/volume-row.ts";
import { findMirror } from "../../extentstore/mirrors/mirrors.ts";
import { prepareMirror } from "../../extentstore/mirrors/prepare.ts";
import { openMirror, publishGroup } from "../../extentstore/mirrors/sessions.ts";
import type { MirrorExtentWriter } from "../../volume-io.ts";
import { ClusterExtentWriter } from "../blocks/extent-writer.ts";
import type { KeptShell, LunRef } from "../cluster/hands.ts";
import { type ClusterContext, removeLeft } from "../context.ts";
import { endTaking } from "../groups/begun.ts";
import { takeMembers } from "../groups/source-groups.ts";
import { putTaken, toTake } from "../groups/taken.ts";
import { listGroupsOnCluster, withManifest } from "../manifests/keeping.ts";
import { manifestSheetOf } from "../manifests/kept-groups.ts";
import { putManifest } from "../manifests/rows.ts";
import { baseName, ourName, ownerTag } from "../names.ts";
import { withFreeWay } from "../reaper/in-the-way.ts";
import { type ClusterChange, changeCluster, changeOurs } from "../records/changing.ts";
import { snapshotOf } from "../records/luns.ts";
import { noting } from "../records/notes.ts";
import { begunExtents, lookAtExtent } from "./claims.ts";
import { ExtentInLedger } from "./extent-in-ledger.ts";
import { isInPlace, type MirrorToMake, mirrorsToMake, placeMirror } from "./mirror-luns.ts";
import { MirrorWriting } from "./mirror-writing.ts";
import { closeBase, noteReset } from "./resets.ts";
import { keepShell, putShell, type ShellToKeep, shellToKeep, warningsOf } from "./vm-shells.ts";

interface PlannedMirrors {
  readonly mirrors: readonly MirrorVolume[];
  readonly toMake: readonly MirrorToMake[];
  readonly shell: ShellToKeep | undefined;
}

interface MadeMirror {
  readonly of: MirrorToMake;
  readonly lun: LunRef;
}

interface Made {
  readonly luns: readonly MadeMirror[];
  readonly kept: KeptShell | undefined;
}

const looksEveryMs = 30_000;

/** Mirrors on a cluster: LUNs of ours, which are written in place and snapshotted as groups. */
export class ClusterMirrors {
  readonly #context: ClusterContext;
  readonly #writing: MirrorWriting;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(context: ClusterContext) {
    this.#context = context;
    this.#writing = new MirrorWriting(context);
  }

  prepare(options: PrepareMirrorOptions, call?: StorageCall): Promise<readonly MirrorVolume[]> {
    return withFreeWay(this.#context, () => this.#prepare(options, call), call);
  }

  async #prepare(options: PrepareMirrorOptions, call: StorageCall | undefined): Promise<readonly MirrorVolume[]> {
    let kept: KeptShell | undefined;
    const { mirrors, shell } = await this.#beside<PlannedMirrors, Made>(
      {
        plan: (database) => {
          const made = prepareMirror(database, options);
          const toMake = mirrorsToMake(
            database,
            made.map(({ mirrorVolumeId }) => mirrorVolumeId),
          );
          return { mirrors: made, toMake, shell: shellToKeep(database, options) };
        },
        realize: async ({ toMake, shell: wanted }, watch) => {
          const luns: MadeMirror[] = [];
          for (const of of toMake) luns.push({ of, lun: await this.#make(of, watch) });
          kept = await keepShell(this.#context.hands, wanted, watch);
          return { luns, kept };
        },
        finish: (database, { shell: wanted }, made) => {
          for (const { of, lun } of made.luns) placeMirror(database, of, lun);
          putShell(database, wanted, made.kept);
        },
      },
      call,
    );
    for (const warning of warningsOf(shell, kept)) options.onWarning?.(warning);
    await removeLeft(this.#context, call);
    return mirrors;
  }

  /**
   * Nobody opens a mirror while a group is being published, nor the other way round. What the LUN
   * has to become before the first write is in the records by then. They change at once, not as
   * they were planned: up to then extents are claimed and done for the session before.
   */
  async open(options: OpenMirrorOptions, call?: StorageCall): Promise<MirrorSession> {
    const { mirrorVolumeId } = options;
    const { ledger } = this.#context;
    await ledger.suppose((database) => openMirror(database, options), call);
    const opened: { session?: MirrorSession } = {};
    await ledger.changeAround(
      {
        plan: () => undefined,
        realize: async () => undefined,
        finish: (database) => {
          const wasWritten = (findMirror(database, mirrorVolumeId)?.epoch ?? 0) > 0;
          const { result, contents } = noting(database, () => openMirror(database, options));
          noteReset(database, options, { contents, wasWritten });
          opened.session = { ...result, begun: result.complete ? [] : begunExtents(database, mirrorVolumeId) };
        },
      },
      call,
    );
    const { session } = opened;
    assert(session !== undefined, "what was recorded was done");
    const cloning = this.#cloneBase(options, session.epoch, call);
    const beginning = this.#writing.begin(mirrorVolumeId, { epoch: session.epoch, base: cloning }, call);
    // Neither goes on when this is over.
    await Promise.allSettled([cloning, beginning]);
    await cloning;
    await beginning;
    await this.#removeLater();
    return session;
  }

  async openExtent(
    of: {
      readonly mirrorVolumeId: string;
      readonly epoch: number;
      readonly extent: number;
      readonly from?: "base" | "zeros";
      readonly onWarning?: (warning: string) => void;
    },
    call?: StorageCall,
  ): Promise<MirrorExtentWriter> {
    const { mirrorVolumeId, epoch, extent, from = "base", onWarning } = of;
    const [looked, { lun, base }] = await allOf([
      this.#context.ledger.read((database) => lookAtExtent(database, of), call),
      this.#writing.open(mirrorVolumeId, epoch, call),
    ]);
    const { mirror } = looked;
    const { sizeBytes } = mirror;
    return new ClusterExtentWriter({
      ...{ lun, base, extent, from, geometry: geometryOf(mirror), sizeBytes, onWarning },
      record: new ExtentInLedger(this.#context, of, looked),
    });
  }

  async publish(options: PublishGroupOptions, call?: StorageCall): Promise<SnapshotGroup> {
    const { groupId, owner } = options;
    const name = ourName("group", ownerTag(owner), groupId);
    const { group } = await changeOurs(
      this.#context,
      {
        plan: (database) => {
          const isNew = findPublished(database, groupId, owner) === undefined;
          const published = publishGroup(database, options);
          const sheet = isNew ? manifestSheetOf(database, groupId) : undefined;
          return { group: published, members: toTake(database, groupId), sheet };
        },
        realize: ({ members, sheet }, watch) =>
          withManifest(
            this.#context,
            { owner, sheet },
            (others) => takeMembers(this.#context, { name, members, others, areStill: true }, watch),
            watch,
          ),
        finish: (database, { members }, { taken, manifestLun }) => {
          endTaking(database, name);
          putTaken(database, members, taken);
          for (const { volumeId } of members) closeBase(database, volumeId);
          if (manifestLun !== undefined) putManifest(database, { groupId, owner }, manifestLun, taken);
        },
      },
      call,
    );
    await listGroupsOnCluster(this.#context, owner, call);
    await this.#removeLater();
    return group;
  }

  close(): Promise<void> {
    return this.#writing.close();
  }

  /** The records know what, whoever dies meanwhile. */
  #removeLater(): Promise<void> {
    return this.#context.background.begin((call) => removeLeft(this.#context, call));
  }

  /**
   * A run prepares its objects one by one: not for each of them all is asked for that a cluster
   * has.
   */
  async #beside<T, R>(change: ClusterChange<T, R>, call: StorageCall | undefined): Promise<T> {
    const { time } = this.#context;
    if (time.nowMs() - this.#lookedMs < looksEveryMs) {
      try {
        return await changeOurs(this.#context, change, call);
      } catch (error) {
        // What is missing may have come since.
        if (!(error instanceof VisibleError)) throw error;
      }
    }
    const done = await changeCluster(this.#context, change, call);
    this.#lookedMs = time.nowMs();
    return done;
  }

  async #make({ wish, now }: MirrorToMake, call: StorageCall): Promise<LunRef> {
    const { hands } = this.#context;
    if (now === undefined || !isInPlace(now, wish)) return hands.makeLun(wish, call);
    await hands.growLun(now.lun, wish.sizeBytes, call);
    return { ...now, sizeBytes: wish.sizeBytes };
  }

  /** Of what the writing starts from, for all who write with this epoch. */
  async #cloneBase(
    { mirrorVolumeId, baseGroupId }: OpenMirrorOptions,
    epoch: number,
    call: StorageCall | undefined,
  ): Promise<void> {
    if (baseGroupId === null) return;
    const { ledger, hands } = this.#context;
    const snapshot = await ledger.read((database) => {
      if (database.one("SELECT 1 FROM basesOfMirrors WHERE volumeId = ?", mirrorVolumeId) !== undefined) return null;
      const mirror = findMirror(database, mirrorVolumeId);
      const base = mirror && snapshotOfSource(database, baseGroupId, mirror.sourceVolumeId);
      return base === undefined ? null : snapshotOf(database, base.tableId);
    }, call);
    if (snapshot === null) return;
    const name = baseName(mirrorVolumeId, epoch);
    const { lun, iqn, lunId } = await hands.cloneSnapshot({ snapshot, name }, call).catch(async (error: unknown) => {
      const mayBeGone = VisibleError.is(error, "NOT_FOUND") || VisibleError.is(error, "CLUSTER_TASK_FAILED");
      throw mayBeGone && (await hands.isGone({ snapshot }, call)) ? baseGone(baseGroupId) : error;
    });
    await ledger.change((database) => {
      // Whoever writes with a later epoch has a clone of its own, and this writer is out.
      if (findMirror(database, mirrorVolumeId)?.epoch !== epoch) return;
      closeBase(database, mirrorVolumeId);
      database.run("INSERT INTO basesOfMirrors VALUES (?, ?, ?, ?)", mirrorVolumeId, lun, iqn, lunId);
    }, call);
  }
}

const baseGone = (groupId: GroupId): VisibleError =>
  new VisibleError("BASE_MISSING", `The cluster has a snapshot of the group ${groupId} no more, to start from.`, {
    hint: `Somebody has deleted it. The next run starts from another group, or sends everything, when this one is gone: smtx-backup group delete ${groupId} --site SITE`,
  });
