import type { Time } from "../time/time.ts";
import type { ClusterAdministration } from "./administration.ts";
import type { StorageCall } from "./call.ts";
import type { ObjectId, StorageControl } from "./control.ts";
import type { RollbackControl } from "./rollback.ts";
import type { VolumeIo } from "./volume-io.ts";

/**
 * The storage port: what a gateway needs of a cluster. Every driver passes the conformance suite in
 * conformance.ts.
 *
 * - Ids of volumes and snapshots are the cluster's and opaque.
 * - Every call is idempotent where its comment says so, and may be repeated after any failure.
 * - Expected failures are `VisibleError`s with the codes named; retries are the caller's.
 * - A driver may be opened by several processes and worker threads at once over the same cluster.
 * - Offsets and lengths are bytes of the volume, whatever its striping; extents are indices into
 *   its extent table, and core/extent turns one into the other.
 * - Ordinary volumes are made, renamed, deleted and opened here only where the cluster has no
 *   console of its own; elsewhere those calls are ADMINISTERED_ELSEWHERE.
 * - Behind a network a call may be CLUSTER_UNREACHABLE, CLUSTER_REFUSED, CLUSTER_BUSY or
 *   CLUSTER_TASK_FAILED, whatever else it throws.
 * - Every call takes a `StorageCall` as its last argument, and has a timeout: whoever opens a
 *   driver puts with-timeouts.ts around it. A call that was given up may go on for all that is
 *   known. What it does later is harmless, because it may be repeated after any failure, or
 *   refused, because its epoch is over.
 */
export interface StorageDriver extends StorageControl, RollbackControl, VolumeIo {
  readonly kind: string;

  /** Undefined where a cluster's objects are somebody else's to make. */
  readonly administration?: ClusterAdministration;

  /**
   * Whether the guest agent of a VM answers now. Undefined where the cluster can't ask them.
   * @throws VOLUME_UNKNOWN, BAD_REQUEST (it is no VM)
   */
  guestAnswers?(vm: ObjectId, call?: StorageCall): Promise<boolean>;

  /**
   * One round of the housekeeping that a cluster leaves to its gateways, at a gentle pace; nothing
   * where it does that itself. It may take long, and is called again and again while a gateway
   * runs.
   * @throws STORE_IN_USE, STORE_CORRUPT, DISK_FAILED
   */
  tend(options: { readonly time: Time }, call?: StorageCall): Promise<void>;

  close(call?: StorageCall): Promise<void>;
}
